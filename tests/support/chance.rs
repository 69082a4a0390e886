//! Random bytes, for keys that nobody else has.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::trouble::{Result, trouble};

/// `N` random bytes.
///
/// # Errors
/// When the system has none to give.
#[expect(clippy::disallowed_methods, reason = "this is where the tests get their randomness")]
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| trouble(format!("no randomness: {error}")))?;
    Ok(bytes)
}

/// A secret for signing webhooks, in the form of Standard Webhooks.
///
/// # Errors
/// When the system has no randomness to give.
pub fn webhook_secret() -> Result<String> {
    Ok(format!("whsec_{}", STANDARD.encode(bytes::<32>()?)))
}

/// A random word of 40 characters, as secret keys of S3 are.
///
/// # Errors
/// When the system has no randomness to give.
pub fn word() -> Result<String> {
    Ok(hex(&bytes::<20>()?))
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
