//! Replay: delivering again what once reached a final state.

use freehold_model::audit::AuditEntry;
use freehold_model::lane::Lane;
use freehold_model::{DeliveryId, DestinationId, Scope, Timestamp};

use crate::engine::Reach;
use crate::sql::replay;
use crate::{Store, StoreError};

/// What to deliver again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// One delivery that reached a final state.
    One(DeliveryId),
    /// Every event that a destination got in a span of time, once each. Those still queued are left alone.
    Window {
        /// The destination.
        destination: DestinationId,
        /// Deliveries made at or after this moment,
        from: Timestamp,
        /// and before this one.
        to: Timestamp,
    },
    /// Every dead letter of a destination that was not replayed before.
    DeadLetters {
        /// The destination.
        destination: DestinationId,
    },
}

/// What a replay queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// How many new deliveries there are.
    pub deliveries: u64,
    /// The lanes that got them.
    pub lanes: Vec<Lane>,
}

/// How far replays have come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplayProgress {
    /// New deliveries that are still queued.
    pub queued: u64,
    /// Those that arrived.
    pub delivered: u64,
    /// Those that became dead letters, or were cancelled.
    pub dead: u64,
}

impl Store {
    /// How many deliveries `replay` would queue now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the delivery or destination is not there.
    pub async fn count_replay(&self, scope: &Scope, replay: &Replay) -> Result<u64, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        replay::count(&mut connection, scope, replay).await
    }

    /// How far the replays have come that a destination got from `from` on and before `to`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replay_progress(
        &self,
        scope: &Scope,
        destination: &DestinationId,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<ReplayProgress, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        replay::progress(&mut connection, scope, destination, (from, to)).await
    }

    /// Queues new deliveries of events that were delivered, died or were cancelled. What happened before stays on record.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the delivery or destination is not there;
    /// [`Conflict::StillQueued`](crate::Conflict::StillQueued) when the one delivery is still queued.
    pub async fn replay(&self, scope: &Scope, replay: &Replay, audit: &AuditEntry) -> Result<Replayed, StoreError> {
        let scope = scope.clone();
        let replay = replay.clone();
        let audit = audit.clone();
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { replay::replay(tx, &scope, &replay, &audit).await })
            })
            .await
    }
}
