//! What the dispatcher knows of each lane: what is under way, when to look again, how it fares. Pure.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use freehold_model::lane::Lane;
use freehold_model::{DestinationId, Timestamp};

use crate::config::PipelineConfig;
use crate::queue::turns::Turns;

/// The first pause of a lane that fails again and again, in milliseconds. Doubles with each further failure.
const BACKOFF_MS: u64 = 1_000;

/// Failures in a row that may still be chance.
const FAILURES_FORGIVEN: u32 = 2;

/// How a batch ended, as far as its lane is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fared {
    /// The destination answered well, or refused single events.
    Well,
    /// The destination could not be reached or could not cope.
    Badly,
    /// It was not tried: something of ours was missing, such as the key that protects its credential.
    Waiting,
}

/// The lanes that have something to do, now or later.
pub(crate) struct Lanes {
    states: HashMap<DestinationId, State>,
    healthy: Turns,
    failing: Turns,
    timers: BinaryHeap<Reverse<(Timestamp, DestinationId)>>,
    running: u32,
    running_failing: u32,
    failing_went_last: bool,
    batches_at_once: u32,
    failing_at_once: u32,
    backoff_ms_max: u64,
}

#[derive(Debug)]
struct State {
    lane: Lane,
    /// Batches under way, and places set aside for a claim under way.
    running: u32,
    claiming: bool,
    /// Somebody asked for the lane while it was being claimed.
    asked_again: bool,
    wake_at: Option<Timestamp>,
    failures: u32,
    /// Whether the last of these was for want of something of ours.
    is_waiting: bool,
    hold_until: Timestamp,
    /// Whether its places were counted as those of a failing lane.
    counted_failing: bool,
}

impl State {
    fn is_failing(&self) -> bool {
        self.failures > FAILURES_FORGIVEN
    }
}

/// A turn: claim up to this many batches of this lane.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) lane: Lane,
    pub(crate) batches_max: u32,
}

/// Batches of one lane claimed in one turn at most; more would let one lane run ahead of the others.
const BATCHES_PER_TURN: u32 = 4;

impl Lanes {
    pub(crate) fn new(config: &PipelineConfig) -> Self {
        let batches_at_once = config.batches_at_once.max(1);
        Lanes {
            states: HashMap::new(),
            healthy: Turns::default(),
            failing: Turns::default(),
            timers: BinaryHeap::new(),
            running: 0,
            running_failing: 0,
            failing_went_last: false,
            batches_at_once,
            failing_at_once: (batches_at_once * config.failing_share_percent.min(100) / 100).max(1),
            backoff_ms_max: config.lane_backoff_ms_max,
        }
    }

    /// Somebody says that the lane may have something to do.
    pub(crate) fn wake(&mut self, lane: Lane, now: Timestamp) {
        let destination = lane.destination.clone();
        self.states.entry(destination.clone()).or_insert_with(|| State {
            lane,
            running: 0,
            claiming: false,
            asked_again: false,
            wake_at: None,
            failures: 0,
            is_waiting: false,
            hold_until: Timestamp::EPOCH,
            counted_failing: false,
        });
        self.look_at(&destination, now, now);
    }

    /// Its destination was changed: what is known of its failures may no longer hold.
    pub(crate) fn forgive(&mut self, destination: &DestinationId) {
        if let Some(state) = self.states.get_mut(destination) {
            state.failures = 0;
            state.hold_until = Timestamp::EPOCH;
        }
    }

    /// What lanes waited for is there again: their failures were not their destinations'.
    pub(crate) fn resume_waiting(&mut self, now: Timestamp) {
        let waiting = self.states.iter().filter(|(_, state)| state.is_waiting).map(|(id, _)| id.clone());
        for destination in waiting.collect::<Vec<_>>() {
            if let Some(state) = self.states.get_mut(&destination) {
                state.is_waiting = false;
            }
            self.forgive(&destination);
            self.look_at(&destination, now, now);
        }
    }

    /// The lane whose turn it is, with places set aside for what it may claim.
    pub(crate) fn next_turn(&mut self) -> Option<Turn> {
        let free = self.batches_at_once.saturating_sub(self.running);
        if free == 0 {
            return None;
        }
        let failing_may = self.running_failing < self.failing_at_once && !self.failing.is_empty();
        // Alternating keeps a lane that has come back to life from waiting behind a stream of healthy ones.
        let failing_first = failing_may && (self.healthy.is_empty() || !self.failing_went_last);
        self.failing_went_last = failing_first;
        loop {
            let lane = if failing_first { self.failing.pop() } else { self.healthy.pop() }?;
            let Some(state) = self.states.get_mut(&lane.destination).filter(|state| !state.claiming) else { continue };
            let batches_max = if state.is_failing() { 1 } else { BATCHES_PER_TURN.min(free) };
            state.claiming = true;
            state.asked_again = false;
            state.wake_at = None;
            state.counted_failing = failing_first;
            state.running += batches_max;
            self.running += batches_max;
            self.running_failing += if failing_first { batches_max } else { 0 };
            return Some(Turn { lane, batches_max });
        }
    }

