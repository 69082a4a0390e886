//! One question to a registry: told who asks when it wants to know, redirected where it keeps its bytes, and no further.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::Login;
use super::challenge::Challenge;
use crate::ask_error::{AskError, in_its_words};
use crate::way::{Answer, Leave, Means, Reach};

/// Redirects of one question. Registries redirect once, to the store that has the bytes.
const REDIRECTS_MAX: usize = 3;
/// What an address that does not do is reported for.
const SETTING: &str = "registry";

/// The way to one registry, and to where it sends us.
pub(super) struct Wire {
    /// Scheme, host and port.
    pub(super) origin: String,
    pub(super) leave: Leave,
    pub(super) login: Option<Login>,
    pub(super) ca: Option<Vec<u8>>,
    pub(super) timeout: Duration,
    /// What the registry accepted last.
    pub(super) authorization: Mutex<Option<HeaderValue>>,
    /// One for each origin, with its connections.
    pub(super) ways: Mutex<BTreeMap<String, Arc<Reach>>>,
}

/// What is asked.
#[derive(Clone)]
pub(super) struct Question<'a> {
    pub(super) method: Method,
    /// A path of the registry's, or an address that it gave.
    pub(super) place: &'a str,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
    /// Whether the registry itself has to answer: no redirect leads anywhere else.
    pub(super) stays: bool,
}

impl<'a> Question<'a> {
    pub(super) fn new(method: Method, place: &'a str) -> Self {
        Question { method, place, headers: Vec::new(), body: Bytes::new(), stays: false }
    }
}

impl Wire {
    /// Asks, and answers the registry's own question who asks; `scope` is what for.
    pub(super) async fn ask(&self, question: Question<'_>, scope: &str) -> Result<Answer, AskError> {
        let known = self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = self.follow(&question, known.as_ref()).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        let authorization = self.authorization(&answer, scope).await?;
        let answer = self.follow(&question, Some(&authorization)).await?;
        if answer.status == 401 {
            return Err(self.not_let_in());
        }
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(authorization);
        Ok(answer)
    }

    /// Asks where the registry says that the answer is. Who asks is told to the registry alone, so an answer 401 is its own:
    /// from anywhere else it would name a place to take the login to.
    async fn follow(&self, question: &Question<'_>, authorization: Option<&HeaderValue>) -> Result<Answer, AskError> {
        let nowhere = |_| AskError::Refused("the registry sends to an address that is none".to_owned());
        let registry = Url::parse(&self.origin).map_err(|_| self.no_address("it is no host"))?;
        let mut url = registry.join(question.place).map_err(nowhere)?;
        for _ in 0..=REDIRECTS_MAX {
            let mut headers = question.headers.clone();
            let to_registry = url.origin() == registry.origin();
            headers.extend(authorization.filter(|_| to_registry).map(|known| (header::AUTHORIZATION, known.clone())));
            let answer = self.send(&question.method, &url, headers, question.body.clone()).await?;
            let place = answer.headers.get(header::LOCATION).and_then(|place| place.to_str().ok());
            match (answer.status, place) {
                (301 | 302 | 303 | 307 | 308, Some(place)) if question.method == Method::GET => {
                    let next = url.join(place).map_err(nowhere)?;
                    if question.stays && next.origin() != registry.origin() {
                        return Ok(answer);
                    }
                    url = next;
                }
                (401, _) if !to_registry => return Err(self.wants_a_login_elsewhere(&url)),
                _ => return Ok(answer),
            }
        }
        Err(AskError::Refused("the registry sends from one place to the next".to_owned()))
    }

