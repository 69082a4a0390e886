//! Tenants: made and listed by the operator, at the command line.

use freehold_model::TenantId;
use freehold_model::api_key::KeyKind;
use freehold_model::audit::AuditEntry;
use freehold_model::customer::Tenant;
use freehold_model::permission::Permission;
use serde_json::json;

use crate::caller::operator_actor;
use crate::error::ControlError;
use crate::keys::{KeyDraft, NewKey};
use crate::{Control, names};

/// A tenant that was just made.
#[derive(Debug)]
pub struct NewTenant {
    /// The tenant.
    pub tenant: Tenant,
    /// Its first key, with the scope `admin`.
    pub key: NewKey,
}

impl Control {
    /// Makes a tenant called `name` and its first API key. Only the operator may call this.
    ///
    /// # Errors
    /// When the name is unfit or taken, or the store fails. If it fails after the tenant was made, another key can be
    /// made with [`Control::create_key`].
    pub async fn create_tenant(&self, name: &str) -> Result<NewTenant, ControlError> {
        let name = names::name("/name", name).map_err(|problem| ControlError::Invalid(vec![problem]))?;
        if self.find_tenant(&name).await?.is_some() {
            return Err(ControlError::conflict("/name", format!("a tenant called `{name}` exists already")));
        }
        let sources = &self.parts().sources;
        let tenant = Tenant { id: TenantId::generate(sources), name, created_at: sources.now() };
        let entry = AuditEntry {
            actor: operator_actor(),
            action: "tenant.create",
            target: ("tenant", tenant.id.to_string()),
            customer: None,
            details: json!({ "name": tenant.name }),
        };
        self.store().create_tenant_across_tenants(&tenant, &entry).await.map_err(ControlError::of("tenant"))?;
        let scopes = [Permission::Admin].into_iter().collect();
        let draft = KeyDraft { name: "first".to_owned(), scopes, kind: KeyKind::Live, expires_at: None };
        let key = self.create_key(&self.operator(tenant.id.clone()), draft).await?;
        Ok(NewTenant { tenant, key })
    }

    /// Every tenant. Only the operator may call this.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, ControlError> {
        self.store().tenants_across_tenants().await.map_err(ControlError::Store)
    }

    /// The tenant with this name or id. Only the operator may call this.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find_tenant(&self, name_or_id: &str) -> Result<Option<Tenant>, ControlError> {
        self.store().find_tenant_across_tenants(name_or_id).await.map_err(ControlError::Store)
    }
}
