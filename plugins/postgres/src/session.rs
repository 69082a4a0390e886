//! A connection to the server: opened, signed in, and spoken over. All that touches the SDK's streams and the credential.

use std::borrow::Cow;
use std::time::Duration;

use freehold_sdk::credential::{self, Hash, Secret};
use freehold_sdk::scram::{First, Password};
use freehold_sdk::stream::{Buffered, Target};
use freehold_sdk::{Error, context};

use crate::config::{Security, Settings};
use crate::encode::Statement;
use crate::error::Judge;
use crate::publish::{Inserted, Table};
use crate::wire::{self, Authentication, Refused, Said};

const SCRAM: &str = "SCRAM-SHA-256";
const HEAD_BYTES: usize = 5;

/// The customer's credential.
pub(crate) struct Access {
    pub(crate) username: String,
    /// Salted once, for all connections.
    password: Option<Password>,
    certificate: Option<(String, Secret)>,
}

impl Access {
    pub(crate) fn from_credential() -> Result<Self, Error> {
        let certificate = match credential::optional_text("client_certificate") {
            Some(chain) => Some((chain, credential::field("client_key")?)),
            None => None,
        };
        Ok(Access {
            username: credential::text("username")?,
            password: credential::optional_field("password").map(|secret| Password::new(secret, Hash::Sha256)),
            certificate,
        })
    }
}

/// An open connection, signed in, with no transaction under way.
pub(crate) struct Session {
    stream: Buffered,
    /// The `INSERT`.
    sql: String,
}

impl Session {
    /// Connects and signs in.
    pub(crate) fn open(settings: &Settings, statement: &Statement, access: &mut Access) -> Result<Self, Error> {
        let mut target = Target::new(&settings.endpoint()).timeout(settings.timeout);
        if let Some(pem) = &settings.ca_certificate {
            target = target.roots(pem);
        }
        if let Some((chain, key)) = &access.certificate {
            target = target.client_certificate(chain, key);
        }
        let mut session = Session { stream: Buffered::new(target.connect()?), sql: statement.insert.clone() };
        if settings.security == Security::Tls {
            session.go_over_to_tls()?;
        }
        session.stream.write(&wire::startup(&access.username, &settings.database))?;
        let refused = match session.sign_in(settings.security, access)? {
            Some(refused) => Some(refused),
            None => session.until_ready()?.refused,
        };
        let judge = Judge { settings, statement, user: &access.username };
        refused.map_or(Ok(session), |refused| Err(judge.error_of_session(&refused)))
    }

    /// Whether it can be used once more.
    pub(crate) fn is_good(&self) -> bool {
        self.stream.is_open()
    }

    fn go_over_to_tls(&mut self) -> Result<(), Error> {
        self.stream.write(&wire::ssl_request())?;
        match self.stream.exact(1)?.as_slice() {
            b"S" => self.stream.start_tls(),
            b"N" => {
                let message = "the server has no TLS: switch it on there (ssl = on, with a certificate), or connect to one that has";
                Err(Error::config("tls-not-offered", message).with_request_sent(true))
            }
            _ => {
                let message = "what came back cannot be read: is this really a Postgres server, and its port?";
                Err(Error::transient("postgres-answer-unreadable", message).with_request_sent(true))
            }
        }
    }

    /// Says who we are, as the server wants to hear it.
    fn sign_in(&mut self, security: Security, access: &mut Access) -> Result<Option<Refused>, Error> {
        loop {
            match self.hear()? {
                Said::Authentication(Authentication::Enough) => return Ok(None),
                Said::Authentication(Authentication::Password) => self.send_password(security)?,
                Said::Authentication(Authentication::Sasl(offered)) => {
                    let password = access.password.as_mut().ok_or_else(password_missing)?;
                    if let Some(refused) = self.scram(&offered, password)? {
                        return Ok(Some(refused));
                    }
                }
                Said::Authentication(Authentication::Another(name)) => return Err(another_way(name)),
                Said::Refused(refused) => return Ok(Some(refused)),
                Said::Other => {}
                _ => return Err(out_of_turn()),
            }
        }
    }

