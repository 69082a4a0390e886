//! Keys as NATS writes them, and what their holders say about each other (JWTs).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::chance;
use crate::trouble::{Result, trouble};

/// The kinds of keys, by what their first byte is.
pub(super) const OPERATOR: u8 = 14 << 3;
pub(super) const ACCOUNT: u8 = 0;
pub(super) const USER: u8 = 20 << 3;
const SEED: u8 = 18 << 3;

/// A pair of keys.
pub struct Nkey {
    pair: Ed25519KeyPair,
    seed: String,
    public: String,
}

impl Nkey {
    /// A new pair of that kind.
    pub(super) fn new(kind: u8) -> Result<Nkey> {
        let seed = chance::bytes::<32>()?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| trouble("no key comes of these bytes"))?;
        let public = written(&[&[kind], pair.public_key().as_ref()].concat());
        let seed = written(&[&[SEED | kind >> 5, (kind & 31) << 3], &seed[..]].concat());
        Ok(Nkey { pair, seed, public })
    }

    /// The seed, which is the secret.
    pub fn seed(&self) -> &str {
        &self.seed
    }

    /// The public key.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// What the holder of this key says about another.
    pub(super) fn jwt(&self, about: &str, claims: Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let said = json!({ "jti": about, "iat": 1_700_000_000, "iss": self.public, "name": "test", "sub": about, "nats": claims });
        let signed = format!("{}.{}", part(&json!({ "typ": "JWT", "alg": "ed25519-nkey" })), part(&said));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

/// Bytes with their checksum (CRC-16/XMODEM) in base32.
fn written(bytes: &[u8]) -> String {
    let checksum = bytes.iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    });
    let all = [bytes, &checksum.to_le_bytes()].concat();
    let mut text = String::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in all {
        bits = bits << 8 | u32::from(byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            text.push(character(bits >> count & 31));
        }
    }
    if count > 0 {
        text.push(character(bits << (5 - count) & 31));
    }
    text
}

fn character(value: u32) -> char {
    const CHARACTERS: [char; 32] = [
        'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V',
        'W', 'X', 'Y', 'Z', '2', '3', '4', '5', '6', '7',
    ];
    CHARACTERS[value as usize & 31]
}
