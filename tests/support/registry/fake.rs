//! A server in a registry's place that says what a test has it say, and remembers who asked for what.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{StatusCode, header};
use tokio::task::JoinHandle;

use crate::trouble::Result;

/// What is answered to whoever asks for a path.
type Script = Arc<dyn Fn(&str) -> Said + Send + Sync>;

/// An answer.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// The status; 404, if none is given.
    pub status: Option<u16>,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The path.
    pub path: String,
    /// `USER:PASSWORD`, or whatever else came as the header `authorization`.
    pub login: Option<String>,
}

/// The running server. It ends when dropped.
pub struct FakeRegistry {
    host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    serving: JoinHandle<()>,
}

impl FakeRegistry {
    /// Starts it.
    ///
    /// # Errors
    /// When no port can be listened at.
    pub async fn start(script: impl Fn(&str) -> Said + Send + Sync + 'static) -> Result<FakeRegistry> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let (host, asked) = (listener.local_addr()?.to_string(), Arc::default());
        let script: Script = Arc::new(script);
        let router = axum::Router::new().fallback(answer).with_state((script, Arc::clone(&asked)));
        let serving = tokio::spawn(async move {
            // It ends with its task; the tests see from outside when it does not serve.
            drop(axum::serve(listener, router).await);
        });
        Ok(FakeRegistry { host, asked, serving })
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What was asked for until now.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for FakeRegistry {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State((script, asked)): State<(Script, Arc<Mutex<Vec<Asked>>>)>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let login = request.headers().get(header::AUTHORIZATION).map(|value| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let pair = text.strip_prefix("Basic ").and_then(|pair| STANDARD.decode(pair).ok());
        pair.map_or(text, |pair| String::from_utf8_lossy(&pair).into_owned())
    });
    let said = script(&path);
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(Asked { path, login });
    let status = said.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::NOT_FOUND);
    let mut response = (status, said.body).into_response();
    for (name, value) in said.headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
