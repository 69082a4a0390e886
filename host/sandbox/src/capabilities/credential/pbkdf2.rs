//! PBKDF2 (RFC 8018 §5.2) under HMAC, one block long, in steps between which others get their turn.

use ring::hmac;
use zeroize::Zeroizing;

use crate::state::GuestFault;

/// The most iterations: several times what SCRAM servers ask for, and well under a second of CPU time.
pub(super) const ITERATIONS_MAX: u32 = 100_000;

/// Iterations between two turns: about a millisecond.
const STEP: u32 = 1_000;

/// Derives a key that is as long as the hash from the password that `key` was made of. `may_go_on` is asked before each step.
pub(super) async fn derive(
    key: hmac::Key,
    salt: &[u8],
    iterations: u32,
    may_go_on: impl Fn() -> Result<(), GuestFault>,
) -> Result<Zeroizing<Vec<u8>>, GuestFault> {
    let mut last = hmac::sign(&key, &[salt, &1_u32.to_be_bytes()].concat());
    let mut block = Zeroizing::new(last.as_ref().to_vec());
    for iteration in 1..iterations {
        if iteration % STEP == 0 {
            may_go_on()?;
            tokio::task::yield_now().await;
        }
        last = hmac::sign(&key, last.as_ref());
        block.iter_mut().zip(last.as_ref()).for_each(|(sum, byte)| *sum ^= byte);
    }
    Ok(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn hex(algorithm: hmac::Algorithm, password: &str, salt: &str, iterations: u32) -> String {
        let password = hmac::Key::new(algorithm, password.as_bytes());
        let key = derive(password, salt.as_bytes(), iterations, || Ok(())).await.unwrap();
        key.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[tokio::test]
    async fn the_published_vectors_for_sha_256_hold() {
        // RFC 7914 §11, the first of the two blocks, and the vectors of RFC 6070 under SHA-256.
        for (password, salt, iterations, expected) in [
            ("passwd", "salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"),
            ("Password", "NaCl", 80_000, "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"),
            ("password", "salt", 1, "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b"),
            ("password", "salt", 2, "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43"),
            ("password", "salt", 4096, "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a"),
        ] {
            assert_eq!(hex(hmac::HMAC_SHA256, password, salt, iterations).await, expected, "{password} {iterations}");
        }
    }

    #[tokio::test]
    async fn it_agrees_with_another_implementation_for_both_hashes() {
        for (algorithm, other) in [
            (hmac::HMAC_SHA256, ring::pbkdf2::PBKDF2_HMAC_SHA256),
            (hmac::HMAC_SHA512, ring::pbkdf2::PBKDF2_HMAC_SHA512),
        ] {
            for iterations in [1, 2, 999, 1000, 1001, 4096] {
                let password = hmac::Key::new(algorithm, b"pencil");
                let key = derive(password, b"A salt", iterations, || Ok(())).await.unwrap();
                let verified = ring::pbkdf2::verify(
                    other,
                    std::num::NonZeroU32::new(iterations).unwrap(),
                    b"A salt",
                    b"pencil",
                    &key,
                );

                assert!(verified.is_ok(), "{iterations}");
            }
        }
    }

    #[tokio::test]
    async fn a_known_value_for_sha_512_holds() {
        let expected = "867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252\
                        c02d470a285a0501bad999bfe943c08f050235d7d68b1da55e63f73b60a57fce";

        assert_eq!(hex(hmac::HMAC_SHA512, "password", "salt", 1).await, expected);
    }

    #[tokio::test]
    async fn it_ends_between_steps_when_it_may_not_go_on() {
        let password = hmac::Key::new(hmac::HMAC_SHA256, b"pencil");

        let ended = derive(password, b"A salt", ITERATIONS_MAX, || Err(GuestFault::Cpu(1))).await;

        assert!(matches!(ended, Err(GuestFault::Cpu(1))));
    }
}
