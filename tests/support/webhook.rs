//! A webhook receiver of another make: it checks every signature with the published `standardwebhooks` crate, keeps what
//! it got, and misbehaves when told to.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::patience::{Gate, until};
use crate::trouble::{Result, trouble};

/// What a mailbox answers.
#[derive(Debug, Clone)]
pub enum Reply {
    /// This status, with an empty body.
    Status(u16),
    /// This status, with this text.
    Text(u16, String),
    /// This status, and when to come back, as the header `retry-after` has it.
    RetryAfter(u16, String),
    /// 302 to this address.
    Redirect(String),
    /// This status, and in the body everything that was sent: what careless servers do.
    Echo(u16),
    /// Nothing, ever.
    Hang,
    /// 204, but only once the gate is open.
    Held(Gate),
}

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// The header `webhook-id`.
    pub id: String,
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// What the published library says about the signature.
    pub signature: std::result::Result<(), String>,
    /// When it had come in whole.
    pub at: Instant,
    /// The status that it was answered with.
    pub answered: u16,
    /// Its place among all requests to this receiver, over all mailboxes.
    pub turn: u64,
}

impl Received {
    /// The body as JSON; null when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// One header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether it only tried out whether deliveries would work.
    pub fn is_test(&self) -> bool {
        self.header("freehold-event-type") == Some("freehold.test")
    }
}

/// Listens on the loopback until dropped. Each path is a mailbox of its own, with what lies below it.
pub struct WebhookReceiver {
    url: String,
    boxes: Boxes,
    serving: JoinHandle<()>,
}

/// One path of a receiver.
#[derive(Clone)]
pub struct Mailbox {
    url: String,
    path: String,
    boxes: Boxes,
}

#[derive(Clone, Default)]
struct Boxes(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    boxes: HashMap<String, Contents>,
    turn: u64,
}

struct Contents {
    secret: Option<String>,
    script: VecDeque<Reply>,
    otherwise: Reply,
    received: Vec<Received>,
}

impl WebhookReceiver {
    /// Starts one.
    ///
    /// # Errors
    /// When the loopback has no free port.
    pub async fn start() -> Result<WebhookReceiver> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let boxes = Boxes::default();
        let router = axum::Router::new().fallback(receive).with_state(boxes.clone());
        let serving = tokio::spawn(async move {
            // It ends with its task; the tests see from outside when it does not serve.
            drop(axum::serve(listener, router).await);
        });
        Ok(WebhookReceiver { url, boxes, serving })
    }

    /// Opens a mailbox at `path`, such as `/acme`. It answers 204, to requests signed with another secret 401; without a
    /// secret it takes anything.
    pub fn mailbox(&self, path: &str, secret: Option<&str>) -> Mailbox {
        let contents = Contents {
            secret: secret.map(str::to_owned),
            script: VecDeque::new(),
            otherwise: Reply::Status(204),
            received: Vec::new(),
        };
        self.boxes.with(|inner| inner.boxes.insert(path.to_owned(), contents));
        Mailbox { url: format!("{}{path}", self.url), path: path.to_owned(), boxes: self.boxes.clone() }
    }
}

