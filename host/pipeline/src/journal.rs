//! What became of events: the record that people read, and replay.

use freehold_model::attempt::Attempt;
use freehold_model::audit::AuditEntry;
use freehold_model::delivery::Delivery;
use freehold_model::event::{Event, EventId};
use freehold_model::page::{Page, PageRequest};
use freehold_model::{AttemptId, DeliveryId, DestinationId, Scope, Timestamp};
use freehold_store::{AttemptFilter, DeliveryFilter, EventFilter, Replay, ReplayProgress, Replayed, StoreError};

use crate::Pipeline;

impl Pipeline {
    /// One event.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn event(&self, scope: &Scope, id: &EventId) -> Result<Option<Event>, StoreError> {
        self.0.store.event(scope, id).await
    }

    /// Events, newest first.
    ///
    /// # Errors
    /// When the store fails or the page does not exist.
    pub async fn events(
        &self,
        scope: &Scope,
        filter: &EventFilter,
        page: &PageRequest,
    ) -> Result<Page<Event>, StoreError> {
        self.0.store.events(scope, filter, page).await
    }

    /// One delivery.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delivery(&self, scope: &Scope, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.0.store.delivery(scope, id).await
    }

    /// Deliveries, newest first.
    ///
    /// # Errors
    /// When the store fails or the page does not exist.
    pub async fn deliveries(
        &self,
        scope: &Scope,
        filter: &DeliveryFilter,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        self.0.store.deliveries(scope, filter, page).await
    }

    /// One attempt.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn attempt(&self, scope: &Scope, id: &AttemptId) -> Result<Option<Attempt>, StoreError> {
        self.0.store.attempt(scope, id).await
    }

    /// Attempts, newest first.
    ///
    /// # Errors
    /// When the store fails or the page does not exist.
    pub async fn attempts(
        &self,
        scope: &Scope,
        filter: &AttemptFilter,
        page: &PageRequest,
    ) -> Result<Page<Attempt>, StoreError> {
        self.0.store.attempts(scope, filter, page).await
    }

    /// Delivers once more: new deliveries of the same events. History stays as it is.
    ///
    /// # Errors
    /// When there is no such delivery or destination, or the store fails.
    pub async fn replay(&self, scope: &Scope, replay: &Replay, audit: &AuditEntry) -> Result<Replayed, StoreError> {
        let replayed = self.0.store.replay(scope, replay, audit).await?;
        for lane in &replayed.lanes {
            self.0.dispatcher.wake(lane);
        }
        Ok(replayed)
    }

    /// How many deliveries `replay` would queue now.
    ///
    /// # Errors
    /// When there is no such destination, or the store fails.
    pub async fn count_replay(&self, scope: &Scope, replay: &Replay) -> Result<u64, StoreError> {
        self.0.store.count_replay(scope, replay).await
    }

    /// How far the replays have come that a destination got within a span of time.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn replay_progress(
        &self,
        scope: &Scope,
        destination: &DestinationId,
        span: (Timestamp, Timestamp),
    ) -> Result<ReplayProgress, StoreError> {
        self.0.store.replay_progress(scope, destination, span).await
    }
}
