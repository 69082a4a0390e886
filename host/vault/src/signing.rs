//! Did this deployment say this? Ed25519 signatures, which anybody can check who has the public key.

use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::vault::Vault;

impl Vault {
    /// The Ed25519 signature over `bytes` under this deployment's key for `purpose`.
    pub fn sign(&self, purpose: &str, bytes: &[u8]) -> [u8; 64] {
        let signature = self.key_pair(purpose).sign(bytes);
        // An Ed25519 signature has 64 bytes.
        std::array::from_fn(|place| signature.as_ref()[place])
    }

    /// What [`Self::sign`]'s signatures for `purpose` are checked with.
    pub fn public_key(&self, purpose: &str) -> [u8; 32] {
        let pair = self.key_pair(purpose);
        std::array::from_fn(|place| pair.public_key().as_ref()[place])
    }

    fn key_pair(&self, purpose: &str) -> Ed25519KeyPair {
        #[expect(clippy::expect_used, reason = "every 32 bytes are an Ed25519 seed")]
        Ed25519KeyPair::from_seed_unchecked(self.derive_key(purpose).expose()).expect("a derived key has 32 bytes")
    }
}

#[cfg(test)]
mod tests {
    use freehold_model::{Entropy, Sources, Timestamp};
    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;
    use crate::{Kek, Keyring};

    struct Fixed;

    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(3);
        }
    }

    impl freehold_model::time::Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::EPOCH
        }
    }

    #[test]
    fn a_signature_holds_for_its_purpose_and_text_alone() {
        let sources = Sources { clock: std::sync::Arc::new(Fixed), entropy: std::sync::Arc::new(Fixed) };
        let vault = Vault::new(Keyring::new(Kek::generate(&sources), Vec::new()), sources);

        let signature = vault.sign("letters", b"dear sir");

        let holds = |purpose: &str, text: &[u8]| {
            UnparsedPublicKey::new(&ED25519, vault.public_key(purpose)).verify(text, &signature).is_ok()
        };
        assert!(holds("letters", b"dear sir"));
        assert!(!holds("letters", b"dear Sir"));
        assert!(!holds("invoices", b"dear sir"));
    }
}
