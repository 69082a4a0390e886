//! Events: accepted with their deliveries in one transaction, and read back.

use freehold_model::event::{Event, EventId, EventType};
use freehold_model::lane::Lane;
use freehold_model::page::{Page, PageRequest};
use freehold_model::subscription::EventPattern;
use freehold_model::{CustomerId, DestinationId, Scope, Timestamp};

use crate::sql::events;
use crate::sql::ingest::Prepared;
use crate::{IngestError, Store, StoreError};

/// Says which subscribers (by position) an event goes to.
pub type Matching = fn(&Event, &[Subscriber]) -> Vec<usize>;

/// Events to accept together, all or none.
#[derive(Debug, Clone)]
pub struct IngestRequest {
    /// The events.
    pub events: Vec<Event>,
    /// Makes the request safe to repeat.
    pub idempotency: Option<Idempotency>,
}

/// What makes a request safe to repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's key.
    pub key: String,
    /// A digest of the request: the same key with another digest is a mistake.
    pub fingerprint: [u8; 32],
}

/// A destination that may want an event, as matching sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    /// The destination.
    pub destination: DestinationId,
    /// The customer it belongs to: only this customer's events may reach it.
    pub customer: CustomerId,
    /// What it wants.
    pub patterns: Vec<EventPattern>,
}

/// What became of a publish request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingested {
    /// One entry per event, in the order of the request.
    pub events: Vec<IngestedEvent>,
    /// The lanes that got new deliveries.
    pub lanes: Vec<Lane>,
    /// Whether this is the stored answer to an earlier request with the same idempotency key.
    pub replayed: bool,
}

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IngestedEvent {
    /// The event's id.
    #[serde(with = "event_id")]
    pub id: EventId,
    /// Whether the same event was stored before; then nothing new was queued.
    pub duplicate: bool,
    /// How many deliveries were queued.
    pub deliveries: u32,
}

mod event_id {
    //! Event ids in stored answers: as their text.

    use freehold_model::event::EventId;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(id: &EventId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(id.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EventId, D::Error> {
        EventId::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Which events a list has: all that fit every part that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of this customer.
    pub customer: Option<CustomerId>,
    /// Of exactly this type.
    pub event_type: Option<EventType>,
    /// Accepted at or after this moment.
    pub from: Option<Timestamp>,
    /// Accepted before this moment.
    pub to: Option<Timestamp>,
}

impl Store {
    /// Accepts events: they, their deliveries and the idempotency key are durable together when this returns.
    ///
    /// Requests that wait at the same time share one transaction, but each succeeds or fails alone.
    ///
    /// # Errors
    /// See [`IngestError`]; none of the request's events is stored then.
    pub async fn ingest(
        &self,
        scope: &Scope,
        request: IngestRequest,
        matching: Matching,
    ) -> Result<Ingested, IngestError> {
        self.engine.ingest(Prepared::new(scope, request, matching)?).await
    }

    /// One event.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn event(&self, scope: &Scope, id: &EventId) -> Result<Option<Event>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        events::find(&mut connection, scope, id).await
    }

    /// Events, newest first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] when the position is not one of this list.
    pub async fn events(
        &self,
        scope: &Scope,
        filter: &EventFilter,
        page: &PageRequest,
    ) -> Result<Page<Event>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        events::list(&mut connection, scope, filter, page).await
    }
}
