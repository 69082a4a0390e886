//! Installs a version of a type: judges who signed it, checks and compiles it, records it with its permissions.

use std::sync::Arc;

use freehold_catalogue::{Version, describe};
use freehold_model::audit::ActorKind;
use freehold_model::installed_type::InstalledType;
use freehold_store::StoredComponent;
use serde_json::json;

use super::{Authority, KIND};
use crate::Control;
use crate::error::ControlError;

/// A component that is to be installed.
#[derive(Debug)]
pub struct InstallDraft {
    /// The component.
    pub component: Vec<u8>,
    /// The signature over it: Freehold's own, or a bundle of cosign.
    pub signature: Option<Vec<u8>>,
}

/// A version that is installed now.
#[derive(Debug)]
pub struct NewInstall {
    /// The version.
    pub version: Arc<Version>,
    /// False when it was installed already.
    pub is_new: bool,
    /// What it may do that the version which was current before may not.
    pub more_permissions: Vec<String>,
}

impl Control {
    /// Installs a version and makes it the one that new destinations get. Those that exist stay what they are. Nothing of it
    /// runs.
    ///
    /// # Errors
    /// When nobody who is trusted signed it, it cannot be a destination type, the caller may not install, a tenant would
    /// take the name of a type of the deployment, or the store fails.
    pub async fn install_type(&self, who: &Authority<'_>, draft: InstallDraft) -> Result<NewInstall, ControlError> {
        self.may_install(who)?;
        let catalogue = &self.parts().catalogue;
        let InstallDraft { component, signature } = draft;
        let signed_by = catalogue
            .trust()
            .judge(&component, signature.as_deref())
            .map_err(|why| ControlError::ComponentRefused(format!("it is not trusted: {why}")))?;
        let loaded = self.parts().sandbox.load(component.clone()).await;
        let loaded = loaded.map_err(|refusal| ControlError::ComponentRefused(refusal.to_string()))?;
        let tenant = who.tenant()?.cloned();
        let installed =
            InstalledType { tenant: tenant.clone(), signed_by, installed_by: who.actor_id(), ..describe(&loaded) };
        let mut visible = catalogue.versions(tenant.as_ref(), &installed.name);
        visible.retain(|version| tenant.is_some() || version.installed().tenant.is_none());
        if tenant.is_some() && visible.iter().any(|version| version.installed().tenant.is_none()) {
            let message = format!("`{}` is a type of the whole deployment; give yours another name", installed.name);
            return Err(ControlError::conflict("", message));
        }
        let former = Control::current_of(&visible);
        let stored = StoredComponent { component, signature, mark: None };
        let is_new = self.record_install(who, &installed, stored).await?;
        catalogue.look_around().await.map_err(ControlError::of(KIND))?;
        let versions = catalogue.versions(tenant.as_ref(), &installed.name);
        let is_it = |version: &&Arc<Version>| {
            version.digest() == installed.digest && version.installed().tenant == installed.tenant
        };
        let version = versions.iter().find(is_it).cloned().ok_or(ControlError::NotFound { kind: KIND })?;
        let more_permissions = former.map_or_else(Vec::new, |former| version.asks_more_than(&former));
        Ok(NewInstall { version, is_new, more_permissions })
    }

    /// Whether whoever asks may install at all. To be asked before a component is read.
    ///
    /// # Errors
    /// When they may not.
    pub fn may_install(&self, who: &Authority<'_>) -> Result<(), ControlError> {
        who.scope()?;
        match who {
            Authority::Tenant(caller) if caller.actor_kind() != ActorKind::Operator => {
                if self.parts().catalogue.trust().tenant_installs { Ok(()) } else { Err(ControlError::TypesClosed) }
            }
            _ => Ok(()),
        }
    }

    async fn record_install(
        &self,
        who: &Authority<'_>,
        installed: &InstalledType,
        stored: StoredComponent,
    ) -> Result<bool, ControlError> {
        let manifest: serde_json::Value = serde_json::from_str(&installed.manifest).unwrap_or_default();
        let details = json!({
            "version": installed.version,
            "digest": installed.digest,
            "imports": installed.imports,
            "endpoints": manifest["endpoints"],
            "signed_by": installed.signed_by,
        });
        let entry = who.entry("destination-type.install", ("destination-type", &installed.name), None, details);
        let done = match who.scope()? {
            Some(scope) => self.store().install_type(scope, installed, stored, &entry).await,
            None => self.store().install_type_across_tenants(installed, stored, &entry).await,
        };
        done.map_err(ControlError::of(KIND))
    }
}
