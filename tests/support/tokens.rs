//! Who makes the tokens that servers take? An issuer with a key of its own (ES256), whose public half the servers are given.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::certificates;
use crate::trouble::{Result, trouble};

/// The name of the only key.
const KEY: &str = "key-1";

/// Somebody who signs tokens.
pub struct Issuer {
    name: String,
    key: EcdsaKeyPair,
    pem: String,
}

impl Issuer {
    /// One that calls itself `name`, with a new key.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new(name: &str) -> Result<Issuer> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let no_key = |_| trouble("no key can be made");
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(no_key)?;
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random)
            .map_err(|why| trouble(format!("the new key is none: {why}")))?;
        Ok(Issuer { name: name.to_owned(), key, pem: certificates::pem("PRIVATE KEY", document.as_ref()) })
    }

    /// What it calls itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its private key in PEM, for a server that signs in its place.
    pub fn key(&self) -> &str {
        &self.pem
    }

    /// The public half of its key, as servers want it (RFC 7517).
    pub fn jwks(&self) -> Value {
        // 0x04 and two coordinates of 32 bytes.
        let point = self.key.public_key().as_ref();
        let coordinate = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(point.get(range).unwrap_or_default());
        json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": KEY,
            "x": coordinate(1..33), "y": coordinate(33..65),
        }] })
    }

    /// A token that says who its bearer is, for one audience and for `seconds` from `now`, in seconds since 1970.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn token(&self, subject: &str, audience: &str, now: i64, seconds: i64) -> Result<String> {
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": KEY });
        let claims = json!({
            "iss": self.name, "sub": subject, "aud": audience, "scope": "write", "iat": now, "exp": now + seconds,
        });
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let signature =
            self.key.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| trouble("nothing is signed"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
