//! Is this what this deployment wrote? MACs over what goes out and comes back unsealed, such as the cursors of lists.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::vault::Vault;

impl Vault {
    /// HMAC-SHA256 over `bytes` under this deployment's key for `purpose`.
    pub fn authenticate(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        self.mac(purpose, bytes).finalize().into_bytes().into()
    }

    /// Whether `mac` begins [`Self::authenticate`]'s result for `bytes`. Takes as long for a near miss as for a far one.
    pub fn is_authentic(&self, purpose: &str, bytes: &[u8], mac: &[u8]) -> bool {
        self.mac(purpose, bytes).verify_truncated_left(mac).is_ok()
    }

    fn mac(&self, purpose: &str, bytes: &[u8]) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let hmac = Hmac::new_from_slice(self.derive_key(purpose).expose()).expect("any length will do");
        hmac.chain_update(bytes)
    }
}
