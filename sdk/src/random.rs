//! Randomness from a cryptographically secure source.

use crate::host::random as wit;

/// The most that the host gives at once.
const CALL_BYTES_MAX: usize = 4096;

/// Fills `buffer` with random bytes.
///
/// ```no_run
/// let mut nonce = [0; 16];
/// freehold_sdk::random::fill(&mut nonce);
/// ```
pub fn fill(buffer: &mut [u8]) {
    for chunk in buffer.chunks_mut(CALL_BYTES_MAX) {
        let length = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        chunk.copy_from_slice(&wit::bytes(length));
    }
}
