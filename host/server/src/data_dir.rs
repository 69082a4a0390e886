//! Where everything is kept: makes the data directory and sees to it that one server at a time uses it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use freehold_model::Sources;

use crate::failure::Failure;

/// A data directory that exists.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

/// Held for as long as this process may use a data directory alone.
#[derive(Debug)]
pub(crate) struct DataLock {
    _file: File,
}

impl DataDir {
    /// Opens the data directory at `path`; makes it, readable by its owner alone, if it is not there.
    pub(crate) fn open_or_create(path: &Path) -> Result<Self, Failure> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Failure::at(path))?;
        let mode = fs::metadata(path).map_err(Failure::at(path))?.permissions().mode();
        if mode & 0o002 != 0 {
            return Err(Failure::new(format!(
                "{}: others may write into the data directory (mode {:o}); run chmod o-w on it",
                path.display(),
                mode & 0o777
            )));
        }
        Ok(DataDir(path.to_owned()))
    }

    /// The data directory at `path`, whether it is there or not.
    pub(crate) fn at(path: &Path) -> Self {
        DataDir(path.to_owned())
    }

    /// Opens the data directory at `path`, which must be there.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        if path.is_dir() {
            return Ok(DataDir(path.to_owned()));
        }
        Err(Failure::new(format!(
            "{}: there is no such data directory; start `freehold serve` once, or name another with --data",
            path.display()
        )))
    }

    /// The database file.
    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("freehold.db")
    }

    /// What names this host among those that share a database. Made at the first start; a data directory that is not there
    /// belongs to a command, which holds no lease and needs no name that lasts.
    pub(crate) fn host(&self, sources: &Sources) -> Result<String, Failure> {
        let path = self.0.join("host");
        match fs::read_to_string(&path) {
            Ok(name) if !name.trim().is_empty() => return Ok(name.trim().to_owned()),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Failure::at(&path)(error)),
            _ => {}
        }
        let name: [u8; 16] = sources.random();
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        if self.0.is_dir() {
            fs::write(&path, format!("{name}\n")).map_err(Failure::at(&path))?;
        }
        Ok(name)
    }

    /// The folder of compiled code.
    pub(crate) fn code(&self) -> PathBuf {
        self.0.join("code")
    }

    /// The folder of installed plugins.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.0.join("plugins")
    }

    /// Takes the directory for this process alone, until the lock is dropped or the process ends.
    pub(crate) fn lock(&self) -> Result<DataLock, Failure> {
        self.lock_file(
            "lock",
            "already serving from this data directory; stop it, or give this one its own with --data",
        )
    }

    /// Takes the changing of keys for this process alone. A server may serve meanwhile.
    pub(crate) fn lock_keys(&self) -> Result<DataLock, Failure> {
        self.lock_file("keys.lock", "changing the keys of this data directory just now; wait until it is done")
    }

    fn lock_file(&self, name: &str, doing: &str) -> Result<DataLock, Failure> {
        let path = self.0.join(name);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(Failure::at(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(self.taken(&mut file, doing)),
            Err(TryLockError::Error(error)) => return Err(Failure::at(&path)(error)),
        }
        file.set_len(0).map_err(Failure::at(&path))?;
        file.rewind().map_err(Failure::at(&path))?;
        writeln!(file, "{}", std::process::id()).map_err(Failure::at(&path))?;
        Ok(DataLock { _file: file })
    }

    fn taken(&self, lock: &mut File, doing: &str) -> Failure {
        let mut text = String::new();
        let read = lock.read_to_string(&mut text);
        let holder = match (read, text.trim().parse::<u32>()) {
            (Ok(_), Ok(pid)) => format!("the process with pid {pid}"),
            _ => "another process".to_owned(),
        };
        Failure::new(format!("{}: {holder} is {doing}", self.0.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_data_directory_is_its_owners_alone() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("deep/data");

        DataDir::open_or_create(&path).unwrap();

        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_second_server_is_refused_and_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open_or_create(folder.path()).unwrap();
        let _first = data.lock().unwrap();

        let refusal = data.lock().unwrap_err().to_string();

        assert!(refusal.contains(&format!("pid {}", std::process::id())), "{refusal}");
    }

    #[test]
    fn a_lock_ends_with_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open_or_create(folder.path()).unwrap();

        drop(data.lock().unwrap());

        assert!(data.lock().is_ok());
    }

    #[test]
    fn a_directory_that_others_may_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();

        let refusal = DataDir::open_or_create(folder.path()).unwrap_err().to_string();

        assert!(refusal.contains("chmod o-w"), "{refusal}");
    }
}
