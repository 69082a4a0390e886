//! The machine's clock and randomness, for the parts of Freehold that take them as arguments.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use freehold_model::{Clock, Entropy, Sources, Timestamp};

struct Machine;

impl Clock for Machine {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the bench brings its own clock")]
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

impl Entropy for Machine {
    fn fill(&self, bytes: &mut [u8]) {
        #[expect(clippy::disallowed_methods, clippy::expect_used, reason = "the bench brings its own randomness")]
        getrandom::fill(bytes).expect("the machine has randomness");
    }
}

/// The machine's clock and randomness.
pub(crate) fn machine() -> Sources {
    Sources { clock: Arc::new(Machine), entropy: Arc::new(Machine) }
}
