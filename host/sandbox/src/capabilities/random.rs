//! `random`: randomness.

use crate::interface::destination_0_1::freehold::destination::random;
use crate::state::{GuestFault, HostState};

/// The most bytes of one call.
const BYTES_MAX: u32 = 4_096;

impl random::Host for HostState {
    fn bytes(&mut self, length: u32) -> wasmtime::Result<Vec<u8>> {
        if length > BYTES_MAX {
            return Err(GuestFault::Random(length).into());
        }
        let mut bytes = vec![0; usize::try_from(length)?];
        self.sources.entropy.fill(&mut bytes);
        Ok(bytes)
    }
}
