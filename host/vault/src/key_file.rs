//! Where do the key-encryption keys come from? From a file of their own, made at the first start, one key a line.
//!
//! Another source needs no code here: [`KeyLine::parse_all`] takes the text from wherever the operator keeps it.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use freehold_model::Sources;
use zeroize::Zeroizing;

use crate::error::VaultError;
use crate::kek::{Kek, KekError};
use crate::key_line::KeyLine;

/// The owner may read and write, nobody else anything.
const MODE: u32 = 0o600;
/// The permissions of everyone but the owner.
const MODE_OF_OTHERS: u32 = 0o077;
/// Bytes of a key file: a key has 55; the rest is for former keys and remarks.
const FILE_BYTES_MAX: u64 = 16 * 1024;

/// How often a file may be replaced while it is being read: each time is one command of the operator.
const REPLACED_MAX: u32 = 10;

/// Key-encryption keys from a file.
#[derive(Debug)]
pub struct Loaded {
    /// The keys, in the file's order; at least one.
    pub keys: Vec<KeyLine>,
    /// Whether the file was made just now.
    pub created: bool,
}

/// What a key file holds.
struct Content {
    text: Zeroizing<String>,
    keys: Vec<KeyLine>,
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
    /// Its only key was to be taken out.
    #[error("key file {} has only this key: add another one first", path.display())]
    LastKey {
        /// The file.
        path: PathBuf,
    },
    /// It has no room for another key.
    #[error("key file {} has no room for another key: retire those that wrap nothing any more", path.display())]
    Full {
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

/// The keys in the file at `path`; when there is no file, a new key in a new file that only its owner can read.
///
/// The file appears whole or not at all, even if the machine stops meanwhile, and a file that exists is never replaced.
///
/// # Errors
/// [`VaultError::KeyFile`] when the file is a link, can be read by others, holds no key, or the system refuses.
pub fn load_or_create_file(path: &Path, sources: &Sources) -> Result<Loaded, VaultError> {
    if let Some(Content { keys, .. }) = read(path)? {
        return Ok(Loaded { keys, created: false });
    }
    let key = KeyLine::of(Kek::generate(sources));
    if create(path, &key, sources)? {
        return Ok(Loaded { keys: vec![key], created: true });
    }
    // Another process made the file first: its key is the one.
    let found = read(path)?.ok_or_else(|| KeyFileError::Changed { path: path.to_owned() })?;
    Ok(Loaded { keys: found.keys, created: false })
}

/// The keys in the file at `path`, which must exist.
///
/// # Errors
/// As [`load_or_create_file`], and when there is no file.
pub fn load_file(path: &Path) -> Result<Vec<KeyLine>, VaultError> {
    Ok(read_present(path)?.keys)
}

/// Adds `key` as the last line of the file at `path`, unless it is there already.
///
/// The file is replaced as a whole: whoever reads it sees all of the former or all of the new one.
///
/// # Errors
/// As [`load_file`], and when the file cannot be replaced.
pub fn add_key(path: &Path, key: &KeyLine, sources: &Sources) -> Result<(), VaultError> {
    let Content { text, keys } = read_present(path)?;
    if keys.iter().any(|present| present.id() == key.id()) {
        return Ok(());
    }
    let line = key.encode();
    let mut changed = Zeroizing::new(String::with_capacity(text.len() + line.len() + 2));
    changed.push_str(text.trim_ascii_end());
    changed.push('\n');
    changed.push_str(&line);
    changed.push('\n');
    Ok(replace(path, &changed, sources)?)
}

/// Takes the key called `id` out of the file at `path`, unless it is not there. Other lines stay as they are.
///
/// # Errors
/// As [`add_key`], and [`KeyFileError::LastKey`] when it is the only one.
pub fn remove_key(path: &Path, id: &str, sources: &Sources) -> Result<(), VaultError> {
    let Content { text, keys } = read_present(path)?;
    if !keys.iter().any(|present| present.id() == id) {
        return Ok(());
    }
    if keys.len() == 1 {
        return Err(KeyFileError::LastKey { path: path.to_owned() }.into());
    }
    let mut changed = Zeroizing::new(String::with_capacity(text.len()));
    let is_other = |line: &&str| !matches!(KeyLine::parse_all(line).as_deref(), Ok([only]) if only.id() == id);
    for line in text.lines().filter(is_other) {
        changed.push_str(line);
        changed.push('\n');
    }
    Ok(replace(path, &changed, sources)?)
}

fn read_present(path: &Path) -> Result<Content, KeyFileError> {
    read(path)?.ok_or_else(|| KeyFileError::Missing { path: path.to_owned() })
}

/// The text of the file at `path` and the keys in it, `None` when nothing is there.
fn read(path: &Path) -> Result<Option<Content>, KeyFileError> {
    let mut tries = 0;
    loop {
        match read_once(path) {
            // A key was added to it or taken out of it in this moment.
            Err(KeyFileError::Changed { .. }) if tries < REPLACED_MAX => tries += 1,
            other => return other,
        }
    }
}

fn read_once(path: &Path) -> Result<Option<Content>, KeyFileError> {
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
    let keys = KeyLine::parse_all(text).map_err(malformed)?;
    Ok(Some(Content { text: Zeroizing::new(text.to_owned()), keys }))
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
    let mut text = Zeroizing::new(Vec::with_capacity(32 * 1024));
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// Writes `key` to a new file at `path`; `false` when something is there already.
fn create(path: &Path, key: &KeyLine, sources: &Sources) -> Result<bool, KeyFileError> {
    let io_error = |doing| move |source| KeyFileError::Io { path: path.to_owned(), doing, source };
    let draft = draft_path(path, sources);
    let written = write_draft(&draft, &[key.encode().as_str(), "\n"]).map_err(io_error("write"));
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
    sync_folder(path)?;
    Ok(created)
}

/// Puts `text` in the place of the file at `path`, in one step.
fn replace(path: &Path, text: &str, sources: &Sources) -> Result<(), KeyFileError> {
    let io_error = |doing| move |source| KeyFileError::Io { path: path.to_owned(), doing, source };
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(KeyFileError::Full { path: path.to_owned() });
    }
    let draft = draft_path(path, sources);
    let written = write_draft(&draft, &[text]).and_then(|()| fs::rename(&draft, path)).map_err(io_error("write"));
    if written.is_err() {
        // The reason why it was not written says more than a failure to clean up could.
        let _ = fs::remove_file(&draft);
    }
    written?;
    sync_folder(path)
}

fn sync_folder(path: &Path) -> Result<(), KeyFileError> {
    let io_error = |source| KeyFileError::Io { path: path.to_owned(), doing: "make durable", source };
    File::open(folder_of(path)).and_then(|folder| folder.sync_all()).map_err(io_error)
}

fn write_draft(draft: &Path, pieces: &[&str]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(draft)?;
    // The mode given at creation is narrowed by the process's mask, which may take the owner's rights too.
    file.set_permissions(Permissions::from_mode(MODE))?;
    for piece in pieces {
        file.write_all(piece.as_bytes())?;
    }
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
