//! The plaintext of a secret, for protocols that leave no other way (SASL/SCRAM).
//!
//! Behind the feature `reveal`. A component that calls this imports `freehold:destination/reveal`, its manifest must say
//! `"reveal": true`, and whoever installs it is told that it can read credentials.

use crate::credential::Secret;
use crate::host::reveal as wit;

/// The bytes of the secret. They are then in the plugin's memory, which is wiped when the instance ends.
///
/// ```no_run
/// # fn main() -> Result<(), freehold_sdk::Error> {
/// let password = freehold_sdk::reveal::reveal(&freehold_sdk::credential::field("password")?);
/// # Ok(())
/// # }
/// ```
pub fn reveal(secret: &Secret) -> Vec<u8> {
    wit::reveal(secret.handle())
}
