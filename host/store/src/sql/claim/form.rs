//! Shapes batches from the head of a queue: by count, by bytes, by age. Pure.

use freehold_model::Timestamp;
use freehold_model::delivery::ClaimedDelivery;
use freehold_model::destination::DeliverySettings;

use crate::queue::BatchLimits;

/// What bounds the batches of a lane.
pub(super) struct Limits {
    pub(super) events: u32,
    bytes: u32,
    age_ms: u32,
    pub(super) concurrency: u32,
}

impl Limits {
    /// The tighter of the destination's settings and its type's limits; a zero in the settings leaves it to the type.
    pub(super) fn of(settings: &DeliverySettings, limits: &BatchLimits) -> Self {
        let tighter = |own: u32, of_type: u32| match (own, of_type) {
            (0, of_type) => of_type,
            (own, 0) => own,
            (own, of_type) => own.min(of_type),
        };
        Limits {
            // A lane that may do nothing would keep its events for ever: one is the least.
            events: tighter(settings.batch_events, limits.events).max(1),
            bytes: tighter(settings.batch_bytes, limits.bytes).max(1),
            // How long to wait is the destination's own choice; the type only says what is usual.
            age_ms: if settings.batch_age_ms == 0 { limits.age_ms } else { settings.batch_age_ms },
            concurrency: tighter(settings.concurrency, limits.concurrency).max(1),
        }
    }
}

/// A delivery at the head of the queue.
pub(super) struct Head {
    pub(super) seq: i64,
    pub(super) bytes: u32,
    pub(super) queued_at: Timestamp,
    pub(super) delivery: ClaimedDelivery,
}

/// What came out.
#[derive(Default)]
pub(super) struct Formed {
    pub(super) batches: Vec<Vec<Head>>,
    /// Whether something is left that could be claimed at once.
    pub(super) more: bool,
    /// Until when a batch that is not full waits for more.
    pub(super) waits_until: Option<Timestamp>,
}

/// Takes deliveries in the order of the queue and closes a batch whenever it is full.
pub(super) struct Shaper<'l> {
    limits: &'l Limits,
    batches_max: usize,
    formed: Formed,
    open: Vec<Head>,
    open_bytes: u64,
}

impl<'l> Shaper<'l> {
    pub(super) fn new(limits: &'l Limits, batches_max: usize) -> Self {
        Shaper { limits, batches_max, formed: Formed::default(), open: Vec::new(), open_bytes: 0 }
    }

    /// Whether there is room for the next delivery. Once there is not, nothing more may be added.
    pub(super) fn wants(&mut self, bytes: u32) -> bool {
        if !self.open.is_empty() && self.open_bytes + u64::from(bytes) > u64::from(self.limits.bytes) {
            self.close();
        }
        let room = self.formed.batches.len() < self.batches_max;
        self.formed.more |= !room;
        room
    }

    pub(super) fn add(&mut self, head: Head) {
        self.open_bytes += u64::from(head.bytes);
        self.open.push(head);
        let full = self.open.len() >= usize::try_from(self.limits.events).unwrap_or(usize::MAX);
        if full || self.open_bytes >= u64::from(self.limits.bytes) {
            self.close();
        }
    }

    /// The queue ended: a batch that is not full goes as well if its first event waited long enough.
    pub(super) fn finish(mut self, now: Timestamp) -> Formed {
        if let Some(first) = self.open.first() {
            let ripe_at = first.queued_at.plus_millis(u64::from(self.limits.age_ms));
            if ripe_at <= now {
                self.close();
            } else {
                self.formed.waits_until = Some(ripe_at);
            }
        }
        self.formed
    }

    fn close(&mut self) {
        self.formed.batches.push(std::mem::take(&mut self.open));
        self.open_bytes = 0;
    }
}
