//! Has something been saved? Asked of the file system a few times a second: it is the same on every machine and mount, and a
//! plugin's folder has few files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often it is asked.
const PAUSE: Duration = Duration::from_millis(300);
/// Folders of what is built or fetched, not written.
const BUILT: [&str; 4] = ["dist", "target", "node_modules", "__pycache__"];
/// Files that a build writes beside the sources.
const LOCKS: [&str; 2] = ["Cargo.lock", "package-lock.json"];

/// The files of a plugin, as they were at a moment.
pub(super) struct Watch {
    folder: PathBuf,
    beside: Vec<PathBuf>,
    built: Vec<PathBuf>,
    seen: BTreeMap<PathBuf, Option<SystemTime>>,
}

impl Watch {
    /// The files in `folder` but those that are `built`, and those `beside` it.
    pub(super) fn of<const N: usize>(folder: &Path, beside: [Option<&PathBuf>; N], built: &[PathBuf]) -> Watch {
        let beside: Vec<PathBuf> = beside.into_iter().flatten().cloned().collect();
        let seen = look(folder, &beside, built);
        Watch { folder: folder.to_owned(), beside, built: built.to_vec(), seen }
    }

    /// Whether a file has come, gone or been saved.
    fn something_was_saved(&self) -> bool {
        look(&self.folder, &self.beside, &self.built) != self.seen
    }

    /// Waits for that.
    pub(super) async fn until_something_is_saved(&self) {
        while !self.something_was_saved() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn saved_at(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|metadata| metadata.modified()).ok()
}

/// Whether both name the same place, whatever the way there. The file itself may be gone.
fn is_same(one: &Path, other: &Path) -> bool {
    let folder = |file: &Path| {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::canonicalize(folder).ok()
    };
    one.file_name() == other.file_name() && folder(one).is_some_and(|one| Some(one) == folder(other))
}

fn look(folder: &Path, beside: &[PathBuf], built: &[PathBuf]) -> BTreeMap<PathBuf, Option<SystemTime>> {
    let mut seen: BTreeMap<PathBuf, Option<SystemTime>> =
        beside.iter().map(|file| (file.clone(), saved_at(file))).collect();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        // A folder that went away while it was looked at has no files.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let is_hidden = name.to_string_lossy().starts_with('.') && name != ".cargo";
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let usual = if is_folder { &BUILT[..] } else { &LOCKS[..] };
            let is_built = usual.iter().any(|usual| name == *usual) || built.iter().any(|built| is_same(built, &path));
            if is_hidden || is_built {
                continue;
            }
            if is_folder {
                waiting.push(path);
            } else {
                let saved = saved_at(&path);
                seen.insert(path, saved);
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_counts_and_what_is_built_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["src", "dist", "target", ".git"] {
            fs::create_dir(at(name)).unwrap();
        }
        let beside = at("dist/destination.json");
        let watch = Watch::of(folder.path(), [Some(&beside), None], &[]);

        for name in ["dist/x.wasm", "target/x", ".git/x", ".x.swp", "Cargo.lock"] {
            fs::write(at(name), "").unwrap();
            assert!(!watch.something_was_saved(), "{name}");
        }
        fs::write(&beside, "").unwrap();
        assert!(watch.something_was_saved(), "what was named counts wherever it is");
        let watch = Watch::of(folder.path(), [None::<&PathBuf>], &[]);
        fs::write(at("src/lib.rs"), "").unwrap();
        assert!(watch.something_was_saved());
    }
    #[test]
    fn what_goes_into_the_folder_by_name_is_no_reason_to_build_it_again() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("out")).unwrap();
        let output = folder.path().join("out/../out/it.wasm");
        let watch = Watch::of(folder.path(), [None::<&PathBuf>], &[output]);

        fs::write(folder.path().join("out/it.wasm"), "").unwrap();
        assert!(!watch.something_was_saved());
        fs::write(folder.path().join("it.wasm"), "").unwrap();
        assert!(watch.something_was_saved(), "another file of that name counts");
    }
}
