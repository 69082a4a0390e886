//! How destinations fare: what waits, what is tried again, what died, and what became of events in each of the last 24 hours.

use freehold_model::{DestinationId, Scope, Timestamp};

use crate::sql::health;
use crate::{Store, StoreError};

/// Up to where what waits or died is counted: whoever looks wants to know whether it is few or many.
pub const COUNTED_MAX: u64 = 1_000;

/// How a destination fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneHealth {
    /// The destination.
    pub destination: DestinationId,
    /// Deliveries that are queued; more than [`COUNTED_MAX`] when there are too many to count.
    pub waiting: u64,
    /// When the first of the batches that failed before is tried again; none when no batch waits for that.
    pub retry_at: Option<Timestamp>,
    /// Dead letters that were not replayed; more than [`COUNTED_MAX`] when there are too many to count.
    pub dead: u64,
    /// When an event last arrived, as far back as was counted.
    pub last_delivered_at: Option<Timestamp>,
    /// The last 24 hours, the oldest first; the last one is under way.
    pub hours: [HourCount; 24],
}

/// What became of events in one hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HourCount {
    /// Events that arrived.
    pub delivered: u64,
    /// Events that did not, as often as they were tried.
    pub failed: u64,
}

impl Store {
    /// How these destinations fare, in their order. Those that are not in the scope are as if nothing had ever happened.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lane_health(
        &self,
        scope: &Scope,
        destinations: &[DestinationId],
    ) -> Result<Vec<LaneHealth>, StoreError> {
        if destinations.is_empty() {
            return Ok(Vec::new());
        }
        let mut connection = self.engine.read(scope).await?;
        health::of_lanes(&mut connection, scope, destinations, self.sources.now()).await
    }

    /// How many batches of a destination are open, by the credential version that they began with, if they began.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn batches_by_credential(
        &self,
        scope: &Scope,
        destination: &DestinationId,
    ) -> Result<Vec<(u32, u64)>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        health::batches_by_credential(&mut connection, scope, destination).await
    }
}
