//! Reads its secret and tells it wherever it can: in its log, and in its error's code and message.

use freehold_sdk::{Batch, Error, Outcome, credential, log, reveal};
use misbehaviour::Config;

misbehaviour::guest!("leaker", open = |_| Ok(()), reveal = "true");

fn deliver(_: &Config, _: Batch) -> Result<Vec<Outcome>, Error> {
    let secret = reveal::reveal(&credential::field("secret")?);
    let told = format!("{} {} {}", String::from_utf8_lossy(&secret), hex(&secret), base64(&secret));
    log::error!("the secret is {told}");
    for part in told.split(' ') {
        log::info!("{part}");
    }
    let code = String::from_utf8_lossy(&secret).into_owned();
    Err(Error::other(code, format!("the secret is {told}")))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let digit = bits >> (18 - 6 * place) & 63;
            text.push(DIGITS.get(digit as usize).copied().map_or('=', char::from));
        }
        text.push_str(&"=".repeat(3 - chunk.len()));
    }
    text
}
