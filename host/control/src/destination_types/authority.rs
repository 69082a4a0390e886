//! On whose authority are types installed, upgraded and disabled?
//!
//! What is installed for the whole deployment is the operator's alone, at the command line. A tenant's admin key may upgrade and
//! roll back the tenant's own destinations, and, if the operator's settings allow it, install types for that tenant.

use std::sync::Arc;

use freehold_catalogue::Version;
use freehold_model::audit::AuditEntry;
use freehold_model::destination::Destination;
use freehold_model::permission::Permission;
use freehold_model::{CustomerId, Scope, TenantId};
use serde_json::Value;

use super::KIND;
use crate::Control;
use crate::caller::{Caller, operator_actor};
use crate::error::ControlError;

/// On whose authority something is done to types.
#[derive(Debug, Clone, Copy)]
pub enum Authority<'c> {
    /// The operator's, over the whole deployment. Only the operator's command line may say so.
    Deployment,
    /// A tenant's, or the operator's over one tenant.
    Tenant(&'c Caller),
}

impl Authority<'_> {
    /// Refuses whoever may not upgrade types and roll them back: for asking before a request is looked at more closely.
    ///
    /// # Errors
    /// When the caller is no admin of the tenant.
    pub fn may_upgrade(&self) -> Result<(), ControlError> {
        self.scope().map(drop)
    }

    /// The tenant's scope; none over the whole deployment.
    pub(super) fn scope(&self) -> Result<Option<&Scope>, ControlError> {
        match self {
            Authority::Deployment => Ok(None),
            Authority::Tenant(caller) => caller.require_of_tenant(Permission::Admin).map(Some),
        }
    }

    pub(super) fn tenant(&self) -> Result<Option<&TenantId>, ControlError> {
        Ok(self.scope()?.map(Scope::tenant))
    }

    pub(super) fn actor_id(&self) -> String {
        match self {
            Authority::Deployment => operator_actor().id,
            Authority::Tenant(caller) => caller.actor_id().to_owned(),
        }
    }

    pub(super) fn entry(
        &self,
        action: &'static str,
        target: (&'static str, &str),
        customer: Option<&CustomerId>,
        details: Value,
    ) -> AuditEntry {
        match self {
            Authority::Tenant(caller) => caller.entry(action, target, customer, details),
            Authority::Deployment => AuditEntry {
                actor: operator_actor(),
                action,
                target: (target.0, target.1.to_owned()),
                customer: customer.cloned(),
                details,
            },
        }
    }

    /// Whether a version is this authority's to change.
    pub(super) fn owns(&self, version: &Version) -> Result<bool, ControlError> {
        Ok(version.installed().tenant.as_ref() == self.tenant()?)
    }
}

impl Control {
    /// The versions of the type `name` that destinations under this authority may go over to.
    pub(super) fn versions_for(&self, who: &Authority<'_>, name: &str) -> Result<Vec<Arc<Version>>, ControlError> {
        let mut versions = self.parts().catalogue.versions(who.tenant()?, name);
        if who.tenant()?.is_none() {
            versions.retain(|version| version.installed().tenant.is_none());
        }
        if versions.is_empty() { Err(ControlError::NotFound { kind: KIND }) } else { Ok(versions) }
    }

    /// The version of these that is current: the tenant's own before the deployment's.
    pub(super) fn current_of(versions: &[Arc<Version>]) -> Option<Arc<Version>> {
        let current = versions.iter().filter(|version| version.installed().is_current);
        current.max_by_key(|version| version.installed().tenant.is_some()).cloned()
    }

    /// The destinations of the type `name` under this authority. Over the whole deployment those are left out that run a
    /// version which their tenant installed for itself.
    pub(super) async fn destinations_under(
        &self,
        who: &Authority<'_>,
        name: &str,
    ) -> Result<Vec<Destination>, ControlError> {
        let found = match who.scope()? {
            Some(scope) => self.store().destinations_of_type(scope, name).await,
            None => self.store().destinations_of_type_across_tenants(name).await,
        };
        let mut destinations = found.map_err(ControlError::of(KIND))?;
        if who.tenant()?.is_none() {
            let deployments = self.versions_for(who, name)?;
            let is_ours = |destination: &Destination| {
                destination
                    .component_digest
                    .as_ref()
                    .is_none_or(|digest| deployments.iter().any(|version| version.digest() == digest))
            };
            destinations.retain(is_ours);
        }
        Ok(destinations)
    }
}

/// The one of `versions` that `named` means: a version, a digest, or the beginning of one.
pub(super) fn named(versions: &[Arc<Version>], pointer: &str, named: &str) -> Result<Arc<Version>, ControlError> {
    let is_meant = |version: &&Arc<Version>| {
        let is_digest = named.len() >= "sha256:0123456".len() && version.digest().starts_with(named);
        version.installed().version == named || is_digest
    };
    let mut found: Vec<&Arc<Version>> = versions.iter().filter(is_meant).collect();
    // The same component may be installed for the deployment and for the tenant: the tenant's own comes first.
    found.sort_by_key(|version| (version.digest(), version.installed().tenant.is_none()));
    found.dedup_by_key(|version| version.digest());
    match found.as_slice() {
        [only] => Ok(Arc::clone(only)),
        [] => {
            let known: Vec<&str> = versions.iter().map(|version| version.installed().version.as_str()).collect();
            Err(ControlError::invalid(pointer, format!("is no installed version; these are: {}", known.join(", "))))
        }
        several => {
            let digests: Vec<&str> = several.iter().map(|version| version.digest()).collect();
            Err(ControlError::invalid(pointer, format!("means several; give a digest: {}", digests.join(", "))))
        }
    }
}
