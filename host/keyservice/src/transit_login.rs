//! Who is Freehold to OpenBao or Vault? A token, that somebody keeps fresh or that an AppRole gives.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use freehold_reach::aws::read;
use freehold_reach::{AskError, Reach, SecretText, in_its_words};
use http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::config::TransitLogin;
use crate::transit::{nonsense, passes};

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");

/// Shows who Freehold is.
pub(crate) struct Login {
    how: TransitLogin,
    /// The token of an AppRole, and until when it is used.
    given: Mutex<Option<Given>>,
}

struct Given {
    token: Zeroizing<String>,
    until: Instant,
}

#[derive(Serialize)]
struct Role<'a> {
    role_id: &'a str,
    secret_id: &'a str,
}

impl Role<'_> {
    /// As JSON, in one buffer that is wiped.
    fn to_body(&self) -> Result<Zeroizing<Vec<u8>>, AskError> {
        // Room for six bytes a character, the most that one takes, so that no piece stays behind when the text grows.
        let room = (self.role_id.len() + self.secret_id.len()) * 6 + 64;
        let mut body = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *body, self)
            .map_err(|error| AskError::Refused(format!("the login cannot be written: {error}")))?;
        Ok(body)
    }
}

#[derive(Deserialize)]
struct LoggedIn {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    client_token: String,
    lease_duration: u64,
}

impl Login {
    pub(crate) fn new(how: TransitLogin) -> Self {
        Login { how, given: Mutex::new(None) }
    }

    /// What a question says about who asks.
    pub(crate) async fn headers(
        &self,
        reach: &Reach,
        namespace: Option<&str>,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, AskError> {
        let token = match &self.how {
            TransitLogin::Token(token) => Zeroizing::new(token.reveal().to_owned()),
            TransitLogin::TokenFile(path) => read(path).await?,
            TransitLogin::AppRole { mount, role_id, secret_id } => {
                self.by_role(reach, namespace, mount, role_id, secret_id.as_ref()).await?
            }
        };
        let mut headers = in_namespace(namespace)?;
        headers.push((TOKEN, value(token.trim())?));
        Ok(headers)
    }

    /// Lets go of a token that was refused. Whether there is a way to another.
    pub(crate) async fn forget(&self) -> bool {
        self.given.lock().await.take();
        !matches!(self.how, TransitLogin::Token(_))
    }

    async fn by_role(
        &self,
        reach: &Reach,
        namespace: Option<&str>,
        mount: &str,
        role_id: &str,
        secret_id: Result<&SecretText, &PathBuf>,
    ) -> Result<Zeroizing<String>, AskError> {
        // Held while logging in, so that many questions share one token.
        let mut given = self.given.lock().await;
        if let Some(given) = given.as_ref().filter(|given| Instant::now() < given.until) {
            return Ok(given.token.clone());
        }
        let secret_id = match secret_id {
            Ok(text) => Zeroizing::new(text.reveal().to_owned()),
            Err(path) => read(path).await?,
        };
        let body = Role { role_id, secret_id: secret_id.trim() }.to_body()?;
        let answer =
            reach.send(Method::POST, &format!("/v1/auth/{mount}/login"), in_namespace(namespace)?, body).await?;
        if answer.status != 200 {
            let said = in_its_words(&String::from_utf8_lossy(&answer.body));
            let why = format!("the login at auth/{mount} was answered with {} ({said})", answer.status);
            return Err(if passes(answer.status) { AskError::Away(why) } else { AskError::Refused(why) });
        }
        let logged_in: LoggedIn = serde_json::from_slice(&answer.body).map_err(|_| nonsense())?;
        let token = Zeroizing::new(logged_in.auth.client_token);
        // Renewed well before its end, so that no question meets a token that ends on the way. 0 is for ever.
        let lasts = match logged_in.auth.lease_duration {
            0 => Duration::from_secs(3_600),
            seconds => Duration::from_secs(seconds) * 2 / 3,
        };
        let until = Instant::now().checked_add(lasts).unwrap_or_else(Instant::now);
        *given = Some(Given { token: token.clone(), until });
        Ok(token)
    }
}

fn in_namespace(namespace: Option<&str>) -> Result<Vec<(HeaderName, HeaderValue)>, AskError> {
    let Some(namespace) = namespace else { return Ok(Vec::new()) };
    let value = HeaderValue::from_str(namespace)
        .map_err(|_| AskError::Refused("`transit.namespace` has characters that no namespace has".to_owned()))?;
    Ok(vec![(NAMESPACE, value)])
}

fn value(token: &str) -> Result<HeaderValue, AskError> {
    let mut value = HeaderValue::from_str(token)
        .map_err(|_| AskError::Refused("the token has characters that no token has".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
