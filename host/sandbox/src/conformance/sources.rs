//! Which time is it while a type is examined, and what is random? Both are set, so that the same call can be made twice.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use freehold_model::{Clock, Entropy, Sources, Timestamp};
use sha2::{Digest, Sha256};

/// 2026-01-02 03:04:05 UTC: all parts of it differ.
const BEGINNING_MS: i64 = 1_767_323_045_000;

/// A clock that stands still, and randomness that begins again when told to.
#[derive(Debug, Default)]
pub(crate) struct Fixed {
    later_ms: AtomicI64,
    seed: AtomicU64,
    /// The block of random bytes that comes next.
    block: Mutex<u64>,
}

impl Fixed {
    pub(crate) fn new() -> Arc<Fixed> {
        Arc::new(Fixed::default())
    }

    /// Sets the clock to `later_ms` after the beginning, and begins the randomness of `seed` again.
    pub(crate) fn set(&self, later_ms: i64, seed: u64) {
        self.later_ms.store(later_ms, Ordering::SeqCst);
        self.seed.store(seed, Ordering::SeqCst);
        *self.block.lock().unwrap_or_else(PoisonError::into_inner) = 0;
    }

    pub(crate) fn sources(self: &Arc<Self>) -> Sources {
        Sources { clock: self.clone(), entropy: self.clone() }
    }
}

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(BEGINNING_MS + self.later_ms.load(Ordering::SeqCst))
    }
}

impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        let mut block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in bytes.chunks_mut(32) {
            let seed = self.seed.load(Ordering::SeqCst);
            let made = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(block.to_le_bytes()).finalize();
            chunk.copy_from_slice(&made[..chunk.len()]);
            *block += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn randomness_begins_again_and_differs_by_its_seed() {
        let fixed = Fixed::new();
        let sources = fixed.sources();
        let of = |seed| {
            fixed.set(0, seed);
            sources.random::<40>()
        };

        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn the_clock_stands_where_it_was_set() {
        let fixed = Fixed::new();
        fixed.set(1000, 0);

        assert_eq!(fixed.sources().now(), fixed.sources().now());
        assert_eq!(fixed.sources().now().millis(), BEGINNING_MS + 1000);
    }
}
