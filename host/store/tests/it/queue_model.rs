//! Random histories of the queue, compared step by step with a model that is small enough to be believed.
//!
//! Nothing is lost, nothing is delivered to the wrong batch, tokens rise, stale settlements change nothing, the members
//! of a batch are fixed, and no delivery is under two live leases.

use std::collections::{BTreeMap, BTreeSet};

use freehold_model::delivery::{ClaimedBatch, DeliveryState, Verdict};
use freehold_model::destination::PauseReason;
use freehold_model::{BatchId, DeliveryId, DestinationId, Timestamp};
use freehold_store::{DeliveryFilter, Replay};
use proptest::prelude::*;

use crate::support::{self, Engine, Home, LEASE_MS, audit, dead, first, hold, retry};

const LANES: usize = 2;

#[derive(Debug, Clone)]
enum Step {
    Publish {
        events: usize,
    },
    Claim {
        lane: usize,
        batches: u32,
    },
    /// Settles the claim at this place in the list of all claims there ever were, so that many are stale.
    Settle {
        claim: usize,
        verdicts: Vec<u8>,
        pause: bool,
    },
    Advance {
        ms: i64,
    },
    Pause {
        lane: usize,
    },
    Resume {
        lane: usize,
    },
    Delete {
        lane: usize,
    },
    ReplayDead {
        lane: usize,
    },
    Reopen,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let lane = 0..LANES;
    prop_oneof![
        6 => (1..6usize).prop_map(|events| Step::Publish { events }),
        8 => (lane.clone(), 1..4u32).prop_map(|(lane, batches)| Step::Claim { lane, batches }),
        8 => (0..40usize, prop::collection::vec(0..6u8, 3), prop::bool::weighted(0.1))
            .prop_map(|(claim, verdicts, pause)| Step::Settle { claim, verdicts, pause }),
        4 => prop_oneof![Just(100), Just(1_000), Just(i64::try_from(LEASE_MS).unwrap())]
            .prop_map(|ms| Step::Advance { ms }),
        1 => lane.clone().prop_map(|lane| Step::Pause { lane }),
        2 => lane.clone().prop_map(|lane| Step::Resume { lane }),
        1 => lane.clone().prop_map(|lane| Step::ReplayDead { lane }),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
        1 => prop::bool::weighted(0.2).prop_flat_map(move |really| {
            if really { lane.clone().prop_map(|lane| Step::Delete { lane }).boxed() } else { Just(Step::Advance { ms: 1 }).boxed() }
        }),
    ]
}

#[derive(Debug, Clone, PartialEq)]
struct Known {
    state: DeliveryState,
    attempts: u32,
    replayed: bool,
}

#[derive(Debug, Clone)]
struct Open {
    lane: usize,
    members: Vec<DeliveryId>,
    attempts: u32,
    token: u64,
    next_at: Timestamp,
    leased_until: Option<Timestamp>,
}

#[derive(Debug, Default, Clone)]
struct Lane {
    paused: bool,
    deleted: bool,
    /// Deliveries that have no batch yet, in the order of the queue.
    waiting: Vec<DeliveryId>,
}

#[derive(Default)]
struct Model {
    lanes: Vec<Lane>,
    deliveries: BTreeMap<DeliveryId, Known>,
    open: BTreeMap<BatchId, Open>,
    /// Every batch there ever was, with its members: they never change.
    members: BTreeMap<BatchId, Vec<DeliveryId>>,
}

/// The store and the model, side by side.
struct Pair {
    home: Home,
    lanes: Vec<DestinationId>,
    model: Model,
    claims: Vec<(usize, ClaimedBatch)>,
    published: usize,
}

