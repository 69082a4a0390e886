//! Who writes, and with which token? Tokens are made from the credential, sealed, and kept until shortly before they end.

use std::time::Duration;

use freehold_sdk::credential::{self, Secret};
use freehold_sdk::{Error, context};

use crate::config::Target;

mod answer;
mod external_account;
pub(crate) mod form;
mod service_account;

/// What the token is good for: everything that is done with tables.
const SCOPE: &str = "https://www.googleapis.com/auth/bigquery";

/// A token is not used in its last minute, so that it does not end on its way.
const MARGIN_MS: u64 = 60_000;

/// How long a token endpoint may take.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(10);

/// The customer's way to tokens, and the token in use.
pub(crate) struct Access {
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
    /// Seals a token that lasts for `lifetime`.
    fn seal(granted: answer::Granted, now_ms: u64) -> Token {
        let lifetime_ms = granted.lifetime_s.saturating_mul(1000);
        Token {
            secret: credential::seal(granted.token.as_bytes()),
            ends_ms: now_ms.saturating_add(lifetime_ms.saturating_sub(MARGIN_MS)),
        }
    }
}

impl Access {
    pub(crate) fn from_credential(target: &Target) -> Result<Self, Error> {
        let key = credential::optional_field("service_account");
        let federation = credential::optional_text("external_account");
        let source = match (key, federation) {
            (Some(key), None) => Source::Key(service_account::Key::new(key, &target.origins)?),
            (None, Some(json)) => Source::Federation(external_account::Federation::new(&json, target)?),
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

    /// Who writes, for messages.
    pub(crate) fn principal(&self) -> String {
        match &self.source {
            Source::Key(key) => key.email().to_owned(),
            Source::Federation(federation) => federation.principal().to_owned(),
        }
    }

    /// A token that is good for some time yet.
    pub(crate) fn token(&mut self) -> Result<&Secret, Error> {
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

    /// Does not use the token again.
    pub(crate) fn forget(&mut self) {
        self.token = None;
    }
}
