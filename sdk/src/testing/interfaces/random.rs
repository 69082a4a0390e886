//! Bytes that look random, and are the same in each run.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::testing::with_host;

pub(crate) fn bytes(length: u32) -> Vec<u8> {
    with_host(|host| {
        let mut host = host.borrow_mut();
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        while bytes.len() < wanted {
            host.drawn += 1;
            bytes.extend_from_slice(&Sha256::digest(host.drawn.to_be_bytes()));
        }
        bytes.truncate(wanted);
        bytes
    })
}

/// 32 digits that belong to this text alone.
pub(crate) fn digits_of(text: &str) -> String {
    let mut digits = String::new();
    for byte in &Sha256::digest(text)[..16] {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}
