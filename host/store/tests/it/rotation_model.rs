//! Random histories of credential versions, compared step by step with a model that is small enough to be believed.
//!
//! One version is active, one waits, two drain; attempts run with what they may run with; what has ended never comes back;
//! each change has one row in the audit log; no event is lost.

use std::collections::{BTreeMap, BTreeSet};

use freehold_model::delivery::{ClaimedBatch, Verdict};
use freehold_model::destination::{DestinationChange, PauseReason};
use freehold_model::rotation::CutOver;
use freehold_model::rotation::VersionState::{self, Active, Draining, Rejected, Retired, Revoked, Stored, Verified};
use freehold_model::{BatchId, DestinationId, Timestamp};
use freehold_store::{AuditFilter, Rotated, StoreError, UnderLease, Verification};
use proptest::prelude::*;

use crate::support::{
    COMPONENT, DRAIN_MS, Engine, Home, LEASE_MS, audit, cut_over, first, hold, pause, retry, settlement,
};

#[derive(Debug, Clone)]
enum Step {
    Publish,
    Add,
    Verify,
    Reject,
    ChangeConfig,
    /// `brief` gives what it replaces no time to drain.
    CutOver {
        version: u32,
        force: bool,
        brief: bool,
    },
    /// Two at once.
    Race {
        version: u32,
    },
    RollBack {
        version: u32,
    },
    Revoke {
        version: u32,
    },
    Retire,
    Claim,
    /// Settles the claim at this place, counted from the newest, so that some are stale.
    Settle {
        claim: usize,
        how: How,
    },
    /// Moves the clock, backwards as well.
    Jump {
        ms: i64,
    },
    Resume,
    Reopen,
    Crash,
}

#[derive(Debug, Clone, Copy)]
enum How {
    Delivered,
    Failed,
    Refused,
}

