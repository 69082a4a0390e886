//! Where does the key-encryption key come from? From a file of its own, made at the first start.
//!
//! Another source needs no code here: [`Kek::parse`] takes the text from wherever the operator keeps it.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use freehold_model::Sources;
use zeroize::Zeroizing;

use crate::error::VaultError;
use crate::kek::{Kek, KekError};

/// The owner may read and write, nobody else anything.
const MODE: u32 = 0o600;
/// The permissions of everyone but the owner.
const MODE_OF_OTHERS: u32 = 0o077;
/// Bytes of a key file: a key has 55; the rest is for white space.
const FILE_BYTES_MAX: u64 = 256;

/// A key-encryption key from a file.
#[derive(Debug)]
pub struct Loaded {
    /// The key.
    pub kek: Kek,
    /// Whether the file was made just now.
    pub created: bool,
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Others than the owner can get at it.
    #[error("key file {} has mode {mode:04o}, so others than its owner can get at the key: run `chmod 600 {}`", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A link, a folder or a device.
    #[error("key file {} is {found}, not a regular file: give the path of the file itself", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// Its text is no key.
    #[error(
        "key file {} does not hold a key: restore it from a backup, a new key cannot open what is already sealed",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with the text.
        source: KekError,
    },
    /// It became another file while it was opened, or came and went.
    #[error("key file {} changed while it was read: try again, and find out what replaces it", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// It does not exist.
    #[error("key file {} does not exist", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {doing} key file {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// The key in the file at `path`; when there is no file, a new key in a new file that only its owner can read.
///
/// The file appears whole or not at all, even if the machine stops meanwhile, and a file that exists is never replaced.
///
/// # Errors
/// [`VaultError::KeyFile`] when the file is a link, can be read by others, holds no key, or the system refuses.
pub fn load_or_create_file(path: &Path, sources: &Sources) -> Result<Loaded, VaultError> {
    if let Some(kek) = read(path)? {
        return Ok(Loaded { kek, created: false });
    }
    let kek = Kek::generate(sources);
    if create(path, &kek, sources)? {
        return Ok(Loaded { kek, created: true });
    }
    // Another process made the file first: its key is the one.
    let kek = read(path)?.ok_or_else(|| KeyFileError::Changed { path: path.to_owned() })?;
    Ok(Loaded { kek, created: false })
}

/// The key in the file at `path`, which must exist.
///
/// # Errors
/// As [`load_or_create_file`], and when there is no file.
pub fn load_file(path: &Path) -> Result<Kek, VaultError> {
    Ok(read(path)?.ok_or_else(|| KeyFileError::Missing { path: path.to_owned() })?)
}

/// The key in the file at `path`, `None` when nothing is there.
fn read(path: &Path) -> Result<Option<Kek>, KeyFileError> {
    let io_error = |source| KeyFileError::Io { path: path.to_owned(), doing: "read", source };
    let seen = match fs::symlink_metadata(path) {
        Ok(seen) => seen,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(error)),
    };
    check_kind(path, &seen)?;
    let file = File::open(path).map_err(io_error)?;
    let opened = file.metadata().map_err(io_error)?;
    // What was checked and what was opened must be one file, or a link put there in between would be followed.
    if (seen.dev(), seen.ino()) != (opened.dev(), opened.ino()) {
        return Err(KeyFileError::Changed { path: path.to_owned() });
    }
    check_mode(path, &opened)?;
    let text = read_text(file).map_err(io_error)?;
    let malformed = |source| KeyFileError::Malformed { path: path.to_owned(), source };
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(malformed(KekError::Form));
    }
    let text = std::str::from_utf8(&text).map_err(|_| malformed(KekError::Form))?;
    Kek::parse(text).map(Some).map_err(malformed)
}

fn check_kind(path: &Path, metadata: &Metadata) -> Result<(), KeyFileError> {
    let found = if metadata.is_file() {
        return Ok(());
    } else if metadata.is_symlink() {
        "a symbolic link"
    } else if metadata.is_dir() {
        "a folder"
    } else {
        "a device, pipe or socket"
    };
    Err(KeyFileError::NotAFile { path: path.to_owned(), found })
}

fn check_mode(path: &Path, metadata: &Metadata) -> Result<(), KeyFileError> {
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & MODE_OF_OTHERS == 0 { Ok(()) } else { Err(KeyFileError::Exposed { path: path.to_owned(), mode }) }
}

/// The file's bytes, at most one more than a key file may have.
fn read_text(file: File) -> io::Result<Zeroizing<Vec<u8>>> {
    // Twice the room that is needed, so that reading to the end never has to move the bytes.
    let mut text = Zeroizing::new(Vec::with_capacity(512));
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// Writes `kek` to a new file at `path`; `false` when something is there already.
fn create(path: &Path, kek: &Kek, sources: &Sources) -> Result<bool, KeyFileError> {
    let io_error = |doing| move |source| KeyFileError::Io { path: path.to_owned(), doing, source };
    let draft = draft_path(path, sources);
    let written = write_draft(&draft, kek).map_err(io_error("write"));
    // A link, unlike a rename, never replaces a file that is there.
    let linked = written.and_then(|()| match fs::hard_link(&draft, path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(io_error("create")(error)),
    });
    let removed = match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("clean up after")(error)),
        _ => Ok(()),
    };
    let created = linked?;
    removed?;
    File::open(folder_of(path)).and_then(|folder| folder.sync_all()).map_err(io_error("make durable"))?;
    Ok(created)
}

fn write_draft(draft: &Path, kek: &Kek) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(draft)?;
    // The mode given at creation is narrowed by the process's mask, which may take the owner's rights too.
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.write_all(kek.encode().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// A new name beside `path`, so that linking stays within one file system.
fn draft_path(path: &Path, sources: &Sources) -> PathBuf {
    let suffix = u64::from_be_bytes(sources.random());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    folder_of(path).join(format!(".{name}.{suffix:016x}.new"))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
