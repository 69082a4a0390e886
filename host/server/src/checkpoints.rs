//! When are audit logs signed, and where are the checkpoints kept outside of the database?

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use freehold_control::Control;
use freehold_model::Sources;
use freehold_model::audit::Chain;
use tokio_util::task::AbortOnDropHandle;

use crate::commands::refused;
use crate::config::Config;
use crate::failure::Failure;

/// The file with the key that checkpoints are checked with.
const KEY_FILE: &str = "public-key.txt";

/// Signs every `audit_checkpoint_ms`, until it is dropped. A restart does not begin the time anew.
pub(crate) fn keep(control: Control, config: &Config, sources: Sources) -> Option<AbortOnDropHandle<()>> {
    let every_ms = config.audit_checkpoint_ms;
    let folder = config.audit_checkpoint_folder.clone();
    (every_ms > 0).then(|| AbortOnDropHandle::new(tokio::spawn(keep_signing(control, every_ms, folder, sources))))
}

async fn keep_signing(control: Control, every_ms: u64, folder: Option<PathBuf>, sources: Sources) {
    loop {
        let wait_ms = match control.last_checkpoint_of(&Chain::Deployment).await {
            Ok(Some(last)) => every_ms.saturating_sub(sources.now().millis_since(last.at)),
            Ok(None) => 0,
            Err(error) => {
                tracing::error!(?error, "the audit log cannot be read; it is signed later");
                every_ms
            }
        };
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        if wait_ms == 0 {
            sign(&control, folder.as_deref()).await;
            // Whatever went wrong, it is not tried again at once.
            tokio::time::sleep(Duration::from_millis(every_ms)).await;
        }
    }
}

async fn sign(control: &Control, folder: Option<&Path>) {
    let done = match control.checkpoint_audit().await {
        Ok(done) => done,
        Err(error) => return tracing::error!(?error, "the audit logs cannot be signed; it is tried again later"),
    };
    tracing::info!(made = done.made.len(), refused = done.refused.len(), "signed the audit logs");
    if let Some(folder) = folder
        && let Err(failure) = write(control, folder).await
    {
        tracing::error!(%failure, "the checkpoints of the audit logs cannot be kept outside; it is tried again later");
    }
}

/// Writes the last checkpoint of each log to `folder`, in a folder of the log's own, and the public key beside them. What is
/// there is never written over.
pub(crate) async fn write(control: &Control, folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(Failure::at(folder))?;
    keep_file(&folder.join(KEY_FILE), &format!("{}\n", control.audit_key()))?;
    for last in control.last_audit_checkpoints().await.map_err(refused)? {
        let of_log = folder.join(last.chain.as_str());
        fs::create_dir_all(&of_log).map_err(Failure::at(&of_log))?;
        keep_file(&of_log.join(format!("{:020}.checkpoint", last.size)), &last.note)?;
    }
    Ok(())
}

/// Writes a new file durably; one that is there must say the same.
fn keep_file(path: &Path, text: &str) -> Result<(), Failure> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(Failure::at(path)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let kept = fs::read_to_string(path).map_err(Failure::at(path))?;
            if kept == text {
                return Ok(());
            }
            Err(Failure::new(format!(
                "{}: it says otherwise than the database: the log or its key was replaced, or this folder belongs to another \
                 deployment",
                path.display()
            )))
        }
        Err(error) => Err(Failure::at(path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.checkpoint");

        keep_file(&path, "one").unwrap();
        keep_file(&path, "one").unwrap();
        let refusal = keep_file(&path, "other").unwrap_err().to_string();

        assert!(refusal.contains("says otherwise"), "{refusal}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
    }
}
