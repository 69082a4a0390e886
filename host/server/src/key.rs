//! Where the key-encryption key comes from, and whether it is the one that the data was sealed with.

use std::path::Path;

use freehold_model::Sources;
use freehold_store::Store;
use freehold_vault::{Kek, Keyring, Vault, provider};

use crate::config::Effective;
use crate::failure::Failure;

/// The vault, opened with the right key.
///
/// The store is asked first whether it was ever sealed: a new key is made only for data that has none yet.
pub(crate) async fn open_vault(effective: &Effective, store: &Store, sources: &Sources) -> Result<Vault, Failure> {
    let canary = store
        .canary_across_tenants()
        .await
        .map_err(|error| Failure::because("the database cannot be asked which key it was sealed with", &error))?;
    let kek = match &effective.kek {
        Some(text) => of_variable(&text.0)?,
        None => of_file(&effective.kek_file(), canary.is_some(), sources)?,
    };
    let vault = Vault::new(Keyring::new(kek, Vec::new()), sources.clone());
    match canary {
        Some(canary) => vault.check_canary(&canary).map_err(|error| {
            let advice = "look for it in the backups of the key file, or start with another --data";
            Failure::new(format!("{}; {advice}", Failure::because("this is not the key of this data", &error)))
        })?,
        None => {
            let sealed = vault.seal_canary().map_err(|error| Failure::because("the new key does not seal", &error))?;
            store
                .set_canary_across_tenants(&sealed)
                .await
                .map_err(|error| Failure::because("the database cannot note which key it is sealed with", &error))?;
        }
    }
    Ok(vault)
}

fn of_variable(text: &str) -> Result<Kek, Failure> {
    tracing::warn!(
        "the key-encryption key comes from FREEHOLD_KEK: the environment of a process can be read by its user and leaks \
         into child processes and crash reports; a file of mode 0600 (kek_file) is safer"
    );
    Kek::parse(text).map_err(|error| Failure::because("FREEHOLD_KEK", &error))
}

fn of_file(path: &Path, sealed_before: bool, sources: &Sources) -> Result<Kek, Failure> {
    if sealed_before && !path.exists() {
        return Err(Failure::new(format!(
            "{}: the key file is gone, and the credentials in this database cannot be opened without it; put it back from your backup",
            path.display()
        )));
    }
    let loaded = provider::load_or_create_file(path, sources)
        .map_err(|error| Failure::because("the key-encryption key cannot be read", &error))?;
    if loaded.created {
        tracing::info!(
            path = %path.display(),
            key = loaded.kek.id(),
            "made a new key-encryption key; back it up apart from the database: without it no credential can be opened"
        );
    }
    Ok(loaded.kek)
}
