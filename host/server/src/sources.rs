//! The real clock and the real random source: the only place that asks the system for either.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use freehold_model::{Clock, Entropy, Sources, Timestamp};

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everyone else is handed")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the random source that everyone else is handed")]
    #[expect(clippy::panic, reason = "going on with bytes that are not random would make guessable keys")]
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            panic!("the operating system gives no random bytes: {error}");
        }
    }
}

/// The system's clock and random source.
pub(crate) fn system() -> Sources {
    Sources { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) }
}
