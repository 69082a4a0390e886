//! Who the tenants are.

use freehold_model::audit::AuditEntry;
use freehold_model::customer::Tenant;

use crate::engine::Reach;
use crate::sql::tenants;
use crate::{Store, StoreError};

impl Store {
    /// Stores a new tenant.
    ///
    /// # Errors
    /// [`Conflict::TenantName`](crate::Conflict::TenantName) when the name is taken.
    pub async fn create_tenant_across_tenants(&self, tenant: &Tenant, audit: &AuditEntry) -> Result<(), StoreError> {
        let tenant = tenant.clone();
        let audit = audit.clone();
        self.engine
            .write(Reach::Deployment, move |tx| Box::pin(async move { tenants::create(tx, &tenant, &audit).await }))
            .await
    }

    /// Every tenant, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tenants_across_tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        let mut connection = self.engine.read_across_tenants().await?;
        tenants::all_across_tenants(&mut connection).await
    }

    /// The tenant with this name or id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_tenant_across_tenants(&self, name_or_id: &str) -> Result<Option<Tenant>, StoreError> {
        let mut connection = self.engine.read_across_tenants().await?;
        tenants::find_across_tenants(&mut connection, name_or_id).await
    }
}
