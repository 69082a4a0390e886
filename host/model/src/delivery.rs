//! Deliveries and batches: events on their way.

use serde::{Deserialize, Serialize};

use crate::destination::Destination;
use crate::event::{Event, EventId, EventType};
use crate::id::{AttemptId, BatchId, CustomerId, DeliveryId, DestinationId};
use crate::outcome::Failure;
use crate::time::Timestamp;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// Waiting for its turn, for a retry, or for a paused destination.
    Queued,
    /// The destination confirmed it.
    Delivered,
    /// A dead letter: not retried by itself; stays until replayed or expired.
    Dead,
    /// Its destination was deleted before it was delivered.
    Cancelled,
}

impl DeliveryState {
    /// The state as written in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Queued => "queued",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Dead => "dead",
            DeliveryState::Cancelled => "cancelled",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        use DeliveryState::{Cancelled, Dead, Delivered, Queued};
        [Queued, Delivered, Dead, Cancelled].into_iter().find(|state| state.as_str() == text)
    }
}

/// One event on its way to one destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Names it.
    pub id: DeliveryId,
    /// The customer it belongs to.
    pub customer: CustomerId,
    /// The destination it goes to.
    pub destination: DestinationId,
    /// The event.
    pub event: EventId,
    /// The event's type.
    pub event_type: EventType,
    /// Where it stands.
    pub state: DeliveryState,
    /// How many attempts it took part in.
    pub attempts: u32,
    /// When it will be tried next, if it is waiting for a retry.
    pub next_attempt_at: Option<Timestamp>,
    /// What went wrong last, if anything did.
    pub last_failure: Option<Failure>,
    /// The delivery that this one repeats.
    pub replay_of: Option<DeliveryId>,
    /// The batch it travels in, once it has one.
    pub batch: Option<BatchId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it reached a final state.
    pub settled_at: Option<Timestamp>,
}

/// A batch that this host has under a lease and must now attempt.
#[derive(Debug, Clone)]
pub struct ClaimedBatch {
    /// Names the batch: the same on every attempt.
    pub id: BatchId,
    /// The attempt that the claim opened: its row exists before anything is sent.
    pub attempt: AttemptId,
    /// The attempt's number, from 1.
    pub attempt_number: u32,
    /// When the first attempt was made.
    pub first_attempt_at: Timestamp,
    /// How many attempts in a row broke the plugin itself (kind `plugin`), as counted by `settle`. A batch that keeps
    /// breaking its plugin is taken apart to find the event that does it.
    pub plugin_failures: u32,
    /// Proves the claim: it rises with each claim, and only the holder of the newest may settle.
    pub lease_token: u64,
    /// The destination, as it stood at the claim.
    pub destination: Destination,
    /// The credential version that the batch is pinned to; `None` for a destination without credential.
    pub credential_version: Option<u32>,
    /// The members, in the order in which they were queued.
    pub members: Vec<ClaimedDelivery>,
}

/// One member of a claimed batch.
#[derive(Debug, Clone)]
pub struct ClaimedDelivery {
    /// The delivery.
    pub id: DeliveryId,
    /// The event to deliver.
    pub event: Event,
}

/// What becomes of one member of an attempted batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Done.
    Delivered,
    /// Try again at this time, and count the try.
    Retry {
        /// When.
        at: Timestamp,
        /// Why.
        failure: Failure,
    },
    /// Keep it, count nothing: the lane pauses for this reason and goes on when the reason is gone.
    Hold {
        /// Why.
        failure: Failure,
    },
    /// A dead letter.
    Dead {
        /// Why.
        failure: Failure,
    },
}