    /// A claim ended: it set aside `reserved` places, got `claimed` batches, and the lane has more to claim at `next_at`.
    pub(crate) fn claimed(
        &mut self,
        destination: &DestinationId,
        reserved: u32,
        claimed: u32,
        next_at: Option<Timestamp>,
        now: Timestamp,
    ) {
        self.free(destination, reserved.saturating_sub(claimed));
        let Some(state) = self.states.get_mut(destination) else { return };
        state.claiming = false;
        let next_at = if state.asked_again { Some(now) } else { next_at };
        match next_at {
            // What is under way will be settled, and the lane looked at again, before a timer could help.
            Some(at) if at <= now && claimed == 0 && state.running > 0 => {}
            Some(at) => self.look_at(destination, at, now),
            None => self.forget_if_idle(destination),
        }
    }

    /// A batch ended.
    pub(crate) fn finished(
        &mut self,
        destination: &DestinationId,
        fared: Fared,
        next_at: Option<Timestamp>,
        now: Timestamp,
    ) {
        self.free(destination, 1);
        let Some(state) = self.states.get_mut(destination) else { return };
        state.is_waiting = fared == Fared::Waiting;
        match fared {
            Fared::Well => {
                state.failures = 0;
                state.hold_until = Timestamp::EPOCH;
            }
            Fared::Badly | Fared::Waiting => {
                state.failures = state.failures.saturating_add(1);
                if state.is_failing() {
                    let doublings = (state.failures - FAILURES_FORGIVEN - 1).min(20);
                    let pause = BACKOFF_MS.saturating_mul(1 << doublings).min(self.backoff_ms_max);
                    state.hold_until = now.plus_millis(pause);
                }
            }
        }
        match next_at {
            Some(at) => self.look_at(destination, at, now),
            None => self.forget_if_idle(destination),
        }
    }

    /// Puts every lane whose time has come in line. Returns when the next one's comes.
    pub(crate) fn fire_timers(&mut self, now: Timestamp) -> Option<Timestamp> {
        while let Some(Reverse((at, destination))) = self.timers.peek() {
            if *at > now {
                return Some(*at);
            }
            let (at, destination) = (*at, destination.clone());
            self.timers.pop();
            if let Some(state) = self.states.get_mut(&destination).filter(|state| state.wake_at == Some(at)) {
                // It has gone off: if the lane is held back, another one must be set.
                state.wake_at = None;
                self.look_at(&destination, now, now);
            }
        }
        None
    }

    /// Batches under way, and places set aside for claims under way.
    pub(crate) fn running(&self) -> u32 {
        self.running
    }

    fn free(&mut self, destination: &DestinationId, places: u32) {
        self.running = self.running.saturating_sub(places);
        if let Some(state) = self.states.get_mut(destination) {
            state.running = state.running.saturating_sub(places);
            if state.counted_failing {
                self.running_failing = self.running_failing.saturating_sub(places);
                // Later places of the lane are counted by the turn that sets them aside.
                state.counted_failing = state.running > 0;
            }
        }
    }

    /// Has the lane looked at once `at` has come, and not before its hold ends.
    fn look_at(&mut self, destination: &DestinationId, at: Timestamp, now: Timestamp) {
        let Some(state) = self.states.get_mut(destination) else { return };
        if state.claiming {
            state.asked_again |= at <= now;
            return;
        }
        let at = at.max(state.hold_until);
        if at <= now {
            if state.is_failing() {
                // One batch at a time tells whether a failing destination is back.
                if state.running == 0 {
                    self.failing.push(state.lane.clone());
                }
            } else {
                self.healthy.push(state.lane.clone());
            }
        } else if state.wake_at.is_none_or(|wake_at| at < wake_at) {
            state.wake_at = Some(at);
            self.timers.push(Reverse((at, destination.clone())));
        }
    }

