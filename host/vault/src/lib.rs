//! How are customers' credentials kept so that only this deployment can read them, each in its own place?
//!
//! Three layers of keys. The deployment's **key-encryption key** (KEK) comes from the operator and is never stored with
//! the data. Each customer has a **seed**, 32 random bytes, stored wrapped by the KEK. Each credential version is
//! sealed under a **single-use record key** derived from the seed. So changing the KEK touches one small row per
//! customer, and deleting a customer's seed makes every credential of that customer unreadable for good.
//!
//! This crate knows keys and bytes. It stores nothing, and it decides nothing about who may ask.
//!
//! # The format `FHC1`
//!
//! Integers are big-endian. `‖` joins bytes. `LP(x)` is the length of `x` in bytes as 4 bytes, then `x`. Texts are UTF-8.
//!
//! ```text
//! blob = "FHC1" ‖ alg:1 ‖ key_id:16 ‖ salt:32 ‖ nonce:12 ‖ commit:32 ‖ ciphertext ‖ tag:16
//! ```
//!
//! * `alg` is 1: HKDF-SHA256 (RFC 5869), AES-256-GCM with a 96-bit nonce and a 128-bit tag, padding as below.
//! * `key_id` says which key opens it: the first 16 bytes of SHA-256 of the key's name. A customer's key is named by
//!   its id (`vky_…`), a KEK by its own (`kek_…`).
//! * `salt` and `nonce` are random for every blob.
//!
//! To seal `plaintext` under a 32-byte key `K` in the context `ctx`:
//!
//! ```text
//! prk        = HKDF-Extract(salt, K)
//! record_key = HKDF-Expand(prk, "FHC1 enc"    ‖ SHA-256(ctx), 32)
//! commit     = HKDF-Expand(prk, "FHC1 commit" ‖ SHA-256(ctx), 32)
//! ciphertext ‖ tag = AES-256-GCM(record_key, nonce, aad = ctx, pad(plaintext))
//! pad(p)     = p ‖ 0x80 ‖ zeros, up to the next multiple of 64 bytes, or of 1024 when that is more than 1024
//! ```
//!
//! `commit` ties the blob to one key: AES-GCM alone lets a forger make bytes that open under two. The padding hides
//! which kind of credential it is from whoever sees only its length. A key that is used once needs no counting of
//! nonces, and restoring an old snapshot of the machine does no harm.
//!
//! To open: check length, magic, `alg` and that the ciphertext has a length that `pad` can give; check `key_id`; unwrap
//! the seed; recompute `commit` and compare it in constant time; then AES-GCM; then undo the padding, which must be
//! exactly what `pad` gives. Each failure is the same [`VaultError::DoesNotOpen`].
//!
//! ## What is sealed, under which key, in which context
//!
//! | what | `K` | `plaintext` | `ctx` |
//! |---|---|---|---|
//! | credential | seed | the encoded fields | `LP("FHC1") LP(tenant id) LP(customer id) LP(destination id) LP(version:4) LP("credential") LP(key_id) LP(alg)` |
//! | seed | KEK | the seed | `LP("FHC1") LP(tenant id) LP(customer id) LP(vault key id) LP(kek id) LP("customer-key") LP(key_id) LP(alg)` |
//! | canary | KEK | `freehold canary` ‖ root | `LP("FHC1") LP(kek id) LP("canary") LP(key_id) LP(alg)` |
//!
//! A credential is named by its destination and version, so the two stand for it. The canary is stored as
//! `LP(kek id) ‖ blob`, so that a wrong KEK can be told which one is wanted. The root is 32 random bytes, drawn once and
//! kept when the KEK changes.
//!
//! A KEK that a key service keeps wraps in that service's own format. The context reaches it as associated data (transit:
//! `ctx` as above) or as its encryption context (AWS KMS: the same names and ids), so a wrapped seed moved to another row
//! does not unwrap there either.
//!
//! ## Encoded fields
//!
//! ```text
//! fields = format:1 (1) ‖ count:2 ‖ count × (name length:2 ‖ name ‖ value length:4 ‖ value)
//! ```
//!
//! Names are not empty and strictly ascending by their bytes; nothing follows the last value. So equal fields have
//! equal bytes. See [`VaultError`] for the bounds.
//!
//! ## Derived values
//!
//! * KEK as text: `fhkek1_` and 48 characters of unpadded base64url of `KEK ‖ first 4 bytes of SHA-256(KEK)`.
//! * KEK id: `kek_` and 16 hex digits, the first 8 bytes of `SHA-256("freehold kek id" ‖ KEK)`; for a KEK in a key
//!   service, of its line in the key file instead, such as `transit:transit/freehold`.
//! * Fingerprint of a credential: 8 hex digits, the first 4 bytes of HMAC-SHA256 over the encoded fields, under
//!   `HKDF-Expand(HKDF-Extract("FHC1 fingerprint", seed), "", 32)`. It compares versions within one customer only.
//! * Keys for other parts of this deployment: `HKDF-Expand(HKDF-Extract("freehold derived key", root), purpose, 32)`.
//!   A canary from before there were roots has none; the KEK stands in until the canary is sealed anew.
//!
//! # What it does not do
//!
//! Seeds lie in the same backups as the credentials they seal: deleting a seed makes credentials unreadable in a backup
//! only once that backup has expired too. Plaintext is wiped from memory after use, but pages are not locked: keep
//! swap encrypted or off.

mod cache;
mod canary;
mod context;
mod envelope;
mod error;
mod fields;
mod kek;
mod key;
pub mod key_file;
mod key_line;
mod keyring;
mod mac;
mod signing;
mod vault;

pub use context::WrapPlace;
pub use error::VaultError;
pub use kek::{Kek, KekError};
pub use key_line::{KeyLine, KeyReference, KeyService};
pub use keyring::{Health, KeyEncryption, Keyring, KeyringSource};
pub use vault::Vault;
