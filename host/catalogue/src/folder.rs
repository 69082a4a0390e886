//! Components that the operator put into a folder: installed for the whole deployment when a server starts.

use std::path::PathBuf;

use freehold_model::Timestamp;
use freehold_model::audit::{Actor, ActorKind, AuditEntry};
use freehold_model::installed_type::{InstalledType, Origin};
use freehold_sandbox::{Description, Refusal};
use freehold_store::{StoreError, StoredComponent};
use freehold_trust::digest;
use serde_json::json;

use crate::Catalogue;
use crate::proof;

/// A component that lies in a folder.
#[derive(Debug)]
pub struct InFolder {
    /// Its file.
    pub file: PathBuf,
    /// Its type's name.
    pub name: String,
    /// Its type's version.
    pub version: String,
    /// Its digest.
    pub digest: String,
    /// What is to be recorded of it, as far as it is not yet.
    recorded: (InstalledType, StoredComponent),
}

impl Catalogue {
    /// Looks at a component that lies in a folder. Nothing of it runs.
    ///
    /// # Errors
    /// Why it cannot be a destination type.
    pub async fn inspect_folder(&self, file: PathBuf, component: Vec<u8>) -> Result<InFolder, Refusal> {
        let digest = digest(&component);
        let mark = Some(proof::mark(&self.parts().vault, &component));
        let all = self.all();
        let known = all.iter().find(|version| {
            let installed = version.installed();
            installed.tenant.is_none() && installed.digest == digest
        });
        if let Some(version) = known {
            let installed = version.installed().clone();
            let (name, version) = (installed.name.clone(), installed.version.clone());
            // It may have been installed in another way, or be marked by a key that the deployment has no more.
            let stored = StoredComponent { mark, signature: None, component };
            return Ok(InFolder { file, name, version, digest, recorded: (installed, stored) });
        }
        let loaded = self.parts().sandbox.load(component.clone()).await?;
        let installed =
            InstalledType { origin: Origin::Folder, installed_by: "server".to_owned(), ..describe(&loaded) };
        let (name, version) = (installed.name.clone(), installed.version.clone());
        let stored = StoredComponent { component, signature: None, mark };
        Ok(InFolder { file, name, version, digest, recorded: (installed, stored) })
    }

    /// Installs it, unless it is installed already. True when it was new.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn install_from_folder(&self, found: InFolder) -> Result<bool, StoreError> {
        let (installed, stored) = found.recorded;
        let details = json!({
            "version": installed.version,
            "digest": installed.digest,
            "imports": installed.imports,
            "signed_by": null,
        });
        let entry = AuditEntry {
            actor: Actor { kind: ActorKind::System, id: "server".to_owned(), request_id: None },
            action: "destination-type.install",
            target: ("destination-type", installed.name.clone()),
            customer: None,
            details,
        };
        self.parts().store.install_type_across_tenants(&installed, stored, &entry).await
    }
}

/// What is recorded of a component, but for who brought it and who answers for it.
pub fn describe(described: &Description) -> InstalledType {
    let manifest = described.manifest();
    InstalledType {
        tenant: None,
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        digest: described.digest().to_owned(),
        manifest: serde_json::to_string(manifest).unwrap_or_default(),
        imports: described.imports().to_vec(),
        bytes: u32::try_from(described.bytes()).unwrap_or(u32::MAX),
        origin: Origin::Install,
        signed_by: None,
        installed_by: String::new(),
        installed_at: Timestamp::EPOCH,
        is_disabled: false,
        is_current: true,
        former: None,
    }
}