    fn forget_if_idle(&mut self, destination: &DestinationId) {
        let idle =
            |state: &State| state.running == 0 && !state.claiming && state.failures == 0 && state.wake_at.is_none();
        // Whoever woke it may have been quicker than the news that it had nothing to do.
        let in_line = self.healthy.contains(destination) || self.failing.contains(destination);
        if !in_line && self.states.get(destination).is_some_and(idle) {
            self.states.remove(destination);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(number: u8) -> Lane {
        Lane {
            tenant: format!("ten_{:0>26}", 1).parse().unwrap(),
            customer: format!("cus_{:0>26}", number).parse().unwrap(),
            destination: format!("dst_{:0>26}", number).parse().unwrap(),
        }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn lanes(batches_at_once: u32) -> Lanes {
        Lanes::new(&PipelineConfig { batches_at_once, ..PipelineConfig::default() })
    }

    /// Plays one turn of `lane`: it claims one batch, which fares badly and wants to be tried again at once.
    fn fail_once(lanes: &mut Lanes, lane: &Lane, now: Timestamp) {
        fare(lanes, lane, Fared::Badly, now);
    }

    fn fare(lanes: &mut Lanes, lane: &Lane, fared: Fared, now: Timestamp) {
        let turn = lanes.next_turn().unwrap();
        assert_eq!(turn.lane, *lane);
        lanes.claimed(&lane.destination, turn.batches_max, 1, None, now);
        lanes.finished(&lane.destination, fared, Some(now), now);
    }

    #[test]
    fn a_lane_asked_for_while_it_is_claimed_gets_another_turn() {
        let mut lanes = lanes(8);
        lanes.wake(lane(1), at(0));
        let turn = lanes.next_turn().unwrap();

        lanes.wake(lane(1), at(1));
        assert_eq!(lanes.next_turn(), None);
        lanes.claimed(&turn.lane.destination, turn.batches_max, 0, None, at(2));

        assert_eq!(lanes.next_turn().map(|turn| turn.lane), Some(lane(1)));
    }

    #[test]
    fn a_lane_that_keeps_failing_is_held_back_and_forgiven_when_it_changes() {
        let mut lanes = lanes(8);
        lanes.wake(lane(1), at(0));
        for _ in 0..3 {
            fail_once(&mut lanes, &lane(1), at(0));
        }

        assert_eq!(lanes.next_turn(), None);
        assert_eq!(lanes.fire_timers(at(0)), Some(at(1_000)));
        lanes.forgive(&lane(1).destination);
        lanes.wake(lane(1), at(0));

        assert_eq!(lanes.next_turn().map(|turn| turn.lane), Some(lane(1)));
    }

    #[test]
    fn a_lane_whose_timer_comes_while_it_is_held_back_is_looked_at_when_the_hold_ends() {
        let mut lanes = lanes(8);
        lanes.wake(lane(1), at(0));
        let turn = lanes.next_turn().unwrap();
        lanes.claimed(&turn.lane.destination, turn.batches_max, 3, None, at(0));
        // The first of three wants to be tried again soon; with the third the lane is held back for longer.
        for _ in 0..3 {
            lanes.finished(&lane(1).destination, Fared::Badly, Some(at(20)), at(0));
        }

        assert_eq!(lanes.fire_timers(at(20)), Some(at(1_000)));
        lanes.fire_timers(at(1_000));

        assert_eq!(lanes.next_turn().map(|turn| turn.lane), Some(lane(1)));
    }

    #[test]
    fn a_lane_that_is_woken_before_its_last_batch_is_heard_of_keeps_its_turn() {
        let mut lanes = lanes(8);
        lanes.wake(lane(1), at(0));
        let turn = lanes.next_turn().unwrap();
        lanes.claimed(&turn.lane.destination, turn.batches_max, 1, None, at(0));

        // The batch was settled before the event came, and is heard of after it.
        lanes.wake(lane(1), at(1));
        lanes.finished(&lane(1).destination, Fared::Well, None, at(1));

        assert_eq!(lanes.next_turn().map(|turn| turn.lane), Some(lane(1)));
    }

    #[test]
    fn a_lane_that_waited_for_something_of_ours_goes_on_at_once_and_one_that_failed_does_not() {
        let mut lanes = lanes(8);
        for (number, fared) in [(1, Fared::Waiting), (2, Fared::Badly)] {
            lanes.wake(lane(number), at(0));
            for _ in 0..3 {
                fare(&mut lanes, &lane(number), fared, at(0));
            }
        }
        assert_eq!(lanes.next_turn(), None, "both are held back");

        lanes.resume_waiting(at(0));

        assert_eq!(lanes.next_turn().map(|turn| turn.lane), Some(lane(1)));
        assert_eq!(lanes.next_turn(), None);
    }

    #[test]
    fn failing_lanes_cannot_take_the_places_of_healthy_ones() {
        let mut lanes = lanes(8);
        for number in 1..=8 {
            lanes.wake(lane(number), at(0));
            for _ in 0..3 {
                fail_once(&mut lanes, &lane(number), at(0));
            }
        }
        lanes.fire_timers(at(10_000));

        let failing_turns = std::iter::from_fn(|| lanes.next_turn()).count();
        lanes.wake(lane(9), at(10_000));

        assert_eq!(failing_turns, 2, "a quarter of eight places");
        assert_eq!(lanes.next_turn().map(|turn| turn.lane), Some(lane(9)));
    }

    #[test]
    fn places_come_back_when_batches_end() {
        let mut lanes = lanes(4);
        lanes.wake(lane(1), at(0));
        lanes.wake(lane(2), at(0));
        let turn = lanes.next_turn().unwrap();
        assert_eq!(lanes.next_turn(), None, "all places are set aside");

        lanes.claimed(&turn.lane.destination, turn.batches_max, 1, None, at(0));
        let second = lanes.next_turn().unwrap();
        lanes.claimed(&second.lane.destination, second.batches_max, 0, None, at(0));
        lanes.finished(&turn.lane.destination, Fared::Well, None, at(0));

        assert_eq!(lanes.running(), 0);
    }
}
