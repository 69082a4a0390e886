//! The audit log, read back.

use freehold_model::audit::AuditRecord;
use freehold_model::page::{Page, PageRequest};
use freehold_model::{CustomerId, Scope, Timestamp};

use crate::sqlite::audit;
use crate::{Store, StoreError};

/// Which records a list has: all that fit every part that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// About things of this customer.
    pub customer: Option<CustomerId>,
    /// Of this action.
    pub action: Option<String>,
    /// At or after this moment.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
}

impl Store {
    /// The tenant's audit log, newest first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] when the position is not one of this list.
    pub async fn audit(
        &self,
        scope: &Scope,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditRecord>, StoreError> {
        let mut connection = self.engine.read().await?;
        audit::list(&mut connection, scope, filter, page).await
    }
}
