//! How do we say who we are? Passwords, tokens and tokens' keys stay sealed: the host writes them, or signs with them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use freehold_sdk::credential::{self, Algorithm, Secret};
use freehold_sdk::{Error, stream};
use serde_json::{Map, Value, json};

/// The customer's credential.
pub(crate) struct Access {
    /// The client certificate and its key.
    pub(crate) certificate: Option<(String, Secret)>,
    identity: Identity,
}

enum Identity {
    None,
    Password {
        username: String,
        password: Secret,
    },
    Token(Secret),
    /// A public key, and the seed that belongs to it.
    Nkey {
        public: String,
        seed: Secret,
    },
    /// What an operator says about a user, and the seed of that user's key.
    Jwt {
        jwt: Secret,
        seed: Secret,
    },
}

impl Access {
    pub(crate) fn from_credential() -> Result<Self, Error> {
        let certificate = match credential::optional_text("client_certificate") {
            Some(chain) => Some((chain, credential::field("client_key")?)),
            None => None,
        };
        let identity = if let Some(jwt) = credential::optional_field("jwt") {
            Identity::Jwt { jwt, seed: credential::field("nkey_seed")? }
        } else if let Some(public) = credential::optional_text("nkey") {
            Identity::Nkey { public, seed: credential::field("nkey_seed")? }
        } else if let Some(username) = credential::optional_text("username") {
            Identity::Password { username, password: credential::field("password")?.json_string()? }
        } else if let Some(token) = credential::optional_field("token") {
            Identity::Token(token.json_string()?)
        } else {
            Identity::None
        };
        Ok(Access { certificate, identity })
    }

    /// Says who we are, as an answer to `nonce` where the server gave one; and asks whether it was heard.
    pub(crate) fn introduce(
        &self,
        over: &mut stream::Stream,
        nonce: Option<&str>,
        with_tls: bool,
    ) -> Result<(), Error> {
        let signature = |seed: &Secret| {
            let nonce = nonce.ok_or_else(no_nonce)?;
            Ok::<_, Error>(URL_SAFE_NO_PAD.encode(seed.sign(Algorithm::Ed25519, nonce.as_bytes())?))
        };
        let mut said = about_us(with_tls);
        let secret = match &self.identity {
            Identity::None => None,
            Identity::Password { username, password } => {
                said.insert("user".into(), username.as_str().into());
                Some(("pass", password))
            }
            Identity::Token(token) => Some(("auth_token", token)),
            Identity::Nkey { public, seed } => {
                said.insert("sig".into(), signature(seed)?.into());
                said.insert("nkey".into(), public.as_str().into());
                None
            }
            Identity::Jwt { jwt, seed } => {
                said.insert("sig".into(), signature(seed)?.into());
                Some(("jwt", jwt))
            }
        };
        let said = Value::Object(said).to_string();
        match secret {
            None => over.write(format!("CONNECT {said}\r\nPING\r\n").as_bytes()),
            Some((name, secret)) => {
                let open = said.strip_suffix('}').unwrap_or(&said);
                over.write_secret(format!("CONNECT {open},\"{name}\":\"").as_bytes(), secret, b"\"}\r\nPING\r\n")
            }
        }
    }
}

fn about_us(with_tls: bool) -> Map<String, Value> {
    let said = json!({
        "verbose": false,
        "pedantic": false,
        "tls_required": with_tls,
        "name": "freehold",
        "lang": "rust",
        "version": env!("CARGO_PKG_VERSION"),
        "protocol": 1,
        "echo": false,
        "headers": true,
        "no_responders": true,
    });
    match said {
        Value::Object(said) => said,
        _ => Map::new(),
    }
}

fn no_nonce() -> Error {
    let message = "the server asks for no signature: it knows no users by NKey or JWT. Save a credential of the kind that it knows";
    Error::auth("nkey-not-wanted", message).with_request_sent(true)
}