impl Drop for WebhookReceiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Mailbox {
    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers the next requests with these, one each.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.with(|contents| contents.script.extend(replies));
    }

    /// Answers every request with this, once the script is at its end.
    pub fn otherwise(&self, reply: Reply) {
        self.with(|contents| contents.otherwise = reply);
    }

    /// Checks signatures with this secret from now on.
    pub fn set_secret(&self, secret: &str) {
        self.with(|contents| contents.secret = Some(secret.to_owned()));
    }

    /// Everything that came, in the order in which it came.
    pub fn received(&self) -> Vec<Received> {
        self.with(|contents| contents.received.clone())
    }

    /// What came and was answered with a success.
    pub fn accepted(&self) -> Vec<Received> {
        self.received().into_iter().filter(|received| (200..300).contains(&received.answered)).collect()
    }

    /// Waits until `count` requests have come, and returns all.
    ///
    /// # Errors
    /// When they do not come in time.
    pub async fn wait_for(&self, count: usize) -> Result<Vec<Received>> {
        self.wait_for_within(count, crate::LONG).await
    }

    /// The same with another deadline.
    ///
    /// # Errors
    /// When they do not come in time.
    pub async fn wait_for_within(&self, count: usize, limit: Duration) -> Result<Vec<Received>> {
        until(&format!("{count} requests at {}", self.path), limit, async || {
            let received = self.received();
            Ok((received.len() >= count).then_some(received))
        })
        .await
        .map_err(|why| trouble(format!("{why}; {} came", self.received().len())))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Contents) -> T) -> T {
        self.boxes.with(|inner| {
            let contents = inner.boxes.entry(self.path.clone()).or_insert_with(|| Contents {
                secret: None,
                script: VecDeque::new(),
                otherwise: Reply::Status(204),
                received: Vec::new(),
            });
            act(contents)
        })
    }
}

impl Boxes {
    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn receive(State(boxes): State<Boxes>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, 64 * 1024 * 1024).await else { return answer(413, "") };
    let chosen = boxes.with(|inner| note(inner, &parts, &body));
    match chosen {
        None => answer(404, "no such mailbox"),
        Some(Reply::Status(status)) => answer(status, ""),
        Some(Reply::Text(status, text)) => answer(status, &text),
        Some(Reply::RetryAfter(status, when)) => with_header(answer(status, ""), "retry-after", &when),
        Some(Reply::Redirect(to)) => with_header(answer(302, ""), "location", &to),
        Some(Reply::Echo(status)) => {
            answer(status, &format!("{:?}\n{}", parts.headers, String::from_utf8_lossy(&body)))
        }
        Some(Reply::Hang) => std::future::pending().await,
        Some(Reply::Held(gate)) => {
            gate.passed().await;
            answer(204, "")
        }
    }
}

/// Keeps the request and decides what it is answered with.
fn note(inner: &mut Inner, parts: &Parts, body: &Bytes) -> Option<Reply> {
    inner.turn += 1;
    let (turn, headers, path) = (inner.turn, &parts.headers, parts.uri.path());
    // What lies below a mailbox is its own as well.
    let below = |path: &str| path.match_indices('/').nth(1).map_or(path.to_owned(), |(end, _)| path[..end].to_owned());
    let path = if inner.boxes.contains_key(path) { path.to_owned() } else { below(path) };
    let contents = inner.boxes.get_mut(&path)?;
    let signature = contents.secret.as_deref().map_or(Ok(()), |secret| verify(secret, headers, body));
    let reply = match (&signature, contents.script.pop_front()) {
        (Err(why), _) => Reply::Text(401, why.clone()),
        (Ok(()), Some(reply)) => reply,
        (Ok(()), None) => contents.otherwise.clone(),
    };
    let answered = match &reply {
        Reply::Status(status) | Reply::Text(status, _) | Reply::RetryAfter(status, _) | Reply::Echo(status) => *status,
        Reply::Redirect(_) => 302,
        Reply::Hang => 0,
        Reply::Held(_) => 204,
    };
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let (headers, body) = (headers.clone(), body.clone());
    let (method, target) = (parts.method.to_string(), parts.uri.to_string());
    contents.received.push(Received {
        id,
        method,
        target,
        headers,
        body,
        signature,
        at: Instant::now(),
        answered,
        turn,
    });
    Some(reply)
}

fn verify(secret: &str, headers: &HeaderMap, body: &[u8]) -> std::result::Result<(), String> {
    let webhook = standardwebhooks::Webhook::new(secret).map_err(|error| error.to_string())?;
    webhook.verify(body, headers).map_err(|error| error.to_string())
}

fn answer(status: u16, text: &str) -> Response {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

fn with_header(mut response: Response, name: &'static str, value: &str) -> Response {
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(name, value);
    }
    response
}
