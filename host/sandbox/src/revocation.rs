//! Which credential versions were taken back while instances may be at work with them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use freehold_model::DestinationId;

/// Raised when a credential version is taken back; an instance looks at it before it does anything with the version.
#[derive(Debug, Clone, Default)]
pub(crate) struct Revoked(Arc<AtomicBool>);

impl Revoked {
    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The flags of all versions that instances work with.
#[derive(Default)]
pub(crate) struct Revocations {
    flags: Mutex<HashMap<(DestinationId, u32), Flag>>,
}

#[derive(Default)]
struct Flag {
    revoked: Revoked,
    raised_at: Option<Instant>,
}

impl Revocations {
    fn lock(&self) -> MutexGuard<'_, HashMap<(DestinationId, u32), Flag>> {
        self.flags.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The flag of a version. One that was taken back already is raised: its credential may have been read before.
    pub(crate) fn flag(&self, destination: &DestinationId, version: u32) -> Revoked {
        self.lock().entry((destination.clone(), version)).or_default().revoked.clone()
    }

    /// Takes a version back.
    pub(crate) fn revoke(&self, destination: &DestinationId, version: u32) {
        let mut flags = self.lock();
        let flag = flags.entry((destination.clone(), version)).or_default();
        flag.revoked.0.store(true, Ordering::Release);
        flag.raised_at = Some(Instant::now());
    }

    /// Forgets flags that nobody looks at. What was taken back is remembered for `remembered`: longer than anybody who read
    /// the credential before can take to make an instance of it.
    pub(crate) fn sweep(&self, remembered: Duration) {
        let now = Instant::now();
        let is_recent = |at: Instant| now.saturating_duration_since(at) < remembered;
        self.lock().retain(|_, flag| Arc::strong_count(&flag.revoked.0) > 1 || flag.raised_at.is_some_and(is_recent));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(last: char) -> DestinationId {
        format!("dst_01hzzzzzzzzzzzzzzzzzzzzzz{last}").parse().unwrap()
    }

    #[test]
    fn one_version_of_one_destination_is_taken_back() {
        let revocations = Revocations::default();
        let before = revocations.flag(&destination('a'), 1);

        revocations.revoke(&destination('a'), 1);

        assert!(before.is_raised());
        assert!(revocations.flag(&destination('a'), 1).is_raised(), "whoever comes late hears of it too");
        assert!(!revocations.flag(&destination('a'), 2).is_raised());
        assert!(!revocations.flag(&destination('b'), 1).is_raised());
    }

    #[test]
    fn flags_are_forgotten_when_nobody_can_look_any_more() {
        let revocations = Revocations::default();
        let held = revocations.flag(&destination('a'), 1);
        drop(revocations.flag(&destination('a'), 2));
        revocations.revoke(&destination('a'), 3);

        revocations.sweep(Duration::from_secs(60));
        assert_eq!(revocations.lock().len(), 2);
        drop(held);
        revocations.sweep(Duration::ZERO);

        assert!(revocations.lock().is_empty());
    }
}
