//! How do we say who we are? Passwords and tokens stay sealed: the host writes or derives what the mechanisms need of them.

use std::time::Duration;

use freehold_sdk::credential::{self, Hash, Secret};
use freehold_sdk::{Error, context, random};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::sasl_authenticate_response::SaslAuthenticateResponse;
use kafka_protocol::messages::{SaslHandshakeRequest, SaslHandshakeResponse};
use kafka_protocol::protocol::StrBytes;

use crate::config::{Mechanism, OAuth, Settings};
use crate::error::{self, About};
use crate::session::Session;

mod oauth;
mod scram;

const HANDSHAKE_NEWEST: i16 = 1;
const NONCE_BYTES: usize = 24;

/// The customer's credential, and what was derived from it.
pub(crate) struct Access {
    /// The client certificate and its key.
    pub(crate) certificate: Option<(String, Secret)>,
    identity: Identity,
}

enum Identity {
    None,
    Plain { username: String, password: Secret },
    Scram { username: String, password: Secret, hash: Hash, salted: Option<Salted> },
    Bearer { secret: Secret, token: Option<oauth::Token> },
}

/// A password that was salted for a cluster: the same for each of its brokers.
struct Salted {
    salt: Vec<u8>,
    iterations: u32,
    password: Secret,
}

impl Access {
    pub(crate) fn from_credential(mechanism: Mechanism) -> Result<Self, Error> {
        let certificate = match credential::optional_text("client_certificate") {
            Some(chain) => Some((chain, credential::field("client_key")?)),
            None => None,
        };
        let scram = |hash| {
            let (username, password) = (credential::text("username")?, credential::field("password")?);
            Ok::<_, Error>(Identity::Scram { username, password, hash, salted: None })
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
            Identity::Scram { username, password, hash, salted } => {
                let challenge = challenge(session, username)?;
                prove(session, &challenge, *hash, salt(password, *hash, salted, &challenge)?)?
            }
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

/// The first half of SCRAM (RFC 5802): what the broker asks for.
fn challenge(session: &mut Session, username: &str) -> Result<scram::Challenge, Error> {
    let mut nonce = [0; NONCE_BYTES];
    random::fill(&mut nonce);
    let first = scram::First::new(username, &nonce);
    let answer = session.authenticate(first.message().into_bytes())?;
    check(&answer)?;
    first.read(&answer.auth_bytes)
}

/// The second half: each side proves that it knows the password.
fn prove(
    session: &mut Session,
    challenge: &scram::Challenge,
    hash: Hash,
    salted: &Secret,
) -> Result<SaslAuthenticateResponse, Error> {
    let keyed = |text: &[u8]| match hash {
        Hash::Sha256 => salted.hmac_sha256(text).to_vec(),
        Hash::Sha512 => salted.hmac_sha512(text),
    };
    let last = challenge.prove(hash, &keyed(scram::CLIENT_KEY), &keyed(scram::SERVER_KEY));
    let answer = session.authenticate(last.message.into_bytes())?;
    check(&answer)?;
    scram::check_server(&answer.auth_bytes, &last.server_signature)?;
    Ok(answer)
}

/// Salts the password, or takes what was salted before.
fn salt<'a>(
    password: &Secret,
    hash: Hash,
    kept: &'a mut Option<Salted>,
    challenge: &scram::Challenge,
) -> Result<&'a Secret, Error> {
    let (salt, iterations) = (&challenge.salt, challenge.iterations);
    let salted = match kept.take().filter(|kept| kept.salt == *salt && kept.iterations == iterations) {
        Some(salted) => salted,
        None => Salted { salt: salt.clone(), iterations, password: password.derive_pbkdf2(hash, salt, iterations)? },
    };
    Ok(&kept.insert(salted).password)
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
