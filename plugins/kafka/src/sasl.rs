//! How do we say who we are? Passwords and tokens stay sealed: the host writes or derives what the mechanisms need of them.

use std::time::Duration;

use freehold_sdk::credential::{self, Hash, Secret};
use freehold_sdk::scram::{First, Password};
use freehold_sdk::{Error, context};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::sasl_authenticate_response::SaslAuthenticateResponse;
use kafka_protocol::messages::{SaslHandshakeRequest, SaslHandshakeResponse};
use kafka_protocol::protocol::StrBytes;

use crate::config::{Mechanism, OAuth, Settings};
use crate::error::{self, About};
use crate::session::Session;

mod oauth;

const HANDSHAKE_NEWEST: i16 = 1;

/// The customer's credential, and what was derived from it.
pub(crate) struct Access {
    /// The client certificate and its key.
    pub(crate) certificate: Option<(String, Secret)>,
    identity: Identity,
}

enum Identity {
    None,
    Plain { username: String, password: Secret },
    Scram { username: String, password: Password },
    Bearer { secret: Secret, token: Option<oauth::Token> },
}

impl Access {
    pub(crate) fn from_credential(mechanism: Mechanism) -> Result<Self, Error> {
        let certificate = match credential::optional_text("client_certificate") {
            Some(chain) => Some((chain, credential::field("client_key")?)),
            None => None,
        };
        let scram = |hash| {
            let password = Password::new(credential::field("password")?, hash);
            Ok::<_, Error>(Identity::Scram { username: credential::text("username")?, password })
        };
        let identity = match mechanism {
            Mechanism::None => Identity::None,
            Mechanism::Plain => {
                Identity::Plain { username: credential::text("username")?, password: credential::field("password")? }
            }
            Mechanism::ScramSha256 => scram(Hash::Sha256)?,
            Mechanism::ScramSha512 => scram(Hash::Sha512)?,
            Mechanism::Oauthbearer => Identity::Bearer { secret: credential::field("client_secret")?, token: None },
        };
        Ok(Access { certificate, identity })
    }

    /// Signs in. Answers with how long the broker accepts it, if it told.
    pub(crate) fn sign_in(&mut self, session: &mut Session, settings: &Settings) -> Result<Option<Duration>, Error> {
        if matches!(self.identity, Identity::None) {
            return Ok(None);
        }
        handshake(session, settings.mechanism)?;
        let answer = match &mut self.identity {
            Identity::None => return Ok(None),
            Identity::Plain { username, password } => {
                session.authenticate_with_secret(format!("\0{username}\0").as_bytes(), password, b"")?
            }
            Identity::Scram { username, password } => scram(session, username, password)?,
            Identity::Bearer { secret, token } => match &settings.oauth {
                Some(oauth) => bearer(session, oauth, secret, token)?,
                None => return Err(Error::config("oauth-missing", "oauth does not say where tokens come from")),
            },
        };
        check(&answer)?;
        let lifetime = u64::try_from(answer.session_lifetime_ms).ok().filter(|ms| *ms > 0);
        Ok(lifetime.map(Duration::from_millis))
    }
}

/// Asks for a mechanism.
fn handshake(session: &mut Session, mechanism: Mechanism) -> Result<(), Error> {
    let request = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(mechanism.name()));
    let answer = session.ask(HANDSHAKE_NEWEST, &request)?;
    match ResponseError::try_from_code(answer.error_code) {
        None => Ok(()),
        Some(ResponseError::UnsupportedSaslMechanism) => Err(no_such_mechanism(mechanism, &answer)),
        // The listener does not ask who we are, and so does not let us say it.
        Some(ResponseError::IllegalSaslState) => Err(Error::config(
            "sasl-not-wanted",
            "this listener of the cluster does not ask for a sign-in: set `sasl` to none, or use the port of another listener",
        )
        .with_request_sent(true)),
        Some(_) => Err(error::of_code(answer.error_code, About::Cluster, None)),
    }
}

fn no_such_mechanism(mechanism: Mechanism, answer: &SaslHandshakeResponse) -> Error {
    let offered: Vec<&str> = answer.mechanisms.iter().map(StrBytes::as_str).collect();
    let message = format!(
        "this listener of the cluster does not offer {}, but {}: correct `sasl`, or enable it there",
        mechanism.name(),
        if offered.is_empty() { "no sign-in at all".to_owned() } else { offered.join(", ") }
    );
    Error::config("sasl-mechanism", message).with_request_sent(true)
}

/// Whether a step of the sign-in worked.
fn check(answer: &SaslAuthenticateResponse) -> Result<(), Error> {
    match answer.error_code {
        0 => Ok(()),
        code => Err(error::of_code(code, About::Cluster, answer.error_message.as_deref())),
    }
}

/// SCRAM (RFC 5802): each side proves that it knows the password.
fn scram(session: &mut Session, username: &str, password: &mut Password) -> Result<SaslAuthenticateResponse, Error> {
    let first = First::new(username);
    let answer = session.authenticate(first.message().into_bytes())?;
    check(&answer)?;
    let last = first.read(&answer.auth_bytes)?.prove(password)?;
    let answer = session.authenticate(last.message().as_bytes().to_vec())?;
    check(&answer)?;
    last.check(&answer.auth_bytes)?;
    Ok(answer)
}

/// OAUTHBEARER (RFC 7628).
fn bearer(
    session: &mut Session,
    oauth: &OAuth,
    secret: &Secret,
    kept: &mut Option<oauth::Token>,
) -> Result<SaslAuthenticateResponse, Error> {
    let token = match kept.take().filter(|token| token.is_good(context::now_ms())) {
        Some(token) => token,
        None => oauth::fetch(oauth, secret)?,
    };
    let answer = session.authenticate_with_secret(oauth::BEFORE_TOKEN, &token.secret, &oauth::after_token(oauth))?;
    // A broker that refuses a token first says why, and fails once it has been heard.
    if answer.error_code == 0 && !answer.auth_bytes.is_empty() {
        let why = oauth::refusal(&answer.auth_bytes);
        let answer = session.authenticate(vec![1])?;
        let said = answer.error_message.as_deref().map(|said| format!("; it said: {said}")).unwrap_or_default();
        let message = format!("the cluster does not accept the token ({why}){said}");
        return Err(Error::auth("sasl-refused", message).with_request_sent(true));
    }
    if answer.error_code == 0 {
        *kept = Some(token);
    }
    Ok(answer)
}
