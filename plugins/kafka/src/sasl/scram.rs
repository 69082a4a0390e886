//! The messages of SCRAM (RFC 5802, RFC 7677): what is sent, what is checked, and how knowledge of a password is proven without
//! the password. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use freehold_sdk::Error;
use freehold_sdk::credential::Hash;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256, Sha512};

/// What the salted password is used on to get the keys of either side.
pub(crate) const CLIENT_KEY: &[u8] = b"Client Key";
pub(crate) const SERVER_KEY: &[u8] = b"Server Key";

/// Neither channel binding nor another identity to act for.
const HEADER: &str = "n,,";
/// The same in base64, as the last message repeats it.
const HEADER_BASE64: &str = "biws";
/// Fewer than RFC 7677 asks for would make the password easy to guess for whoever pretends to be a broker.
const ITERATIONS_MIN: u32 = 4096;

/// The first message.
pub(crate) struct First {
    nonce: String,
    bare: String,
}

/// What the broker answers to it.
#[derive(Debug)]
pub(crate) struct Challenge {
    pub(crate) salt: Vec<u8>,
    pub(crate) iterations: u32,
    /// Both first messages and the last one without its proof.
    signed: String,
    without_proof: String,
}

/// The last message, and what the broker must answer to it.
#[derive(Debug)]
pub(crate) struct Last {
    pub(crate) message: String,
    pub(crate) server_signature: Vec<u8>,
}

impl First {
    pub(crate) fn new(username: &str, nonce: &[u8]) -> Self {
        let nonce = BASE64.encode(nonce);
        let username = username.replace('=', "=3D").replace(',', "=2C");
        First { bare: format!("n={username},r={nonce}"), nonce }
    }

    pub(crate) fn message(&self) -> String {
        format!("{HEADER}{}", self.bare)
    }

    /// Reads the broker's answer.
    pub(crate) fn read(&self, answer: &[u8]) -> Result<Challenge, Error> {
        let text = std::str::from_utf8(answer).map_err(|_| unreadable())?;
        if let Some(problem) = attribute(text, 'e') {
            return Err(refused(problem));
        }
        let nonce = attribute(text, 'r').ok_or_else(unreadable)?;
        let salt = attribute(text, 's').and_then(|salt| BASE64.decode(salt).ok()).ok_or_else(unreadable)?;
        let iterations = attribute(text, 'i').and_then(|count| count.parse().ok()).ok_or_else(unreadable)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(Error::auth("scram-nonce", "the broker answered to another sign-in than this one")
                .with_request_sent(true));
        }
        if iterations < ITERATIONS_MIN {
            let message =
                format!("the cluster wants only {iterations} iterations of SCRAM: at least {ITERATIONS_MIN} are safe");
            return Err(Error::config("scram-iterations", message).with_request_sent(true));
        }
        let without_proof = format!("c={HEADER_BASE64},r={nonce}");
        Ok(Challenge { salt, iterations, signed: format!("{},{text},{without_proof}", self.bare), without_proof })
    }
}

impl Challenge {
    /// Proves knowledge of the password by the keys that come of it.
    pub(crate) fn prove(&self, hash: Hash, client_key: &[u8], server_key: &[u8]) -> Last {
        let signature = hmac(hash, &digest(hash, client_key), self.signed.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(key, signature)| key ^ signature).collect();
        Last {
            message: format!("{},p={}", self.without_proof, BASE64.encode(proof)),
            server_signature: hmac(hash, server_key, self.signed.as_bytes()),
        }
    }
}

/// Whether the broker knows the password too.
pub(crate) fn check_server(answer: &[u8], expected: &[u8]) -> Result<(), Error> {
    let text = std::str::from_utf8(answer).map_err(|_| unreadable())?;
    if let Some(problem) = attribute(text, 'e') {
        return Err(refused(problem));
    }
    let signature = attribute(text, 'v').and_then(|text| BASE64.decode(text).ok()).ok_or_else(unreadable)?;
    if signature == expected {
        return Ok(());
    }
    let message =
        "the broker could not prove that it knows the password itself: it may not be the cluster that it says it is";
    Err(Error::auth("scram-server", message).with_request_sent(true))
}

fn attribute(text: &str, name: char) -> Option<&str> {
    text.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

fn refused(problem: &str) -> Error {
    Error::auth("sasl-refused", format!("the cluster refused the sign-in ({problem}): save the right credential"))
        .with_request_sent(true)
}

fn unreadable() -> Error {
    crate::error::unreadable("what the broker answered to the sign-in")
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
        let first = First { nonce: "rOprNGfwEbeRWgbNEkqO".into(), bare: "n=user,r=rOprNGfwEbeRWgbNEkqO".into() };
        assert_eq!(first.message(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");

        let challenge = first
            .read(b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
            .unwrap();
        let key = salted(Hash::Sha256, "pencil", &challenge.salt, challenge.iterations);
        let keyed = |text| hmac(Hash::Sha256, &key, text);
        let last = challenge.prove(Hash::Sha256, &keyed(CLIENT_KEY), &keyed(SERVER_KEY));

        assert_eq!(
            last.message,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        let server = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert!(check_server(server, &last.server_signature).is_ok());
        assert_eq!(check_server(server, &[0; 32]).unwrap_err().code(), "scram-server");
    }

    #[test]
    fn names_are_escaped() {
        assert!(First::new("a=b,c", b"").message().starts_with("n,,n=a=3Db=2Cc,r="));
    }

    #[test]
    fn answers_that_are_not_to_be_trusted_are_refused() {
        let first = First::new("user", b"nonce");
        let own = BASE64.encode(b"nonce");
        for (answer, code) in [
            ("e=unknown-user".to_owned(), "sasl-refused"),
            (format!("r={own},s=W22Z,i=4096"), "scram-nonce"),
            ("r=other,s=W22Z,i=4096".to_owned(), "scram-nonce"),
            (format!("r={own}x,s=W22Z,i=1"), "scram-iterations"),
            (format!("r={own}x,s=!,i=4096"), "kafka-answer-unreadable"),
            (format!("r={own}x,s=W22Z"), "kafka-answer-unreadable"),
        ] {
            assert_eq!(first.read(answer.as_bytes()).unwrap_err().code(), code, "{answer}");
        }
        assert_eq!(check_server(b"e=invalid-proof", &[]).unwrap_err().code(), "sasl-refused");
        assert_eq!(check_server(b"", &[]).unwrap_err().code(), "kafka-answer-unreadable");
    }
}
