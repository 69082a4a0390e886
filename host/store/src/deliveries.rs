//! Deliveries as people look at them.

use freehold_model::delivery::{Delivery, DeliveryState};
use freehold_model::event::EventId;
use freehold_model::page::{Page, PageRequest};
use freehold_model::{CustomerId, DeliveryId, DestinationId, Scope, Timestamp};

use crate::{Store, StoreError};

/// Which deliveries a list has: all that fit every part that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Of this event.
    pub event: Option<EventId>,
    /// To this destination.
    pub destination: Option<DestinationId>,
    /// Of this customer.
    pub customer: Option<CustomerId>,
    /// In this state.
    pub state: Option<DeliveryState>,
    /// Made at or after this moment.
    pub from: Option<Timestamp>,
    /// Made before this moment.
    pub to: Option<Timestamp>,
}

impl Store {
    /// One delivery.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delivery(&self, _scope: &Scope, _id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Deliveries, newest first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] when the position is not one of this list.
    pub async fn deliveries(
        &self,
        _scope: &Scope,
        _filter: &DeliveryFilter,
        _page: &PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        Err(StoreError::Closed)
    }
}
