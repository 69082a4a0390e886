//! Tokens for Google's services: made from a service account's key or by workload identity federation, sealed, and kept until
//! shortly before they end. With the feature `google`.
//!
//! ```no_run
//! use freehold_sdk::google::{Access, Places};
//! use freehold_sdk::http::Request;
//!
//! fn rows() -> Result<(), freehold_sdk::Error> {
//!     let mut access = Access::from_credential(&Places::new("https://www.googleapis.com/auth/bigquery"))?;
//!     Request::get("https://bigquery.googleapis.com/bigquery/v2/projects").bearer(access.token()?).send()?;
//!     Ok(())
//! }
//! ```

use std::time::Duration;

use crate::credential::{self, Secret};
use crate::{Error, context};

mod answer;
mod external_account;
mod places;
mod service_account;

pub use places::{Places, origin};

/// A token is not used in its last minute, so that it does not end on its way.
const MARGIN_MS: u64 = 60_000;

/// How long a token endpoint may take.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(10);

/// What is left of a delivery's time after the last request, to answer in.
const ANSWER_RESERVE: Duration = Duration::from_secs(2);

/// The customer's way to tokens, and the token in use. The credential has either the field `service_account` (a key file's
/// JSON, secret) or `external_account` (a credential configuration's JSON, not secret); the latter perhaps with
/// `subject_token_authorization`. The manifest of `bigquery` has their schemas.
pub struct Access {
    source: Source,
    token: Option<Token>,
}

enum Source {
    Key(service_account::Key),
    Federation(external_account::Federation),
}

/// A token, and until when it is used.
struct Token {
    secret: Secret,
    ends_ms: u64,
}

impl Token {
    /// Seals a token that lasts for as long as was granted.
    fn seal(granted: answer::Granted, now_ms: u64) -> Token {
        let lifetime_ms = granted.lifetime_s.saturating_mul(1000);
        Token {
            secret: credential::seal(granted.token.as_bytes()),
            ends_ms: now_ms.saturating_add(lifetime_ms.saturating_sub(MARGIN_MS)),
        }
    }
}

impl Access {
    /// Looks which of the two ways the customer gave. Nothing is sent yet.
    ///
    /// # Errors
    /// Of kind [`Auth`](crate::ErrorKind::Auth) when what they gave cannot be used, with what to do.
    pub fn from_credential(places: &Places) -> Result<Self, Error> {
        let key = credential::optional_field("service_account");
        let federation = credential::optional_text("external_account");
        let source = match (key, federation) {
            (Some(key), None) => Source::Key(service_account::Key::new(key, places)?),
            (None, Some(json)) => Source::Federation(external_account::Federation::new(&json, places)?),
            (None, None) => {
                return Err(Error::auth(
                    "credential-missing",
                    "the credential has neither service_account nor external_account: save one of the two",
                ));
            }
            (Some(_), Some(_)) => {
                return Err(Error::auth(
                    "credential-ambiguous",
                    "the credential has both service_account and external_account: save it again with one of the two",
                ));
            }
        };
        Ok(Access { source, token: None })
    }

    /// Who writes, for messages: an account's address.
    pub fn principal(&self) -> String {
        match &self.source {
            Source::Key(key) => key.email().to_owned(),
            Source::Federation(federation) => federation.principal().to_owned(),
        }
    }

    /// A token that is good for some time yet.
    ///
    /// # Errors
    /// When an endpoint gives none, with what the customer shall do about it.
    pub fn token(&mut self) -> Result<&Secret, Error> {
        let now_ms = context::now_ms();
        let fresh = match self.token.take().filter(|token| token.ends_ms > now_ms) {
            Some(token) => token,
            None => match &self.source {
                Source::Key(key) => key.token(now_ms)?,
                Source::Federation(federation) => federation.token(now_ms)?,
            },
        };
        Ok(&self.token.insert(fresh).secret)
    }

    /// Does not use the token again: a service has refused it.
    pub fn forget(&mut self) {
        self.token = None;
    }
}

/// How long a token endpoint may take in what is left of this delivery.
fn exchange_limit() -> Duration {
    context::time_left().saturating_sub(ANSWER_RESERVE).clamp(Duration::from_millis(1), EXCHANGE_LIMIT)
}
