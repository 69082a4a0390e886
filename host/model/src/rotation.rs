//! How do a destination's credential versions follow each other? The states, the changes that are allowed, and which
//! version an attempt runs with. Pure: the store writes down what these rules say, in one transaction each.
//!
//! ```text
//! stored ──▶ verified ──▶ active ──▶ draining ──▶ retired
//!    │           ▲  a changed config leads back to `stored`
//!    ├──▶ rejected          ◀── rolled back ──┘
//!    └──▶ revoked  (from `verified`, `active` and `draining` as well)
//! ```

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Versions that may drain at the same time: with the active one, three that sign.
pub const DRAINING_MAX: usize = 2;
/// How long batches that began with a replaced version may go on with it, unless somebody says otherwise.
pub const DRAIN_MS_DEFAULT: u64 = 3_600_000;
/// The longest drain: a day, as long as the longest wait between two tries.
pub const DRAIN_MS_MAX: u64 = 24 * 3_600_000;
/// How long a replaced signing secret still signs beside the new one, unless somebody says otherwise.
pub const OVERLAP_MS_DEFAULT: u64 = 24 * 3_600_000;
/// The longest overlap of signing secrets: a week.
pub const OVERLAP_MS_MAX: u64 = 7 * 24 * 3_600_000;

/// Where a credential version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionState {
    /// Given, and not tried yet.
    Stored,
    /// Tried: it worked with the config and the component of that moment.
    Verified,
    /// What new batches run with.
    Active,
    /// Replaced: what began with it may still end with it.
    Draining,
    /// Drained, or its destination ended. Its bytes are destroyed.
    Retired,
    /// Taken back by somebody. Its bytes are destroyed.
    Revoked,
    /// It did not work when it was tried. Its bytes are destroyed.
    Rejected,
}

impl VersionState {
    /// Every state.
    pub const ALL: [VersionState; 7] = {
        use VersionState::{Active, Draining, Rejected, Retired, Revoked, Stored, Verified};
        [Stored, Verified, Active, Draining, Retired, Revoked, Rejected]
    };

    /// The state as written in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            VersionState::Stored => "stored",
            VersionState::Verified => "verified",
            VersionState::Active => "active",
            VersionState::Draining => "draining",
            VersionState::Retired => "retired",
            VersionState::Revoked => "revoked",
            VersionState::Rejected => "rejected",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        VersionState::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether it waits for its cutover.
    pub fn is_pending(self) -> bool {
        matches!(self, VersionState::Stored | VersionState::Verified)
    }

    /// Whether it is over for good: nothing leads out of such a state, and the sealed bytes are gone.
    pub fn is_ended(self) -> bool {
        matches!(self, VersionState::Retired | VersionState::Revoked | VersionState::Rejected)
    }
}

/// A version that has not ended, as far as the rules look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its number, from 1.
    pub number: u32,
    /// Where it stands.
    pub state: VersionState,
    /// The digest of the component that it was verified with.
    pub verified_with: Option<String>,
    /// Until when batches that began with it may go on with it, while it drains.
    pub drain_until: Option<Timestamp>,
}

/// The versions of one destination.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Rises by one with each cutover, rollback and revocation.
    pub epoch: u64,
    /// The highest number that was ever given; none is given twice.
    pub newest: u32,
    /// What was active before the active one.
    pub previous: Option<u32>,
    /// The versions that have not ended.
    pub versions: Vec<Version>,
}

/// How a version is to take over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutOver {
    /// How long the replaced version drains.
    pub drain_ms: u64,
    /// How long the replaced version's signing secrets still sign.
    pub overlap_ms: u64,
    /// Whether it may take over unverified, and end the version that has drained longest when too many drain.
    pub force: bool,
    /// The digest of the component that runs now: what another one verified does not count.
    pub component: String,
}

/// What a rule decided: which versions change, and what is so after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// The versions that change.
    pub changes: Vec<Change>,
    /// The epoch after it.
    pub epoch: u64,
    /// The active version after it.
    pub active: Option<u32>,
    /// What was active before that.
    pub previous: Option<u32>,
}

/// One version that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its number.
    pub number: u32,
    /// Its new state.
    pub to: VersionState,
    /// Until when batches that began with it may go on with it.
    pub drain_until: Option<Timestamp>,
    /// Until when its signing secrets still sign.
    pub overlap_until: Option<Timestamp>,
}

impl Change {
    fn to(number: u32, to: VersionState) -> Self {
        Change { number, to, drain_until: None, overlap_until: None }
    }
}

/// Why a change of versions is not allowed. Nothing changes then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There may be one pending version at a time.
    #[error("credential version {0} is pending: cut over to it or revoke it first")]
    Pending(u32),
    /// No version of this number has not ended.
    #[error("credential version {0} has ended, or never was")]
    Ended(u32),
    /// It waits for nothing any more.
    #[error("credential version {0} is {state}, not pending", state = .1.as_str())]
    NotPending(u32, VersionState),
    /// It was not tried, or the config or the component changed since.
    #[error("credential version {0} is not verified for the config and the component of now: verify it, or force it")]
    NotVerified(u32),
    /// Too many versions drain.
    #[error("credential versions {0} and {1} are still draining: wait until one has ended, revoke one, or force it")]
    Draining(u32, u32),
    /// Only the version before the active one can be restored.
    #[error("credential version {0} is not the one before the active one, or has ended: give the credential again")]
    NotPrevious(u32),
}

impl Rotation {
    fn find(&self, number: u32) -> Result<&Version, Refused> {
        self.versions.iter().find(|version| version.number == number).ok_or(Refused::Ended(number))
    }

