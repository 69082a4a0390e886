//! Disables versions of a type, so that nothing runs them, and enables them again.

use std::sync::Arc;

use freehold_catalogue::Version;
use freehold_model::audit::AuditEntry;
use freehold_store::TypeChange;
use serde_json::json;

use super::authority::named;
use super::{Authority, KIND};
use crate::Control;
use crate::destinations::lane;
use crate::error::ControlError;

impl Control {
    /// Has nothing run the type `name` any more, or only the version that is named, or has it run again. Events for its
    /// destinations are kept, and delivered when it is enabled. Attempts that are under way end.
    ///
    /// # Errors
    /// When there is no such type or version that is for the caller to disable, the caller is no admin, or the store fails.
    pub async fn disable_type(
        &self,
        who: &Authority<'_>,
        name: &str,
        version: Option<&str>,
        disabled: bool,
    ) -> Result<Vec<Arc<Version>>, ControlError> {
        let mut versions = self.versions_for(who, name)?;
        let owned = versions.iter().map(|version| who.owns(version)).collect::<Result<Vec<bool>, _>>()?;
        if !owned.contains(&true) {
            let message = format!("`{name}` is a type of the whole deployment: only the operator can switch it");
            return Err(ControlError::conflict("", message));
        }
        let mut owned = owned.into_iter();
        versions.retain(|_| owned.next().unwrap_or(false));
        if let Some(wanted) = version {
            versions = vec![named(&versions, "/version", wanted)?];
        }
        let digests: Vec<String> = versions.iter().map(|version| version.digest().to_owned()).collect();
        let action = if disabled { "destination-type.disable" } else { "destination-type.enable" };
        let entry = who.entry(action, ("destination-type", name), None, json!({ "digests": digests }));
        self.change_types(who, name, digests, &TypeChange::Disabled(disabled), &entry).await?;
        if !disabled {
            for destination in self.destinations_under(who, name).await? {
                self.parts().lanes.wake(&lane(&destination));
            }
        }
        Ok(versions)
    }

    pub(super) async fn change_types(
        &self,
        who: &Authority<'_>,
        name: &str,
        digests: Vec<String>,
        change: &TypeChange,
        entry: &AuditEntry,
    ) -> Result<(), ControlError> {
        let changed = match who.scope()? {
            Some(scope) => self.store().change_types(scope, name, digests, change, entry).await,
            None => self.store().change_types_across_tenants(name, digests, change, entry).await,
        };
        changed.map_err(ControlError::of(KIND))?;
        self.parts().catalogue.look_around().await.map(drop).map_err(ControlError::of(KIND))
    }
}
