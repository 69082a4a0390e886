//! How does the transit engine of OpenBao or HashiCorp Vault wrap? `encrypt` and `decrypt`, with the place as associated
//! data, and as the context of a derived key.
//!
//! <https://openbao.org/api-docs/secret/transit/>

use std::borrow::Cow;
use std::sync::Arc;

use freehold_reach::{Answer, AskError, Reach, in_its_words};
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::message;
use crate::remote::Binding;
use crate::transit_login::Login;

/// What it says of a key that is not there.
const NO_KEY: &str = "encryption key not found";

/// A key that a transit engine keeps.
pub(crate) struct Transit {
    pub(crate) server: Arc<Server>,
    /// Where the engine is mounted.
    pub(crate) mount: String,
    /// The key's name there.
    pub(crate) name: String,
}

/// An OpenBao or a Vault, and who Freehold is there.
pub(crate) struct Server {
    pub(crate) reach: Reach,
    pub(crate) login: Login,
    pub(crate) namespace: Option<String>,
}

#[derive(Deserialize)]
struct Told<T> {
    data: T,
}

#[derive(Deserialize)]
struct Wrapped {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Unwrapped<'a> {
    #[serde(borrow)]
    plaintext: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<String>,
}

impl Transit {
    pub(crate) async fn wrap(&self, plaintext: &[u8], binding: &Binding) -> Result<Vec<u8>, AskError> {
        let members = bound(binding);
        let answer = self.ask("encrypt", || message::with_secret(&members, "plaintext", plaintext)).await?;
        let told: Told<Wrapped> = read(&answer)?;
        Ok(told.data.ciphertext.into_bytes())
    }

    pub(crate) async fn unwrap(&self, wrapped: &[u8], binding: &Binding) -> Result<Zeroizing<Vec<u8>>, AskError> {
        let ciphertext = std::str::from_utf8(wrapped).map_err(|_| AskError::DoesNotOpen)?;
        let mut members = bound(binding);
        members.insert("ciphertext".into(), ciphertext.into());
        let body = Value::Object(members).to_string().into_bytes();
        let answer = self.ask("decrypt", || Zeroizing::new(body.clone())).await?;
        let told: Told<Unwrapped<'_>> = read(&answer)?;
        message::decode(&told.data.plaintext).ok_or_else(nonsense)
    }

    /// Errs when there is no such key: asked to encrypt, the engine would make one for whoever may make keys.
    pub(crate) async fn exists(&self) -> Result<(), AskError> {
        let body = || Zeroizing::new(br#"{"ciphertext":"vault:v1:AAAA"}"#.to_vec());
        let answer = self.answer("decrypt", body).await?;
        match self.refusal("decrypt", &answer) {
            // A derived key misses its context, which only a key that is there can do.
            AskError::Refused(why) if !why.contains("context") => Err(AskError::Refused(why)),
            // Whatever else may be wrong shows when it wraps.
            _ => Ok(()),
        }
    }

    async fn ask(&self, operation: &str, body: impl Fn() -> Zeroizing<Vec<u8>>) -> Result<Answer, AskError> {
        let answer = self.answer(operation, body).await?;
        if answer.status == 200 { Ok(answer) } else { Err(self.refusal(operation, &answer)) }
    }

    async fn answer(&self, operation: &str, body: impl Fn() -> Zeroizing<Vec<u8>>) -> Result<Answer, AskError> {
        let path = format!("/v1/{}/{operation}/{}", self.mount, self.name);
        let answer = self.server.post(&path, body()).await?;
        // A token that has ended is replaced once, where there is a way to another.
        if answer.status == 403 && self.server.login.forget().await {
            return self.server.post(&path, body()).await;
        }
        Ok(answer)
    }

    fn refusal(&self, operation: &str, answer: &Answer) -> AskError {
        let errors = serde_json::from_slice::<Errors>(&answer.body).map(|said| said.errors).unwrap_or_default();
        let said = in_its_words(&errors.join("; "));
        let (mount, name) = (&self.mount, &self.name);
        let is_ours = said.contains("message authentication failed")
            || (said.contains("invalid ciphertext") && !said.contains("too new"));
        let advice = match answer.status {
            400 if operation == "decrypt" && is_ours => return AskError::DoesNotOpen,
            400 if said.contains(NO_KEY) => "make the key there, or correct its name".to_owned(),
            403 => format!("its policy must allow `update` on {mount}/encrypt/{name} and {mount}/decrypt/{name}"),
            404 => format!("no transit engine is mounted at {mount}"),
            503 => "it is sealed or not ready".to_owned(),
            _ => "see its log".to_owned(),
        };
        let why = format!("the transit engine answered {operation} with {} ({said}): {advice}", answer.status);
        if passes(answer.status) { AskError::Away(why) } else { AskError::Refused(why) }
    }
}

impl Server {
    /// Posts to `path` as whom the login says.
    async fn post(&self, path: &str, body: Zeroizing<Vec<u8>>) -> Result<Answer, AskError> {
        let mut headers = self.login.headers(&self.reach, self.namespace.as_deref()).await?;
        headers.push((http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json")));
        self.reach.send(Method::POST, path, headers, body).await
    }
}

/// Whether another answer may come in a moment: too many questions, sealed, no leader, a standby.
pub(crate) fn passes(status: u16) -> bool {
    matches!(status, 412 | 429 | 472 | 473) || status >= 500
}

/// What binds to a place. A key that is not derived ignores the context.
fn bound(binding: &Binding) -> Map<String, Value> {
    let place = message::encode(&binding.bytes);
    Map::from_iter([("associated_data".to_owned(), place.clone().into()), ("context".to_owned(), place.into())])
}

fn read<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, AskError> {
    serde_json::from_slice(&answer.body).map_err(|_| nonsense())
}

pub(crate) fn nonsense() -> AskError {
    AskError::Refused("what answers there is neither OpenBao nor Vault: check `transit.address`".to_owned())
}
