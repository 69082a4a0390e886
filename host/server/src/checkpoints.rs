//! When are audit logs signed, and where are the checkpoints kept outside of the database?

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use freehold_control::Control;
use freehold_model::Sources;
use freehold_model::audit::Chain;
use freehold_reach::{AskError, Bucket};
use tokio_util::task::AbortOnDropHandle;

use crate::commands::refused;
use crate::config::Effective;
use crate::failure::Failure;

/// The file with the key that checkpoints are checked with.
const KEY_FILE: &str = "public-key.txt";

/// Where checkpoints are kept outside of the database.
pub(crate) struct Outside {
    folders: Vec<PathBuf>,
    bucket: Option<Bucket>,
    /// Names of what the bucket is known to hold, so that it is not asked again and again.
    kept: BTreeSet<String>,
}

impl Outside {
    /// Where the settings say, and in `folder` beside that.
    pub(crate) fn of(effective: &Effective, folder: Option<PathBuf>, sources: &Sources) -> Result<Self, Failure> {
        let folders = effective.config.audit_checkpoint_folder.iter().cloned().chain(folder).collect();
        Ok(Outside { folders, bucket: effective.audit_bucket(sources)?, kept: BTreeSet::new() })
    }

    /// Keeps the last checkpoint of each log, in a folder of the log's own, and the public key beside them. What is there is
    /// never written over. The bucket is tried whatever becomes of the folders.
    pub(crate) async fn keep(&mut self, control: &Control) -> Result<(), Failure> {
        let mut files = vec![(KEY_FILE.to_owned(), format!("{}\n", control.audit_key()))];
        for last in control.last_audit_checkpoints().await.map_err(refused)? {
            files.push((format!("{}/{:020}.checkpoint", last.chain, last.size), last.note));
        }
        let in_folders = self.folders.iter().try_for_each(|folder| in_folder(folder, &files));
        self.in_bucket(&files).await.and(in_folders)
    }

    async fn in_bucket(&mut self, files: &[(String, String)]) -> Result<(), Failure> {
        let Some(bucket) = &self.bucket else { return Ok(()) };
        for (name, text) in files.iter().filter(|(name, _)| !self.kept.contains(name)).collect::<Vec<_>>() {
            match bucket.keep(name, text).await {
                Ok(true) => drop(self.kept.insert(name.clone())),
                Ok(false) => return Err(says_otherwise(name)),
                Err(AskError::Away(why) | AskError::Refused(why)) => return Err(Failure::new(why)),
                Err(AskError::DoesNotOpen) => return Err(Failure::new("the bucket's answer makes no sense")),
            }
        }
        let is_last = |name: &String| files.iter().any(|(last, _)| last == name);
        self.kept.retain(is_last);
        Ok(())
    }
}

/// Signs every `audit_checkpoint_ms`, until it is dropped. A restart does not begin the time anew.
pub(crate) fn keep(
    control: Control,
    every_ms: u64,
    outside: Outside,
    sources: Sources,
) -> Option<AbortOnDropHandle<()>> {
    (every_ms > 0).then(|| AbortOnDropHandle::new(tokio::spawn(keep_signing(control, every_ms, outside, sources))))
}

async fn keep_signing(control: Control, every_ms: u64, mut outside: Outside, sources: Sources) {
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
            sign(&control, &mut outside).await;
            // Whatever went wrong, it is not tried again at once.
            tokio::time::sleep(Duration::from_millis(every_ms)).await;
        }
    }
}

async fn sign(control: &Control, outside: &mut Outside) {
    let done = match control.checkpoint_audit().await {
        Ok(done) => done,
        Err(error) => return tracing::error!(?error, "the audit logs cannot be signed; it is tried again later"),
    };
    tracing::info!(made = done.made.len(), refused = done.refused.len(), "signed the audit logs");
    if let Err(failure) = outside.keep(control).await {
        tracing::error!(%failure, "the checkpoints of the audit logs cannot be kept outside; it is tried again later");
    }
}

fn in_folder(folder: &Path, files: &[(String, String)]) -> Result<(), Failure> {
    for (name, text) in files {
        let path = folder.join(name);
        let of_log = path.parent().unwrap_or(folder);
        fs::create_dir_all(of_log).map_err(Failure::at(of_log))?;
        keep_file(&path, text)?;
    }
    Ok(())
}

fn says_otherwise(place: &str) -> Failure {
    Failure::new(format!(
        "{place}: it says otherwise than the database: the log or its key was replaced, or this place belongs to another \
         deployment"
    ))
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
            Err(says_otherwise(&path.display().to_string()))
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
