//! Records that a server started, and with what: which version, which plugins.

use freehold_model::audit::{Actor, ActorKind, AuditEntry, Chain};
use serde_json::{Value, json};

use super::KIND;
use crate::Control;
use crate::error::ControlError;

impl Control {
    /// Records in the deployment's log that a server of this `version` starts.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn record_start(&self, version: &str) -> Result<(), ControlError> {
        let all = self.parts().catalogue.all();
        let current = all.iter().filter(|version| {
            let installed = version.installed();
            installed.tenant.is_none() && installed.is_current && !installed.is_disabled
        });
        let types: serde_json::Map<String, Value> =
            current.map(|version| (version.installed().name.clone(), json!(version.digest()))).collect();
        let entry = AuditEntry {
            actor: Actor { kind: ActorKind::System, id: "server".to_owned(), request_id: None },
            action: "server.start",
            target: ("audit", Chain::Deployment.to_string()),
            customer: None,
            details: json!({ "version": version, "destination_types": types }),
        };
        self.store().record_across_tenants(&entry).await.map_err(ControlError::of(KIND))
    }
}