    async fn send(
        &self,
        method: &Method,
        url: &Url,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> Result<Answer, AskError> {
        let way = self.way(&url.origin().ascii_serialization())?;
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        way.send_bytes(method.clone(), path, headers, body).await
    }

    fn way(&self, origin: &str) -> Result<Arc<Reach>, AskError> {
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = ways.get(origin) {
            return Ok(way.clone());
        }
        let means = Means { ca: self.ca.as_deref(), timeout: self.timeout, name_servers: &[] };
        let way =
            Reach::with(SETTING, origin, &means, self.leave).map_err(|error| self.no_address(&error.to_string()))?;
        Ok(ways.entry(origin.to_owned()).or_insert(Arc::new(way)).clone())
    }

    /// What the registry's question is answered with.
    async fn authorization(&self, answer: &Answer, scope: &str) -> Result<HeaderValue, AskError> {
        let challenges = answer.headers.get_all(header::WWW_AUTHENTICATE);
        let challenge = challenges.iter().filter_map(|value| value.to_str().ok()).find_map(Challenge::parse);
        match (challenge, &self.login) {
            (Some(Challenge::Bearer { realm, service, scope: asked }), _) => {
                self.token(&realm, service.as_deref(), asked.as_deref().unwrap_or(scope)).await
            }
            (Some(Challenge::Basic), Some(login)) => basic(login),
            (Some(Challenge::Basic), None) => Err(self.not_let_in()),
            (None, _) => Err(AskError::Refused(format!(
                "{} asks who we are in a way that is not known here (neither Basic nor Bearer)",
                self.origin
            ))),
        }
    }

    /// A token for `scope` (<https://distribution.github.io/distribution/spec/auth/token/>).
    async fn token(&self, realm: &str, service: Option<&str>, scope: &str) -> Result<HeaderValue, AskError> {
        let unusable = || AskError::Refused(format!("{} names no usable place to get a token at", self.origin));
        let mut url = Url::parse(realm).map_err(|_| unusable())?;
        url.query_pairs_mut().extend_pairs(service.map(|service| ("service", service))).append_pair("scope", scope);
        let login = self.login.as_ref().map(basic).transpose()?;
        let headers = login.map(|login| (header::AUTHORIZATION, login)).into_iter().collect();
        let answer = self.send(&Method::GET, &url, headers, Bytes::new()).await?;
        match answer.status {
            200 => {}
            401 | 403 => return Err(self.not_let_in()),
            _ => return Err(refusal("a token", &answer)),
        }
        let said: Value = serde_json::from_slice(&answer.body).map_err(|_| unusable())?;
        let token = said["token"].as_str().or(said["access_token"].as_str()).ok_or_else(unusable)?;
        secret_value(Zeroizing::new(format!("Bearer {token}")))
    }

    fn not_let_in(&self) -> AskError {
        let host = &self.origin;
        AskError::Refused(match &self.login {
            Some(login) => {
                format!("{host} does not let {} in: check the password, and what the user may do", login.user)
            }
            None => format!(
                "{host} wants to know who asks: log in with `docker login`, or give --username and --password-stdin"
            ),
        })
    }

    fn wants_a_login_elsewhere(&self, url: &Url) -> AskError {
        AskError::Refused(format!(
            "{} sends to {}, which wants to know who asks: the login is for the registry alone and was not sent there; ask \
             whoever runs the registry",
            self.origin,
            url.origin().ascii_serialization()
        ))
    }

    fn no_address(&self, why: &str) -> AskError {
        AskError::Refused(format!("{} cannot be reached as a registry: {why}", self.origin))
    }
}

fn basic(login: &Login) -> Result<HeaderValue, AskError> {
    let pair = Zeroizing::new(format!("{}:{}", login.user, login.password.reveal()));
    secret_value(Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes()))))
}

/// A header that does not show itself.
fn secret_value(text: Zeroizing<String>) -> Result<HeaderValue, AskError> {
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| AskError::Refused("the login has characters that no header can carry".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Why `answer` is not what was asked for.
pub(super) fn refusal(what: &str, answer: &Answer) -> AskError {
    let said: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let first = said.as_ref().map(|said| &said["errors"][0]);
    let message = first.and_then(|error| error["message"].as_str().or(error["code"].as_str())).unwrap_or("no reason");
    let (status, message) = (answer.status, in_its_words(message));
    let why = format!("the registry answered {what} with {status}: {message}");
    match status {
        429 | 500.. => AskError::Away(why),
        401 | 403 => AskError::Refused(format!("{why}; check what the user may do there")),
        _ => AskError::Refused(why),
    }
}
