//! Destination types: which are installed, in which versions, and what runs them.

mod authority;
mod install;
mod repin;
mod rollback;
mod switch;
mod upgrade;

use std::sync::Arc;

use freehold_catalogue::Version;
use freehold_model::permission::Permission;

use crate::Control;
use crate::caller::Caller;
use crate::error::ControlError;

pub use authority::Authority;
pub use install::{InstallDraft, NewInstall};
pub use repin::{Left, Repinned};
pub use rollback::RolledBack;
pub use upgrade::{Upgrade, Upgraded, Which};

const KIND: &str = "destination type";

/// An installed version, and how many destinations run it.
#[derive(Debug)]
pub struct VersionInUse {
    /// The version.
    pub version: Arc<Version>,
    /// Destinations that run it, as far as whoever asks may know of them.
    pub destinations: u64,
}

impl Control {
    /// Every type that destinations can be made of, in the order of their names.
    ///
    /// # Errors
    /// When the caller may not read.
    pub fn destination_types(&self, caller: &Caller) -> Result<Vec<Arc<Version>>, ControlError> {
        let scope = caller.require(Permission::Read)?;
        Ok(self.parts().catalogue.list(scope.tenant()))
    }

    /// The current version of the type called `name`.
    ///
    /// # Errors
    /// When there is none.
    pub fn destination_type(&self, caller: &Caller, name: &str) -> Result<Arc<Version>, ControlError> {
        let scope = caller.require(Permission::Read)?;
        self.parts().catalogue.current(scope.tenant(), name).ok_or(ControlError::NotFound { kind: KIND })
    }

    /// Every version of the type called `name` that a tenant may know of, disabled ones too.
    ///
    /// # Errors
    /// When there is none, the caller may not read or is one customer in the portal, or the store fails.
    pub async fn type_versions(&self, caller: &Caller, name: &str) -> Result<Vec<VersionInUse>, ControlError> {
        let scope = caller.require_of_tenant(Permission::Read)?;
        let versions = self.parts().catalogue.versions(Some(scope.tenant()), name);
        if versions.is_empty() {
            return Err(ControlError::NotFound { kind: KIND });
        }
        let running = self.store().running_types(scope, name).await.map_err(ControlError::of(KIND))?;
        Ok(in_use(versions, &running))
    }

    /// Looks for what others installed. Only the operator's command line needs to: servers look by themselves.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn look_at_types(&self) -> Result<(), ControlError> {
        self.parts().catalogue.look_around().await.map(drop).map_err(ControlError::of(KIND))
    }

    /// Every version of every type, for the deployment and for tenants. Only the operator may call this.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn all_type_versions(&self) -> Result<Vec<VersionInUse>, ControlError> {
        let running = self.store().running_types_across_tenants().await.map_err(ControlError::of(KIND))?;
        Ok(in_use(self.parts().catalogue.all().to_vec(), &running))
    }
}

fn in_use(versions: Vec<Arc<Version>>, running: &[freehold_model::installed_type::Running]) -> Vec<VersionInUse> {
    let counted = |version: Arc<Version>| {
        let installed = version.installed();
        let runs = running.iter().filter(|running| {
            running.digest.as_ref() == Some(&installed.digest)
                && running.name == installed.name
                && version.is_visible_to(&running.tenant)
        });
        let destinations = runs.map(|running| running.destinations).sum();
        VersionInUse { version, destinations }
    };
    versions.into_iter().map(counted).collect()
}
