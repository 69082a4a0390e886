//! Who the tenants are.

use freehold_model::audit::AuditEntry;
use freehold_model::customer::Tenant;

use crate::{Store, StoreError};

impl Store {
    /// Stores a new tenant.
    ///
    /// # Errors
    /// [`Conflict::TenantName`](crate::Conflict::TenantName) when the name is taken.
    pub async fn create_tenant_across_tenants(&self, _tenant: &Tenant, _audit: &AuditEntry) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }

    /// Every tenant, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tenants_across_tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        Err(StoreError::Closed)
    }

    /// The tenant with this name or id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_tenant_across_tenants(&self, _name_or_id: &str) -> Result<Option<Tenant>, StoreError> {
        Err(StoreError::Closed)
    }
}