    fn pending(&self, number: u32) -> Result<&Version, Refused> {
        let found = self.find(number)?;
        if found.state.is_pending() { Ok(found) } else { Err(Refused::NotPending(number, found.state)) }
    }

    /// The active version.
    pub fn active(&self) -> Option<u32> {
        self.versions.iter().find(|version| version.state == VersionState::Active).map(|version| version.number)
    }

    fn step(&self, changes: Vec<Change>) -> Step {
        Step { changes, epoch: self.epoch, active: self.active(), previous: self.previous }
    }

    /// The number of the next version, which begins as [`VersionState::Stored`].
    ///
    /// # Errors
    /// [`Refused::Pending`] when another one waits.
    pub fn add(&self) -> Result<u32, Refused> {
        match self.versions.iter().find(|version| version.state.is_pending()) {
            Some(waiting) => Err(Refused::Pending(waiting.number)),
            None => Ok(self.newest + 1),
        }
    }

    /// It was tried, and works.
    ///
    /// # Errors
    /// When it is not pending.
    pub fn verify(&self, number: u32) -> Result<Step, Refused> {
        self.pending(number)?;
        Ok(self.step(vec![Change::to(number, VersionState::Verified)]))
    }

    /// It was tried, and does not work.
    ///
    /// # Errors
    /// When it is not pending.
    pub fn reject(&self, number: u32) -> Result<Step, Refused> {
        self.pending(number)?;
        Ok(self.step(vec![Change::to(number, VersionState::Rejected)]))
    }

    /// It takes over; what was active drains.
    ///
    /// # Errors
    /// When it is not pending, not verified as it should be, or too many versions drain.
    pub fn cut_over(&self, number: u32, terms: &CutOver, now: Timestamp) -> Result<Step, Refused> {
        let next = self.pending(number)?;
        let verified = next.state == VersionState::Verified && next.verified_with.as_ref() == Some(&terms.component);
        if !verified && !terms.force {
            return Err(Refused::NotVerified(number));
        }
        let mut changes = Vec::new();
        if self.active().is_some()
            && let Some(longest) = self.too_many_draining(terms.force)?
        {
            changes.push(Change::to(longest, VersionState::Retired));
        }
        Ok(self.replace(number, (terms.drain_ms, terms.overlap_ms), now, changes))
    }

    /// Which version has to go to make room for another one that drains, if one has to.
    fn too_many_draining(&self, force: bool) -> Result<Option<u32>, Refused> {
        let mut draining: Vec<&Version> =
            self.versions.iter().filter(|version| version.state == VersionState::Draining).collect();
        draining.sort_by_key(|version| (version.drain_until, version.number));
        match draining[..] {
            [first, second, ..] if draining.len() >= DRAINING_MAX => {
                if force {
                    Ok(Some(first.number))
                } else {
                    Err(Refused::Draining(first.number, second.number))
                }
            }
            _ => Ok(None),
        }
    }

    /// What was active before becomes active again; what is active drains.
    ///
    /// # Errors
    /// [`Refused::NotPrevious`] when it is not the one before, or has ended.
    pub fn roll_back(&self, number: u32, lasting: (u64, u64), now: Timestamp) -> Result<Step, Refused> {
        let drains = self.find(number).is_ok_and(|version| version.state == VersionState::Draining);
        if self.previous != Some(number) || !drains {
            return Err(Refused::NotPrevious(number));
        }
        Ok(self.replace(number, lasting, now, Vec::new()))
    }

    fn replace(&self, number: u32, lasting: (u64, u64), now: Timestamp, mut changes: Vec<Change>) -> Step {
        let (drain_ms, overlap_ms) = lasting;
        if let Some(active) = self.active() {
            changes.push(Change {
                number: active,
                to: VersionState::Draining,
                drain_until: Some(now.plus_millis(drain_ms.min(DRAIN_MS_MAX))),
                overlap_until: (overlap_ms > 0).then(|| now.plus_millis(overlap_ms.min(OVERLAP_MS_MAX))),
            });
        }
        changes.push(Change::to(number, VersionState::Active));
        let previous = self.active().or(self.previous.filter(|previous| *previous != number));
        Step { changes, epoch: self.epoch + 1, active: Some(number), previous }
    }

    /// It is taken back, at once.
    ///
    /// # Errors
    /// [`Refused::Ended`] when it has ended already.
    pub fn revoke(&self, number: u32) -> Result<Step, Refused> {
        self.find(number)?;
        let active = self.active().filter(|active| *active != number);
        let changes = vec![Change::to(number, VersionState::Revoked)];
        Ok(Step { changes, epoch: self.epoch + 1, active, previous: self.previous })
    }

    /// Nothing needs it any more.
    ///
    /// # Errors
    /// [`Refused::Ended`] when it does not drain.
    pub fn retire(&self, number: u32) -> Result<Step, Refused> {
        let version = self.find(number)?;
        if version.state != VersionState::Draining {
            return Err(Refused::Ended(number));
        }
        Ok(self.step(vec![Change::to(number, VersionState::Retired)]))
    }
}

/// Which version the next attempt of a batch runs with.
///
/// It keeps the one that it began with, `pinned`, while that is active or drains (`drains_until`) and the time for it is
/// not over; otherwise, and at its first attempt, it takes the active one.
pub fn version_for_attempt(
    active: Option<u32>,
    pinned: Option<u32>,
    drains_until: Option<Timestamp>,
    now: Timestamp,
) -> Option<u32> {
    match pinned {
        Some(pinned) if active == Some(pinned) || drains_until.is_some_and(|until| until > now) => Some(pinned),
        _ => active,
    }
}

#[cfg(test)]
mod tests;
