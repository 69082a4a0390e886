//! Installed destination types: their components, which version is current, and which destinations run which.

use freehold_model::audit::AuditEntry;
use freehold_model::destination::Destination;
use freehold_model::installed_type::{InstalledType, Repin, Running};
use freehold_model::{Scope, TenantId};

use crate::engine::Reach;
use crate::sql::destination_types;
use crate::{Store, StoreError};

/// A component as it is kept, with what proves that it may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredComponent {
    /// The component.
    pub component: Vec<u8>,
    /// The signature that came with it.
    pub signature: Option<Vec<u8>>,
    /// The deployment's own mark, on what lay in a folder.
    pub mark: Option<Vec<u8>>,
}

/// A change of installed versions, all those of one type that are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeChange {
    /// Nothing may run these any more, or may again.
    Disabled(bool),
    /// New destinations get the one with this digest; what is told of as former is what they got before.
    Current {
        /// The digest.
        digest: String,
        /// What a rollback from it leads to.
        former: Option<String>,
    },
}

impl Store {
    /// Every installed version, for the deployment and for tenants, without its component.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn installed_types_across_tenants(&self) -> Result<Vec<InstalledType>, StoreError> {
        let mut connection = self.engine.read_across_tenants().await?;
        destination_types::all_across_tenants(&mut connection).await
    }

    /// The component with this digest that is installed for the tenant, or for the deployment when none is named.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn component_across_tenants(
        &self,
        tenant: Option<&TenantId>,
        digest: &str,
    ) -> Result<Option<StoredComponent>, StoreError> {
        let mut connection = self.engine.read_across_tenants().await?;
        destination_types::component_across_tenants(&mut connection, tenant, digest).await
    }

    /// Installs a version for the whole deployment and makes it current. False when it is installed already: nothing is
    /// changed then.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn install_type_across_tenants(
        &self,
        installed: &InstalledType,
        stored: StoredComponent,
        audit: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let installed = InstalledType { tenant: None, ..installed.clone() };
        let audit = audit.clone();
        self.engine
            .write(Reach::Deployment, move |tx| {
                Box::pin(async move { destination_types::install(tx, &installed, stored, &audit).await })
            })
            .await
    }

    /// The same for the scope's tenant alone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn install_type(
        &self,
        scope: &Scope,
        installed: &InstalledType,
        stored: StoredComponent,
        audit: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let installed = InstalledType { tenant: Some(scope.tenant().clone()), ..installed.clone() };
        let audit = audit.clone();
        self.engine
            .write(Reach::tenant(scope), move |tx| {
                Box::pin(async move { destination_types::install(tx, &installed, stored, &audit).await })
            })
            .await
    }

    /// Changes versions of the type `name` that are installed for the whole deployment: those with these digests.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when one of them is not installed.
    pub async fn change_types_across_tenants(
        &self,
        name: &str,
        digests: Vec<String>,
        change: &TypeChange,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let (name, change, audit) = (name.to_owned(), change.clone(), audit.clone());
        self.engine
            .write(Reach::Deployment, move |tx| {
                Box::pin(async move { destination_types::change(tx, None, &name, &digests, &change, &audit).await })
            })
            .await
    }

    /// The same for versions of the scope's tenant alone.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when one of them is not installed for that tenant.
    pub async fn change_types(
        &self,
        scope: &Scope,
        name: &str,
        digests: Vec<String>,
        change: &TypeChange,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let (tenant, name, change, audit) = (scope.tenant().clone(), name.to_owned(), change.clone(), audit.clone());
        self.engine
            .write(Reach::tenant(scope), move |tx| {
                Box::pin(
                    async move { destination_types::change(tx, Some(&tenant), &name, &digests, &change, &audit).await },
                )
            })
            .await
    }

    /// How many destinations of each tenant run each version.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn running_types_across_tenants(&self) -> Result<Vec<Running>, StoreError> {
        let mut connection = self.engine.read_across_tenants().await?;
        destination_types::running_across_tenants(&mut connection).await
    }

    /// The same for one tenant and the type `name`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn running_types(&self, scope: &Scope, name: &str) -> Result<Vec<Running>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        destination_types::running(&mut connection, scope, name).await
    }

    /// Every destination of the type `name`, in the order of their ids.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn destinations_of_type_across_tenants(&self, name: &str) -> Result<Vec<Destination>, StoreError> {
        let mut connection = self.engine.read_across_tenants().await?;
        destination_types::destinations_across_tenants(&mut connection, name).await
    }

    /// The same for one tenant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn destinations_of_type(&self, scope: &Scope, name: &str) -> Result<Vec<Destination>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        destination_types::destinations(&mut connection, scope, name).await
    }

    /// Has destinations of any tenant go over to other versions, each with its entry in its tenant's log. Gives back which
    /// did: those that were changed or deleted meanwhile are left as they are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn repin_across_tenants(&self, repins: Vec<(Repin, AuditEntry)>) -> Result<Vec<Repin>, StoreError> {
        self.engine
            .write(Reach::Deployment, move |tx| Box::pin(async move { destination_types::repin(tx, repins).await }))
            .await
    }

    /// The same for destinations of the scope's tenant; others are left as they are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn repin(&self, scope: &Scope, mut repins: Vec<(Repin, AuditEntry)>) -> Result<Vec<Repin>, StoreError> {
        repins.retain(|(repin, _)| repin.tenant == *scope.tenant());
        self.engine
            .write(Reach::tenant(scope), move |tx| Box::pin(async move { destination_types::repin(tx, repins).await }))
            .await
    }

    /// Pins destinations that were made before versions were kept to the version that is current now. How many there were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pin_unpinned_across_tenants(&self) -> Result<u64, StoreError> {
        self.engine
            .write(Reach::Deployment, |tx| {
                Box::pin(async move { destination_types::pin_unpinned_across_tenants(tx).await })
            })
            .await
    }
}
