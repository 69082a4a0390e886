//! The customers of a tenant.

use std::collections::HashMap;

use freehold_model::audit::AuditEntry;
use freehold_model::customer::Customer;
use freehold_model::lane::Lane;
use freehold_model::page::{Page, PageRequest};
use freehold_model::{CustomerId, Scope};

use crate::engine::Reach;
use crate::sql::customers;
use crate::{Store, StoreError};

impl Store {
    /// Stores a new customer of the scope's tenant.
    ///
    /// # Errors
    /// [`Conflict::ExternalId`](crate::Conflict::ExternalId) when another customer has its external id.
    pub async fn create_customer(
        &self,
        scope: &Scope,
        customer: &Customer,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let scope = scope.clone();
        let customer = customer.clone();
        let audit = audit.clone();
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { customers::create(tx, &scope, &customer, &audit).await })
            })
            .await
    }

    /// One customer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn customer(&self, scope: &Scope, id: &CustomerId) -> Result<Option<Customer>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        customers::find(&mut connection, scope, id).await
    }

    /// The tenant's customers, newest first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] when the position is not one of this list.
    pub async fn customers(&self, scope: &Scope, page: &PageRequest) -> Result<Page<Customer>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        customers::list(&mut connection, scope, page).await
    }

    /// The tenant's customers whose name or external id has `text` in it, newest first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] when the position is not one of this list.
    pub async fn search_customers(
        &self,
        scope: &Scope,
        text: &str,
        page: &PageRequest,
    ) -> Result<Page<Customer>, StoreError> {
        // Nobody's name has a zero byte, and Postgres refuses to be asked for one.
        let text = text.replace('\0', "");
        let mut connection = self.engine.read(scope).await?;
        customers::search(&mut connection, scope, &text, page).await
    }

    /// The customers that these ids or external ids name. Names without a customer are missing from the answer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn resolve_customers(
        &self,
        scope: &Scope,
        names: &[String],
    ) -> Result<HashMap<String, CustomerId>, StoreError> {
        // Nobody's name has a zero byte, and Postgres refuses to be asked for one.
        let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| !name.contains('\0')).collect();
        let mut connection = self.engine.read(scope).await?;
        customers::resolve(&mut connection, scope, &names).await
    }

    /// Deletes a customer with all its destinations: queued deliveries are cancelled, credentials and the customer's
    /// key destroyed. What was delivered stays on record. Returns the lanes that ended.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such customer.
    pub async fn delete_customer(
        &self,
        scope: &Scope,
        id: &CustomerId,
        audit: &AuditEntry,
    ) -> Result<Vec<Lane>, StoreError> {
        let scope = scope.clone();
        let id = id.clone();
        let audit = audit.clone();
        let engine = self.engine.clone();
        let delete = async move {
            let lanes = engine
                .write(Reach::tenant(&scope), move |tx| {
                    Box::pin(async move { customers::delete(tx, &scope, &id, &audit).await })
                })
                .await?;
            let ended = lanes.iter().map(|lane| (lane.tenant.clone(), lane.destination.clone())).collect();
            engine.cancel_queued(ended).await?;
            Ok(lanes)
        };
        self.engine.to_the_end(delete).await
    }
}