    fn send_password(&mut self, security: Security) -> Result<(), Error> {
        if security == Security::Plaintext {
            let message = "the server wants the password in the clear, and the connection has no TLS: have it ask for scram-sha-256 (in pg_hba.conf), or set `security` to tls";
            return Err(Error::config("password-in-clear", message).with_request_sent(true));
        }
        let password = credential::optional_field("password").ok_or_else(password_missing)?;
        self.stream.stream().write_secret(&wire::before_password(password.length()), &password, &[0])
    }

    fn scram(&mut self, offered: &[String], password: &mut Password) -> Result<Option<Refused>, Error> {
        if !offered.iter().any(|name| name == SCRAM) {
            return Err(another_way(&offered.join(", ")));
        }
        // The name was said at the beginning, and counts alone.
        let first = First::new("");
        self.stream.write(&wire::sasl_first(SCRAM, &first.message()))?;
        let challenge = match self.hear()? {
            Said::Authentication(Authentication::SaslNext(answer)) => first.read(&answer)?,
            Said::Refused(refused) => return Ok(Some(refused)),
            _ => return Err(out_of_turn()),
        };
        let last = challenge.prove(password)?;
        self.stream.write(&wire::sasl_next(last.message()))?;
        match self.hear()? {
            Said::Authentication(Authentication::SaslLast(answer)) => last.check(&answer).map(|()| None),
            Said::Refused(refused) => Ok(Some(refused)),
            _ => Err(out_of_turn()),
        }
    }

    /// Listens until the server waits for what comes next.
    fn until_ready(&mut self) -> Result<Inserted, Error> {
        let mut heard = Inserted { done: 0, refused: None };
        loop {
            match self.hear() {
                Ok(Said::Ready) => return Ok(heard),
                Ok(Said::Done(_)) => heard.done += 1,
                Ok(Said::Refused(refused)) => heard.refused = heard.refused.or(Some(refused)),
                Ok(Said::Prepared | Said::Other) => {}
                Ok(Said::Authentication(_)) => return Err(out_of_turn()),
                // What it said before it went says more than that it went.
                Err(_) if heard.refused.is_some() => return Ok(heard),
                Err(error) => return Err(error),
            }
        }
    }

    fn hear(&mut self) -> Result<Said, Error> {
        let head = self.stream.exact(HEAD_BYTES)?;
        let body = self.stream.exact(wire::body_length(&head)?)?;
        wire::read(head[0], &body)
    }
}

impl Table for Session {
    fn run(&mut self, sql: &str) -> Result<Option<Refused>, Error> {
        self.stream.write(&wire::query(sql))?;
        Ok(self.until_ready()?.refused)
    }

    fn insert(&mut self, rows: &[Vec<Cow<'_, [u8]>>]) -> Result<Inserted, Error> {
        self.stream.write(&wire::run_for_each(&self.sql, rows))?;
        self.until_ready()
    }

    fn time_left(&self) -> Duration {
        context::time_left()
    }
}

fn password_missing() -> Error {
    Error::auth("credential-missing", "the server asks for a password, and the credential has none: save it with one")
        .with_request_sent(true)
}

fn another_way(name: &str) -> Error {
    let message = format!(
        "the server wants a sign-in that is not supported ({name}): use scram-sha-256 for this user. Set password_encryption to scram-sha-256, set the user's password anew, and correct pg_hba.conf"
    );
    Error::config("sign-in-unsupported", message).with_request_sent(true)
}

fn out_of_turn() -> Error {
    let message = "the server answered something that was not asked: is there really a Postgres server?";
    Error::transient("postgres-answer-unreadable", message).with_request_sent(true)
}
