//! SCRAM (RFC 5802, RFC 7677): signing in by proving that the password is known, without sending it. The password stays sealed.
//!
//! With the feature `scram`. Each side sends two messages; how they travel is for the protocol around them (SASL in Kafka,
//! Postgres, MongoDB, AMQP).
//!
//! ```no_run
//! use freehold_sdk::credential::{self, Hash};
//! use freehold_sdk::scram::{First, Password};
//! # use freehold_sdk::Error;
//! # fn ask(message: &[u8]) -> Result<Vec<u8>, Error> { Ok(Vec::new()) }
//!
//! # fn sign_in() -> Result<(), Error> {
//! // Keep it: salting costs time, and a server salts the same way each time.
//! let mut password = Password::new(credential::field("password")?, Hash::Sha256);
//!
//! let first = First::new(&credential::text("username")?);
//! let challenge = first.read(&ask(first.message().as_bytes())?)?;
//! let last = challenge.prove(&mut password)?;
//! last.check(&ask(last.message().as_bytes())?)
//! # }
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256, Sha512};

use crate::credential::{Hash, Secret};
use crate::{Error, random};

/// What the salted password is used on to get the keys of either side.
const CLIENT_KEY: &[u8] = b"Client Key";
const SERVER_KEY: &[u8] = b"Server Key";

/// Neither channel binding nor another identity to act for: TLS ends in the host.
const HEADER: &str = "n,,";
/// The same in base64, as the last message repeats it.
const HEADER_BASE64: &str = "biws";
/// Fewer than RFC 7677 asks for would make the password easy to guess for whoever pretends to be the server.
const ITERATIONS_MIN: u32 = 4096;
const NONCE_BYTES: usize = 24;

/// A sealed password, and how it was last salted.
#[derive(Debug)]
pub struct Password {
    secret: Secret,
    hash: Hash,
    salted: Option<Salted>,
}

#[derive(Debug)]
struct Salted {
    salt: Vec<u8>,
    iterations: u32,
    key: Secret,
}

impl Password {
    /// The password, for `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub fn new(secret: Secret, hash: Hash) -> Self {
        Password { secret, hash, salted: None }
    }

    /// Salts it, or takes what was salted before.
    fn salt(&mut self, salt: &[u8], iterations: u32) -> Result<&Secret, Error> {
        let salted = match self.salted.take().filter(|kept| kept.salt == salt && kept.iterations == iterations) {
            Some(salted) => salted,
            None => {
                let key = self.secret.derive_pbkdf2(self.hash, salt, iterations)?;
                Salted { salt: salt.to_vec(), iterations, key }
            }
        };
        Ok(&self.salted.insert(salted).key)
    }
}

/// The first message of the client.
#[derive(Debug)]
pub struct First {
    nonce: String,
    bare: String,
}

/// What the server answered to it.
#[derive(Debug)]
pub struct Challenge {
    salt: Vec<u8>,
    iterations: u32,
    /// Both first messages and the last one without its proof.
    signed: String,
    without_proof: String,
}

/// The last message of the client, and what the server must answer to it.
#[derive(Debug)]
pub struct Last {
    message: String,
    server_signature: Vec<u8>,
}

impl First {
    /// Begins. `username` may be empty where the protocol has said it before, as that of Postgres has.
    pub fn new(username: &str) -> Self {
        let mut nonce = [0; NONCE_BYTES];
        random::fill(&mut nonce);
        First::with_nonce(username, BASE64.encode(nonce))
    }

    fn with_nonce(username: &str, nonce: String) -> Self {
        let username = username.replace('=', "=3D").replace(',', "=2C");
        First { bare: format!("n={username},r={nonce}"), nonce }
    }

    /// What to send.
    pub fn message(&self) -> String {
        format!("{HEADER}{}", self.bare)
    }

    /// Reads the server's answer.
    ///
    /// # Errors
    /// Of kind [`Auth`](crate::ErrorKind::Auth) when the server refuses, or answers to another sign-in than this one; of kind
    /// [`Config`](crate::ErrorKind::Config) when it wants too few iterations to be safe.
    pub fn read(&self, answer: &[u8]) -> Result<Challenge, Error> {
        let text = std::str::from_utf8(answer).map_err(|_| unreadable())?;
        if let Some(problem) = attribute(text, 'e') {
            return Err(refused(problem));
        }
        let nonce = attribute(text, 'r').ok_or_else(unreadable)?;
        let salt = attribute(text, 's').and_then(|salt| BASE64.decode(salt).ok()).ok_or_else(unreadable)?;
        let iterations = attribute(text, 'i').and_then(|count| count.parse().ok()).ok_or_else(unreadable)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            let message = "the server answered to another sign-in than this one";
            return Err(Error::auth("scram-nonce", message).with_request_sent(true));
        }
        if iterations < ITERATIONS_MIN {
            let message =
                format!("the server wants only {iterations} iterations of SCRAM: at least {ITERATIONS_MIN} are safe");
            return Err(Error::config("scram-iterations", message).with_request_sent(true));
        }
        let without_proof = format!("c={HEADER_BASE64},r={nonce}");
        Ok(Challenge { salt, iterations, signed: format!("{},{text},{without_proof}", self.bare), without_proof })
    }
}

