//! Time and randomness for what runs inside this program: the system's, or as a test sets them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use freehold_model::{Clock, Entropy, Sources, Timestamp};

/// A clock that stands still until it is set.
#[derive(Clone, Default)]
pub struct TestClock(Arc<AtomicI64>);

impl TestClock {
    /// Sets it to this many seconds after 1970.
    pub fn set_seconds(&self, seconds: i64) {
        self.0.store(seconds.saturating_mul(1000), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the tests get their time")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, clippy::expect_used, reason = "a test without randomness cannot go on")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the system gives randomness");
    }
}

/// The system's time and randomness.
pub fn system() -> Sources {
    Sources { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) }
}

/// The time of `clock`, and the system's randomness.
pub fn at(clock: &TestClock) -> Sources {
    Sources { clock: Arc::new(clock.clone()), entropy: Arc::new(SystemEntropy) }
}
