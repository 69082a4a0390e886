//! The customers of a tenant.

use std::collections::HashMap;

use freehold_model::audit::AuditEntry;
use freehold_model::customer::Customer;
use freehold_model::lane::Lane;
use freehold_model::page::{Page, PageRequest};
use freehold_model::{CustomerId, Scope};

use crate::{Store, StoreError};

impl Store {
    /// Stores a new customer of the scope's tenant.
    ///
    /// # Errors
    /// [`Conflict::ExternalId`](crate::Conflict::ExternalId) when another customer has its external id.
    pub async fn create_customer(
        &self,
        _scope: &Scope,
        _customer: &Customer,
        _audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }

    /// One customer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn customer(&self, _scope: &Scope, _id: &CustomerId) -> Result<Option<Customer>, StoreError> {
        Err(StoreError::Closed)
    }

    /// The tenant's customers, newest first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] when the position is not one of this list.
    pub async fn customers(&self, _scope: &Scope, _page: &PageRequest) -> Result<Page<Customer>, StoreError> {
        Err(StoreError::Closed)
    }

    /// The customers that these ids or external ids name. Names without a customer are missing from the answer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn resolve_customers(
        &self,
        _scope: &Scope,
        _names: &[String],
    ) -> Result<HashMap<String, CustomerId>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Deletes a customer with all its destinations: queued deliveries are cancelled, credentials and the customer's
    /// key destroyed. What was delivered stays on record. Returns the lanes that ended.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such customer.
    pub async fn delete_customer(
        &self,
        _scope: &Scope,
        _id: &CustomerId,
        _audit: &AuditEntry,
    ) -> Result<Vec<Lane>, StoreError> {
        Err(StoreError::Closed)
    }
}