impl Challenge {
    /// Proves knowledge of the password.
    ///
    /// # Errors
    /// Of kind [`Config`](crate::ErrorKind::Config) when the server wants more iterations than the host computes.
    pub fn prove(&self, password: &mut Password) -> Result<Last, Error> {
        let hash = password.hash;
        let salted = password.salt(&self.salt, self.iterations)?;
        let keyed = |text: &[u8]| match hash {
            Hash::Sha256 => salted.hmac_sha256(text).to_vec(),
            Hash::Sha512 => salted.hmac_sha512(text),
        };
        Ok(self.last(hash, &keyed(CLIENT_KEY), &keyed(SERVER_KEY)))
    }

    fn last(&self, hash: Hash, client_key: &[u8], server_key: &[u8]) -> Last {
        let signature = hmac(hash, &digest(hash, client_key), self.signed.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(key, signature)| key ^ signature).collect();
        Last {
            message: format!("{},p={}", self.without_proof, BASE64.encode(proof)),
            server_signature: hmac(hash, server_key, self.signed.as_bytes()),
        }
    }
}

impl Last {
    /// What to send.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the server knows the password too, by its last answer.
    ///
    /// # Errors
    /// Of kind [`Auth`](crate::ErrorKind::Auth) when the server refuses, or does not know the password itself.
    pub fn check(&self, answer: &[u8]) -> Result<(), Error> {
        let text = std::str::from_utf8(answer).map_err(|_| unreadable())?;
        if let Some(problem) = attribute(text, 'e') {
            return Err(refused(problem));
        }
        let signature = attribute(text, 'v').and_then(|text| BASE64.decode(text).ok()).ok_or_else(unreadable)?;
        if signature == self.server_signature {
            return Ok(());
        }
        let message =
            "the server could not prove that it knows the password itself: it may not be the one that it says it is";
        Err(Error::auth("scram-server", message).with_request_sent(true))
    }
}

fn attribute(text: &str, name: char) -> Option<&str> {
    text.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

fn refused(problem: &str) -> Error {
    Error::auth("sasl-refused", format!("the server refused the sign-in ({problem}): save the right credential"))
        .with_request_sent(true)
}

fn unreadable() -> Error {
    Error::transient("scram-unreadable", "what the server answered to the sign-in cannot be read")
        .with_request_sent(true)
}

fn digest(hash: Hash, bytes: &[u8]) -> Vec<u8> {
    match hash {
        Hash::Sha256 => Sha256::digest(bytes).to_vec(),
        Hash::Sha512 => Sha512::digest(bytes).to_vec(),
    }
}

fn hmac(hash: Hash, key: &[u8], bytes: &[u8]) -> Vec<u8> {
    // Any length of key will do.
    match hash {
        Hash::Sha256 => {
            Hmac::<Sha256>::new_from_slice(key).map(|mac| mac.chain_update(bytes).finalize().into_bytes().to_vec())
        }
        Hash::Sha512 => {
            Hmac::<Sha512>::new_from_slice(key).map(|mac| mac.chain_update(bytes).finalize().into_bytes().to_vec())
        }
    }
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PBKDF2 with one block, which the host does elsewhere.
    fn salted(hash: Hash, password: &str, salt: &[u8], iterations: u32) -> Vec<u8> {
        let mut last = hmac(hash, password.as_bytes(), &[salt, &[0, 0, 0, 1]].concat());
        let mut sum = last.clone();
        for _ in 1..iterations {
            last = hmac(hash, password.as_bytes(), &last);
            sum.iter_mut().zip(&last).for_each(|(sum, byte)| *sum ^= byte);
        }
        sum
    }

    /// The example of RFC 7677, section 3.
    #[test]
    fn the_exchange_is_that_of_the_standard() {
        let first = First::with_nonce("user", "rOprNGfwEbeRWgbNEkqO".into());
        assert_eq!(first.message(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");

        let challenge = first
            .read(b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
            .unwrap();
        let key = salted(Hash::Sha256, "pencil", &challenge.salt, challenge.iterations);
        let keyed = |text| hmac(Hash::Sha256, &key, text);
        let mut last = challenge.last(Hash::Sha256, &keyed(CLIENT_KEY), &keyed(SERVER_KEY));

        assert_eq!(
            last.message(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        let server = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert!(last.check(server).is_ok());
        last.server_signature = vec![0; 32];
        assert_eq!(last.check(server).unwrap_err().code(), "scram-server");
    }

    #[test]
    fn names_are_escaped() {
        assert!(First::with_nonce("a=b,c", String::new()).message().starts_with("n,,n=a=3Db=2Cc,r="));
    }

    #[test]
    fn answers_that_are_not_to_be_trusted_are_refused() {
        let first = First::with_nonce("user", "own".into());
        for (answer, code) in [
            ("e=unknown-user", "sasl-refused"),
            ("r=own,s=W22Z,i=4096", "scram-nonce"),
            ("r=other,s=W22Z,i=4096", "scram-nonce"),
            ("r=ownx,s=W22Z,i=1", "scram-iterations"),
            ("r=ownx,s=!,i=4096", "scram-unreadable"),
            ("r=ownx,s=W22Z", "scram-unreadable"),
        ] {
            assert_eq!(first.read(answer.as_bytes()).unwrap_err().code(), code, "{answer}");
        }
        let last = Last { message: String::new(), server_signature: Vec::new() };
        assert_eq!(last.check(b"e=invalid-proof").unwrap_err().code(), "sasl-refused");
        assert_eq!(last.check(b"").unwrap_err().code(), "scram-unreadable");
    }
}
