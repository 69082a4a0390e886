//! The plaintext of a secret, for plugins that ask for it.

use super::credential::Secret;

pub(crate) fn reveal(secret: &Secret) -> Vec<u8> {
    secret.plaintext().to_vec()
}