fn step() -> impl Strategy<Value = Step> {
    let drain = i64::try_from(DRAIN_MS).unwrap();
    let lease = i64::try_from(LEASE_MS).unwrap();
    // Numbers are counted back from the newest version.
    let version = 0..4u32;
    prop_oneof![
        5 => Just(Step::Publish),
        5 => Just(Step::Add),
        4 => Just(Step::Verify),
        1 => Just(Step::Reject),
        1 => Just(Step::ChangeConfig),
        8 => (0..2u32, prop::bool::weighted(0.5), prop::bool::weighted(0.3))
            .prop_map(|(version, force, brief)| Step::CutOver { version, force, brief }),
        1 => Just(Step::Race { version: 0 }),
        5 => version.clone().prop_map(|version| Step::RollBack { version }),
        2 => version.prop_map(|version| Step::Revoke { version }),
        3 => Just(Step::Retire),
        8 => Just(Step::Claim),
        8 => (0..6usize, prop_oneof![3 => Just(How::Delivered), 3 => Just(How::Failed), 2 => Just(How::Refused)])
            .prop_map(|(claim, how)| Step::Settle { claim, how }),
        5 => prop_oneof![Just(1_000), Just(lease), Just(drain), Just(-30_000), Just(-drain)]
            .prop_map(|ms| Step::Jump { ms }),
        1 => Just(Step::Resume),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}

#[derive(Debug, Clone, PartialEq)]
struct Known {
    state: VersionState,
    verified_config: Option<u32>,
    drain_until: Option<Timestamp>,
}

/// A batch that is not finished.
#[derive(Debug, Clone)]
struct Open {
    pin: Option<u32>,
    attempts: u32,
    leased_until: Option<Timestamp>,
    token: u64,
    attempt: usize,
}

#[derive(Debug, Default)]
struct Model {
    versions: BTreeMap<u32, Known>,
    previous: Option<u32>,
    epoch: u64,
    config: u32,
    paused: bool,
    audit_rows: usize,
    open: BTreeMap<BatchId, Open>,
    published: usize,
    delivered: usize,
}

impl Model {
    fn in_state(&self, wanted: &[VersionState]) -> Vec<u32> {
        let is_wanted = |known: &Known| wanted.contains(&known.state);
        self.versions.iter().filter(|(_, known)| is_wanted(known)).map(|(number, _)| *number).collect()
    }

    fn active(&self) -> Option<u32> {
        self.in_state(&[Active]).first().copied()
    }

    fn state(&self, version: u32) -> Option<VersionState> {
        self.versions.get(&version).map(|known| known.state)
    }

    fn set(&mut self, version: u32, state: VersionState, drain_until: Option<Timestamp>) {
        let known = self.versions.get_mut(&version).unwrap();
        assert!(!known.state.is_ended(), "version {version} came back from its end");
        (known.state, known.drain_until) = (state, drain_until);
    }

    /// The version in whose place the next one drains, and the one that must go to make room.
    fn allows_cut_over(&self, version: u32, force: bool) -> Option<Option<u32>> {
        let known = self.versions.get(&version)?;
        let tried = known.state == Verified && known.verified_config == Some(self.config);
        if !known.state.is_pending() || !(tried || force) {
            return None;
        }
        let mut draining = self.in_state(&[Draining]);
        draining.sort_by_key(|number| (self.versions[number].drain_until, *number));
        match (self.active(), draining.len()) {
            (Some(_), 2) => force.then(|| Some(draining[0])),
            _ => Some(None),
        }
    }

    fn take_over(&mut self, version: u32, now: Timestamp, drain_ms: u64) {
        let former = self.active();
        if let Some(former) = former {
            self.set(former, Draining, Some(now.plus_millis(drain_ms)));
        }
        self.set(version, Active, None);
        self.previous = former.or(self.previous.filter(|previous| *previous != version));
        self.epoch += 1;
        self.audit_rows += 1;
        self.paused = false;
    }

    /// What the next attempt of a batch with this pin runs with.
    fn choice(&self, pin: Option<u32>, now: Timestamp) -> Option<u32> {
        let Some(pin) = pin else { return self.active() };
        let known = &self.versions[&pin];
        let may_go_on =
            known.state == Active || known.state == Draining && known.drain_until.is_some_and(|until| until > now);
        if may_go_on { Some(pin) } else { self.active() }
    }
}

struct Pair {
    home: Home,
    id: DestinationId,
    model: Model,
    claims: Vec<ClaimedBatch>,
    /// The latest time the clock has shown; leases and retries count from it.
    latest: Timestamp,
}

impl Pair {
    async fn new() -> Pair {
        let home = Home::new(Engine::Sqlite).await;
        let id = home.destination_with(|destination| destination.settings.concurrency = 3).await;
        let latest = home.now();
        let model = Model { config: 1, ..Model::default() };
        let mut pair = Pair { home, id, model, claims: Vec::new(), latest };
        pair.take(&Step::Add).await;
        pair.take(&Step::CutOver { version: 0, force: true, brief: false }).await;
        pair
    }

    fn number(&self, back: u32) -> u32 {
        u32::try_from(self.model.versions.len()).unwrap().saturating_sub(back)
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Publish => {
                self.model.published += 1;
                let id = format!("evt-{}", self.model.published);
                self.home.publish(&[&id]).await;
            }
            Step::Add => self.add().await,
            Step::Verify => self.verify().await,
            Step::Reject => self.reject().await,
            Step::ChangeConfig => self.change_config().await,
            Step::CutOver { version, force, brief } => self.cut_over(self.number(*version), *force, *brief).await,
            Step::Race { version } => self.race(self.number(*version)).await,
            Step::RollBack { version } => self.roll_back(self.number(*version)).await,
            Step::Revoke { version } => self.revoke(self.number(*version)).await,
            Step::Retire => self.retire().await,
            Step::Claim => self.claim().await,
            Step::Settle { claim, how } => self.settle(*claim, *how).await,
            Step::Jump { ms } => {
                self.home.clock.advance(*ms);
                self.latest = self.latest.max(self.home.now());
            }
            Step::Resume => self.resume().await,
            Step::Reopen => self.home.reopen().await,
            Step::Crash => {
                self.home.crash().await;
                for open in self.model.open.values_mut().filter(|open| open.leased_until.is_some()) {
                    open.leased_until = None;
                    open.attempts += 1;
                }
            }
        }
    }

    async fn add(&mut self) {
        let waiting = !self.model.in_state(&[Stored, Verified]).is_empty();

        let added = self.home.add_version(&self.id).await;

        assert_eq!(added.is_err(), waiting, "one version waits at a time");
        if let Ok(version) = added {
            assert!(!self.model.versions.contains_key(&version), "no number is given twice");
            let known = Known { state: Stored, verified_config: None, drain_until: None };
            self.model.versions.insert(version, known);
            self.model.audit_rows += 1;
        }
    }

    async fn verify(&mut self) {
        let version = self.number(0);
        let verification = Verification { at: self.home.now(), config: "c".into(), component: COMPONENT.into() };
        let (store, scope) = (&self.home.store, &self.home.scope);

        let tried = (self.model.config, &verification);
        let verified = store.verify_credential(scope, (&self.id, version), tried, &audit("credential.verify")).await;

        let pending = self.model.state(version).is_some_and(VersionState::is_pending);
        assert_eq!(verified.is_ok(), pending);
        if pending {
            self.model.set(version, Verified, None);
            self.model.versions.get_mut(&version).unwrap().verified_config = Some(self.model.config);
            self.model.audit_rows += 1;
        }
    }

    async fn reject(&mut self) {
        let version = self.number(0);
        let entry = audit("credential.reject");

        let rejected = self.home.store.reject_credential(&self.home.scope, (&self.id, version), &entry).await;

        let pending = self.model.state(version).is_some_and(VersionState::is_pending);
        assert_eq!(rejected.is_ok(), pending);
        if pending {
            self.model.set(version, Rejected, None);
            self.model.audit_rows += 1;
        }
    }

    async fn change_config(&mut self) {
        self.model.config += 1;
        let config = Some(serde_json::json!({ "n": self.model.config }));
        let change = DestinationChange { config, ..DestinationChange::default() };
        self.home.store.update_destination(&self.home.scope, &self.id, &change, &audit("update")).await.unwrap();
        for version in self.model.in_state(&[Verified]) {
            self.model.set(version, Stored, None);
        }
    }

    async fn cut_over(&mut self, version: u32, force: bool, brief: bool) {
        let allowed = self.model.allows_cut_over(version, force);
        let entry = audit("credential.cutover");
        let drain_ms = if brief { 0 } else { DRAIN_MS };
        let terms = CutOver { drain_ms, ..cut_over(force) };

        let done = self.home.store.cut_over_credential(&self.home.scope, (&self.id, version), &terms, &entry).await;

        assert_eq!(done.is_ok(), allowed.is_some(), "{done:?}");
        let (Ok(rotated), Some(must_go)) = (done, allowed) else { return };
        if let Some(oldest) = must_go {
            self.model.set(oldest, Retired, None);
            self.model.audit_rows += 1;
        }
        assert_eq!(rotated.ended, Vec::from_iter(must_go));
        self.model.take_over(version, self.home.now(), drain_ms);
        assert_eq!(rotated.epoch, self.model.epoch, "the epoch rises by one");
    }

    /// Two cutovers at once: one of them wins.
    async fn race(&mut self, version: u32) {
        let allowed = self.model.allows_cut_over(version, true);
        let entry = audit("credential.cutover");
        let terms = cut_over(true);
        let (store, scope) = (&self.home.store, &self.home.scope);
        let one = || store.cut_over_credential(scope, (&self.id, version), &terms, &entry);

        let (first, second): (Result<Rotated, StoreError>, Result<Rotated, StoreError>) = tokio::join!(one(), one());

        let winners = usize::from(first.is_ok()) + usize::from(second.is_ok());
        assert_eq!(winners, usize::from(allowed.is_some()));
        let Some(must_go) = allowed else { return };
        if let Some(oldest) = must_go {
            self.model.set(oldest, Retired, None);
            self.model.audit_rows += 1;
        }
        self.model.take_over(version, self.home.now(), DRAIN_MS);
    }

    async fn roll_back(&mut self, version: u32) {
        let allowed = self.model.previous == Some(version) && self.model.state(version) == Some(Draining);
        let entry = audit("credential.rollback");

        let place = (&self.id, version);
        let done = self.home.store.roll_back_credential(&self.home.scope, place, (DRAIN_MS, 0), &entry).await;

        assert_eq!(done.is_ok(), allowed, "only what was active before is restored");
        if let Ok(rotated) = done {
            self.model.take_over(version, self.home.now(), DRAIN_MS);
            assert_eq!(rotated.destination.credential_version, Some(version));
            assert_eq!(rotated.epoch, self.model.epoch);
        }
    }

    async fn revoke(&mut self, version: u32) {
        let allowed = self.model.state(version).is_some_and(|state| !state.is_ended());
        let was_active = self.model.active() == Some(version);
        let lost = pause(&self.home, PauseReason::Auth);
        let entry = audit("credential.revoke");

        let done = self.home.store.revoke_credential(&self.home.scope, (&self.id, version), &lost, &entry).await;

        assert_eq!(done.is_ok(), allowed);
        if let Ok(rotated) = done {
            self.model.set(version, Revoked, None);
            self.model.epoch += 1;
            self.model.audit_rows += 1;
            self.model.paused |= was_active;
            assert_eq!(rotated.epoch, self.model.epoch);
        }
    }

    async fn retire(&mut self) {
        let now = self.home.now();
        let mut expected = BTreeSet::new();
        for version in self.model.in_state(&[Draining]) {
            let open: Vec<&Open> = self.model.open.values().filter(|open| open.pin == Some(version)).collect();
            let runs = open.iter().any(|open| open.leased_until.is_some_and(|until| until > now));
            let over = self.model.versions[&version].drain_until.is_some_and(|until| until <= now);
            if !runs && (over || open.is_empty()) {
                expected.insert(version);
            }
        }

        let ended = BTreeSet::from_iter(self.home.retire_drained().await);

        assert_eq!(ended, expected);
        for version in ended {
            self.model.set(version, Retired, None);
            self.model.audit_rows += 1;
        }
    }

    async fn claim(&mut self) {
        let now = self.home.now();
        let batches = self.home.claim(&self.id, 2).await.batches;
        assert!(batches.is_empty() || !self.model.paused, "a paused lane attempts nothing");
        for batch in batches {
            let before = self.model.open.get(&batch.id).cloned();
            let pin = before.as_ref().and_then(|open| open.pin);
            let version = batch.credential_version;
            assert_eq!(version, self.model.choice(pin, now), "pinned to {pin:?}");
            let state = version.and_then(|version| self.model.state(version));
            assert!(matches!(state, Some(Active | Draining)), "an attempt with a version that is {state:?}");
            let lost = before.as_ref().is_some_and(|open| open.leased_until.is_some());
            let attempts = before.as_ref().map_or(0, |open| open.attempts) + u32::from(lost);
            assert_eq!(batch.attempt_number, attempts + 1, "refusals and pauses spend no try");
            let open = Open {
                pin: version,
                attempts,
                leased_until: Some(now.plus_millis(LEASE_MS)),
                token: batch.lease_token,
                attempt: self.claims.len(),
            };
            self.model.open.insert(batch.id.clone(), open);
            self.claims.push(batch);
        }
    }

    async fn settle(&mut self, claim: usize, how: How) {
        let Some(place) = self.claims.len().checked_sub(1 + claim) else { return };
        let batch = self.claims[place].clone();
        let now = self.home.now();
        let (verdict, refused) = match how {
            How::Delivered => (Verdict::Delivered, false),
            How::Failed => (retry(now), false),
            How::Refused => (hold(), true),
        };
        let mut settlement = settlement(&batch, vec![verdict]);
        settlement.pause = refused.then(|| (pause(&self.home, PauseReason::Auth), audit("destination.pause")));

        let settled = self.home.store.settle(&self.home.lane_scope(), &settlement).await.unwrap();

        let held = |open: &Open| open.attempt == place && open.leased_until.is_some();
        let standing = self.model.open.get(&batch.id).filter(|open| held(open)).cloned();
        assert_eq!(settled.stale, standing.is_none(), "only the newest lease settles");
        let Some(mut open) = standing else { return };
        open.leased_until = None;
        match how {
            How::Delivered => {
                self.model.open.remove(&batch.id);
                self.model.delivered += 1;
                return;
            }
            How::Failed => open.attempts += 1,
            How::Refused => {
                let of_active = open.pin == self.model.active();
                assert_eq!(settled.repinned, !of_active);
                self.model.paused |= of_active;
                open.pin = None;
            }
        }
        self.model.open.insert(batch.id, open);
    }

    async fn resume(&mut self) {
        let resumed = self.home.store.resume_destination(&self.home.scope, &self.id, &audit("resume")).await;
        let possible = !self.model.paused || self.model.active().is_some();
        assert_eq!(resumed.is_ok(), possible, "nothing is attempted without a credential");
        self.model.paused &= !possible;
    }

    /// What holds after every step.
    async fn check(&self) {
        let listed = self.home.store.credentials(&self.home.scope, &self.id).await.unwrap();
        let count = |wanted: &[VersionState]| listed.iter().filter(|found| wanted.contains(&found.state)).count();
        assert!(count(&[Active]) <= 1, "two are active");
        assert!(count(&[Stored, Verified]) <= 1, "two wait");
        assert!(count(&[Draining]) <= 2, "three drain");
        let states: BTreeMap<u32, VersionState> = listed.iter().map(|found| (found.version, found.state)).collect();
        let expected = self.model.versions.iter().map(|(number, known)| (*number, known.state)).collect();
        assert_eq!(states, expected);
        for found in &listed {
            let sealed = self.home.store.credential(&self.home.scope, &self.id, found.version).await.unwrap();
            assert_eq!(sealed.is_none(), found.state.is_ended(), "version {} is {:?}", found.version, found.state);
            assert_eq!(found.destroyed_at.is_some(), found.state.is_ended());
            assert_eq!(found.fingerprint, format!("fp{}", found.version), "its record stays");
            assert!(found.state != Verified || found.verification.is_some());
        }
        let destination = self.home.store.destination(&self.home.scope, &self.id).await.unwrap().unwrap();
        assert_eq!(destination.credential_version, self.model.active());
        assert_eq!(destination.state.is_active(), !self.model.paused);
        self.check_leases().await;
    }

    /// Only the holder of a live lease gets a credential, and only one that may be used.
    async fn check_leases(&self) {
        let now = self.home.now();
        for (place, batch) in self.claims.iter().enumerate().rev().take(6) {
            let scope = self.home.lane_scope();
            let got = self.home.store.credential_under_lease(&scope, &batch.id, batch.lease_token).await.unwrap();
            let open = self.model.open.get(&batch.id).filter(|open| open.attempt == place);
            let live = open.is_some_and(|open| {
                open.token == batch.lease_token && open.leased_until.is_some_and(|until| until > now)
            });
            let usable = batch.credential_version.and_then(|version| self.model.state(version));
            let usable = matches!(usable, Some(Active | Draining));
            match got {
                UnderLease::Held(sealed) => {
                    assert!(live && usable);
                    assert_eq!(Some(sealed.context.version), batch.credential_version);
                }
                UnderLease::Ended => assert!(live && !usable),
                UnderLease::Over => assert!(!live),
            }
        }
    }

    async fn check_audit(&self) {
        let (mut rows, mut page) = (0, first(200));
        loop {
            let part = self.home.store.audit(&self.home.scope, &AuditFilter::default(), &page).await.unwrap();
            rows += part.items.iter().filter(|record| record.action.starts_with("credential.")).count();
            let Some(next) = part.next else { break };
            page.after = Some(next);
        }
        assert_eq!(rows, self.model.audit_rows, "one row for each change");
    }

    /// With a credential that works, everything that was published is delivered once the faults stop and the clock is right.
    async fn drain(&mut self) {
        self.take(&Step::Add).await;
        if let Some(waiting) = self.model.in_state(&[Stored, Verified]).first().copied() {
            self.cut_over(waiting, true, false).await;
        }
        self.home.clock.advance(self.latest.millis() - self.home.now().millis());
        for _ in 0..4 {
            self.home.clock.advance(i64::try_from(LEASE_MS + DRAIN_MS).unwrap());
            loop {
                let before = self.claims.len();
                self.claim().await;
                let new = self.claims.len() - before;
                for back in (0..new).rev() {
                    self.settle(back, How::Delivered).await;
                }
                if new == 0 {
                    break;
                }
            }
        }
        self.retire().await;
        assert_eq!(self.model.delivered, self.model.published, "no event is lost");
        assert_eq!(self.home.store.queued_across_tenants().await.unwrap(), 0);
        assert!(self.model.in_state(&[Draining]).is_empty(), "everything drains in the end");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn credential_versions_behave_like_their_model(steps in prop::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut pair = Pair::new().await;
            for step in &steps {
                pair.take(step).await;
                pair.check().await;
            }
            pair.check_audit().await;
            pair.drain().await;
            pair.check().await;
        });
    }
}