impl Pair {
    async fn new() -> Pair {
        let home = Home::new(Engine::Sqlite).await;
        let mut lanes = Vec::new();
        for _ in 0..LANES {
            lanes.push(
                home.destination_with(|destination| {
                    destination.settings.batch_events = 3;
                    destination.settings.concurrency = 2;
                })
                .await,
            );
        }
        let model = Model { lanes: vec![Lane::default(); LANES], ..Model::default() };
        Pair { home, lanes, model, claims: Vec::new(), published: 0 }
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Publish { events } => self.publish(*events).await,
            Step::Claim { lane, batches } => self.claim(*lane, *batches).await,
            Step::Settle { claim, verdicts, pause } => self.settle(*claim, verdicts, *pause).await,
            Step::Advance { ms } => self.home.clock.advance(*ms),
            Step::Pause { lane } if !self.model.lanes[*lane].deleted => {
                let pause = support::pause(&self.home, PauseReason::Requested);
                let (store, scope) = (&self.home.store, &self.home.scope);
                store.pause_destination(scope, &self.lanes[*lane], &pause, &audit("pause")).await.unwrap();
                self.model.lanes[*lane].paused = true;
            }
            Step::Resume { lane } if !self.model.lanes[*lane].deleted => {
                let (store, scope) = (&self.home.store, &self.home.scope);
                store.resume_destination(scope, &self.lanes[*lane], &audit("resume")).await.unwrap();
                self.model.lanes[*lane].paused = false;
            }
            Step::Delete { lane } if !self.model.lanes[*lane].deleted => self.delete(*lane).await,
            Step::ReplayDead { lane } if !self.model.lanes[*lane].deleted => self.replay_dead(*lane).await,
            Step::Reopen => self.home.reopen().await,
            Step::Crash => {
                self.home.crash().await;
                let now = self.home.now();
                for batch in self.model.open.values_mut().filter(|batch| batch.leased_until.is_some()) {
                    (batch.leased_until, batch.next_at) = (None, now);
                    batch.attempts += 1;
                }
            }
            _ => {}
        }
    }

    async fn publish(&mut self, events: usize) {
        let ids: Vec<String> = (0..events).map(|number| format!("evt-{}", self.published + number)).collect();
        self.published += events;
        self.home.publish(&ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
        self.learn_new().await;
    }

    /// Takes over deliveries that the model does not know yet: the store chose their ids.
    async fn learn_new(&mut self) {
        for lane in 0..LANES {
            let mut new: Vec<_> = self.listed(lane).await;
            new.retain(|delivery| !self.model.deliveries.contains_key(&delivery.id));
            new.reverse();
            for delivery in new {
                assert_eq!(delivery.state, DeliveryState::Queued);
                let known = Known { state: DeliveryState::Queued, attempts: 0, replayed: false };
                self.model.deliveries.insert(delivery.id.clone(), known);
                self.model.lanes[lane].waiting.push(delivery.id);
            }
        }
    }

    async fn listed(&self, lane: usize) -> Vec<freehold_model::delivery::Delivery> {
        let filter = DeliveryFilter { destination: Some(self.lanes[lane].clone()), ..DeliveryFilter::default() };
        let (mut rows, mut page) = (Vec::new(), first(200));
        loop {
            let part = self.home.store.deliveries(&self.home.scope, &filter, &page).await.unwrap();
            rows.extend(part.items);
            let Some(next) = part.next else { return rows };
            page.after = Some(next);
        }
    }

    async fn claim(&mut self, lane: usize, batches: u32) {
        let now = self.home.now();
        let claim = self.home.claim(&self.lanes[lane], batches).await;
        let state = &self.model.lanes[lane];
        if state.paused || state.deleted {
            assert!(claim.batches.is_empty());
            assert_eq!(claim.next_at, None);
            return;
        }
        let live = self.model.open.values().filter(|b| b.lane == lane && b.leased_until.is_some_and(|at| at > now));
        let free = 2_usize.saturating_sub(live.count());
        let due = self.model.open.values().filter(|batch| batch.lane == lane && batch.next_at <= now).count();
        let claimable = due + state.waiting.len().div_ceil(3);
        let expected = free.min(usize::try_from(batches).unwrap()).min(claimable);
        assert_eq!(claim.batches.len(), expected, "free {free}, due {due}, waiting {}", state.waiting.len());
        if claim.next_at == Some(now) {
            assert!(claimable > expected, "promises more than there is");
        }
        for (place, batch) in claim.batches.into_iter().enumerate() {
            assert_eq!(place < due, self.model.open.contains_key(&batch.id), "what is due goes first");
            self.claimed(lane, batch, now);
        }
    }

    fn claimed(&mut self, lane: usize, batch: ClaimedBatch, now: Timestamp) {
        let members: Vec<DeliveryId> = batch.members.iter().map(|member| member.id.clone()).collect();
        let lease_end = now.plus_millis(LEASE_MS);
        match self.model.open.get_mut(&batch.id) {
            Some(open) => {
                assert!(open.next_at <= now, "claimed before it was due");
                assert_eq!(open.members, members, "a batch keeps its members");
                assert!(batch.lease_token > open.token, "tokens rise");
                open.attempts += u32::from(open.leased_until.is_some());
                assert_eq!(batch.attempt_number, open.attempts + 1);
                (open.token, open.leased_until, open.next_at) = (batch.lease_token, Some(lease_end), lease_end);
            }
            None => {
                assert!(!self.model.members.contains_key(&batch.id), "a closed batch came back");
                let waiting = &mut self.model.lanes[lane].waiting;
                let head: Vec<DeliveryId> = waiting.drain(..waiting.len().min(3)).collect();
                assert_eq!(members, head, "new batches take the head of the queue");
                let (token, attempts) = (batch.lease_token, 0);
                self.model.members.insert(batch.id.clone(), members.clone());
                let open = Open { lane, members, attempts, token, next_at: lease_end, leased_until: Some(lease_end) };
                self.model.open.insert(batch.id.clone(), open);
            }
        }
        self.claims.push((lane, batch));
    }

    async fn settle(&mut self, claim: usize, choices: &[u8], pause: bool) {
        if self.claims.is_empty() {
            return;
        }
        let (lane, batch) = self.claims[self.claims.len() - 1 - claim % self.claims.len()].clone();
        let at = self.home.now().plus_millis(500);
        let verdict = |choice: &u8| match choice {
            0 | 1 => Verdict::Delivered,
            2 | 3 => retry(at),
            4 => hold(),
            _ => dead(),
        };
        let mut settlement = support::settlement(&batch, choices.iter().map(verdict).collect());
        settlement.pause = pause.then(|| (support::pause(&self.home, PauseReason::Auth), audit("destination.pause")));
        let current = self.model.open.get(&batch.id);
        let held = current.is_some_and(|open| open.token == batch.lease_token && open.leased_until.is_some());

        let settled = self.home.store.settle(&self.home.lane_scope(), &settlement).await.unwrap();

        assert_eq!(settled.stale, !held);
        if held {
            self.settled(&batch.id, &settlement.verdicts, at).await;
            self.model.lanes[lane].paused |= pause;
        }
        let state = &self.model.lanes[lane];
        let some_work = !state.waiting.is_empty() || self.model.open.values().any(|open| open.lane == lane);
        assert_eq!(settled.next_at.is_some(), some_work && !state.paused && !state.deleted);
    }

    async fn settled(&mut self, batch: &BatchId, verdicts: &[(DeliveryId, Verdict)], at: Timestamp) {
        let open = self.model.open.remove(batch).unwrap();
        let now = self.home.now();
        let (mut retried, mut held) = (Vec::new(), Vec::new());
        for (id, verdict) in verdicts {
            let known = self.model.deliveries.get_mut(id).unwrap();
            match verdict {
                Verdict::Delivered => known.state = DeliveryState::Delivered,
                Verdict::Dead { .. } => known.state = DeliveryState::Dead,
                Verdict::Retry { .. } => retried.push(id.clone()),
                Verdict::Hold { .. } => held.push(id.clone()),
            }
            if known.state != DeliveryState::Queued {
                known.attempts = open.attempts + 1;
            }
        }
        for (members, attempts, next_at) in [(retried, open.attempts + 1, at), (held, open.attempts, now)] {
            if members.is_empty() {
                continue;
            }
            let whole = members.len() == open.members.len();
            let id = if whole { batch.clone() } else { self.batch_of(&members).await };
            assert!(whole || !self.model.members.contains_key(&id), "a part needs an id of its own");
            self.model.members.insert(id.clone(), members.clone());
            let token = if whole { open.token } else { 0 };
            let rest = Open { members, attempts, token, next_at, leased_until: None, lane: open.lane };
            self.model.open.insert(id, rest);
        }
    }

    /// The batch that these deliveries are in now, which must be one.
    async fn batch_of(&self, members: &[DeliveryId]) -> BatchId {
        let mut batches = BTreeSet::new();
        for id in members {
            let delivery = self.home.store.delivery(&self.home.scope, id).await.unwrap().unwrap();
            batches.insert(delivery.batch.unwrap());
        }
        assert_eq!(batches.len(), 1, "they stay together");
        batches.pop_first().unwrap()
    }

    async fn delete(&mut self, lane: usize) {
        let (store, scope) = (&self.home.store, &self.home.scope);
        store.delete_destination(scope, &self.lanes[lane], &audit("delete")).await.unwrap();
        self.model.lanes[lane].deleted = true;
        let mut cancelled: Vec<(DeliveryId, u32)> =
            self.model.lanes[lane].waiting.drain(..).map(|id| (id, 0)).collect();
        self.model.open.retain(|_, open| {
            if open.lane == lane {
                cancelled.extend(open.members.iter().map(|id| (id.clone(), open.attempts)));
            }
            open.lane != lane
        });
        for (id, attempts) in cancelled {
            let known = self.model.deliveries.get_mut(&id).unwrap();
            (known.state, known.attempts) = (DeliveryState::Cancelled, attempts);
        }
    }

    async fn replay_dead(&mut self, lane: usize) {
        let dead_letters = Replay::DeadLetters { destination: self.lanes[lane].clone() };
        let of_lane: BTreeSet<DeliveryId> = self.listed(lane).await.into_iter().map(|delivery| delivery.id).collect();

        let replayed = self.home.store.replay(&self.home.scope, &dead_letters, &audit("replay")).await.unwrap();

        let mut expected = 0;
        for id in of_lane {
            let known = self.model.deliveries.get_mut(&id).unwrap();
            if known.state == DeliveryState::Dead && !known.replayed {
                known.replayed = true;
                expected += 1;
            }
        }
        assert_eq!(replayed.deliveries, expected);
        self.learn_new().await;
    }

    /// Every delivery stands where the model says, and none is missing.
    async fn compare(&self) {
        let attempts: BTreeMap<&DeliveryId, u32> =
            self.model.open.values().flat_map(|open| open.members.iter().map(|id| (id, open.attempts))).collect();
        let mut seen = 0;
        for lane in 0..LANES {
            for delivery in self.listed(lane).await {
                let known = &self.model.deliveries[&delivery.id];
                let expected = attempts.get(&delivery.id).copied().unwrap_or(known.attempts);
                assert_eq!((delivery.state, delivery.attempts), (known.state, expected), "{}", delivery.id);
                seen += 1;
            }
        }
        assert_eq!(seen, self.model.deliveries.len(), "nothing is lost");
        let queued = self.model.deliveries.values().filter(|known| known.state == DeliveryState::Queued).count();
        assert_eq!(usize::try_from(self.home.store.queued_across_tenants().await.unwrap()), Ok(queued));
        let working: BTreeSet<usize> = (0..LANES)
            .filter(|lane| {
                let state = &self.model.lanes[*lane];
                let open = self.model.open.values().any(|open| open.lane == *lane);
                !state.paused && !state.deleted && (open || !state.waiting.is_empty())
            })
            .collect();
        let lanes = self.home.store.lanes_with_work_across_tenants().await.unwrap();
        let found = lanes.iter().filter_map(|found| self.lanes.iter().position(|lane| *lane == found.destination));
        assert_eq!(found.collect::<BTreeSet<_>>(), working);
    }

    /// When faults stop and every lane works, all that is queued is delivered.
    async fn drain(&mut self) {
        for lane in 0..LANES {
            self.take(&Step::Resume { lane }).await;
        }
        self.home.clock.advance(i64::try_from(LEASE_MS).unwrap());
        for lane in 0..LANES {
            loop {
                let before = self.claims.len();
                self.claim(lane, 4).await;
                if self.claims.len() == before {
                    break;
                }
                for back in 0..self.claims.len() - before {
                    self.settle(back, &[0, 0, 0], false).await;
                }
            }
        }
        let queued = self.model.deliveries.values().filter(|known| known.state == DeliveryState::Queued);
        assert_eq!(queued.count(), 0, "all that was queued is delivered in the end");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_queue_behaves_like_its_model(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut pair = Pair::new().await;
            for step in &steps {
                pair.take(step).await;
            }
            pair.compare().await;
            pair.drain().await;
            pair.compare().await;
        });
    }
}
