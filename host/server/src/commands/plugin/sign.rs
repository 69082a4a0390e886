//! `freehold plugin keygen` and `sign`: makes a key, and signs a component's digest with it.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use freehold_trust::{PublicKey, SigningKey, digest};
use zeroize::Zeroizing;

use super::outcome::NOT_TRIED;
use crate::cli::SignKeyArgs;
use crate::commands::print;
use crate::failure::Failure;
use crate::sources;

/// What the names of key files end with.
const PRIVATE: &str = "key";
const PUBLIC: &str = "pub";

/// Makes a key pair.
pub(super) fn keygen(file: &Path) -> Result<(), Failure> {
    let key = make(file).map_err(|failure| failure.with_status(NOT_TRIED))?;
    tell(&key.public_key(), file);
    Ok(())
}

/// Signs a component.
pub(super) fn run(file: &Path, keys: &SignKeyArgs) -> Result<(), Failure> {
    sign(file, keys).map_err(|failure| failure.with_status(NOT_TRIED))
}

fn sign(file: &Path, keys: &SignKeyArgs) -> Result<(), Failure> {
    let component = std::fs::read(file).map_err(Failure::at(file))?;
    let key = match (&keys.key, &keys.new_key) {
        (Some(key), _) => read(key)?,
        (None, Some(new)) => {
            let key = make(new)?;
            tell(&key.public_key(), new);
            key
        }
        (None, None) => return Err(Failure::new("name your private key with --key, or a new one with --new-key")),
    };
    let signature = key.sign(&digest(&component));
    let target = beside(file, "sig");
    std::fs::write(&target, signature.document()).map_err(Failure::at(&target))?;
    print(&format!("signed: {}\nby: {}\nsignature: {}\n", signature.digest, signature.key, target.display()));
    Ok(())
}

/// `file` with one more ending.
pub(super) fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn make(file: &Path) -> Result<SigningKey, Failure> {
    if file.extension().is_some_and(|ending| ending == PUBLIC) {
        return Err(Failure::new(format!(
            "{}: such a name is for the public key; name the private one another way, such as {}",
            file.display(),
            file.with_extension(PRIVATE).display()
        )));
    }
    let seed = Zeroizing::new(sources::system().random::<32>());
    let key = SigningKey::from_seed(seed).map_err(|error| Failure::new(error.to_string()))?;
    let public = public_of(file);
    // First, so that no private key is left that nobody was told of.
    create(&public, key.public_key().pem().as_bytes(), 0o644)?;
    create(file, key.pem().as_bytes(), 0o600).inspect_err(|_| remove(&public))?;
    Ok(key)
}

/// Makes a new file, or leaves nothing of it. Never written over: it may be the only copy of a key that others trust.
fn create(file: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    let mut new = OpenOptions::new().write(true).create_new(true).mode(mode).open(file).map_err(Failure::at(file))?;
    let written = new.write_all(bytes).and_then(|()| new.sync_all());
    written.inspect_err(|_| remove(file)).map_err(Failure::at(file))
}

/// After a failure, which is what is told, whether this works or not.
fn remove(file: &Path) {
    drop(std::fs::remove_file(file));
}

/// Where the public key goes: beside `acme.key` it is `acme.pub`, and beside any other name that name with `.pub`.
fn public_of(file: &Path) -> PathBuf {
    match file.extension() {
        Some(ending) if ending == PRIVATE => file.with_extension(PUBLIC),
        _ => beside(file, PUBLIC),
    }
}

fn tell(key: &PublicKey, file: &Path) {
    print(&format!(
        "private key: {}\npublic key: {}\nkey id: {}\nfor the settings of those who trust you: \"NAME={}\"\n",
        file.display(),
        public_of(file).display(),
        key.id(),
        key.line()
    ));
}

fn read(file: &Path) -> Result<SigningKey, Failure> {
    let mode = std::fs::metadata(file).map_err(Failure::at(file))?.permissions().mode();
    if mode & 0o077 != 0 {
        let (path, mode) = (file.display(), mode & 0o777);
        return Err(Failure::new(format!("{path}: others may read the key (mode {mode:o}); run chmod 600 on it")));
    }
    let text = Zeroizing::new(std::fs::read_to_string(file).map_err(Failure::at(file))?);
    SigningKey::parse(&text).map_err(|error| Failure::new(format!("{}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_private_key_has_a_public_one_of_its_own() {
        for (private, public) in [("acme.key", "acme.pub"), ("acme", "acme.pub"), ("acme.v2", "acme.v2.pub")] {
            let folder = tempfile::tempdir().unwrap();
            let key = make(&folder.path().join(private)).unwrap();

            let text = std::fs::read_to_string(folder.path().join(public)).unwrap();
            assert_eq!(text, key.public_key().pem());
            assert_eq!(read(&folder.path().join(private)).unwrap().public_key().id(), key.public_key().id());
        }
    }

    #[test]
    fn no_half_of_a_pair_is_left_and_none_is_written_over() {
        for taken in ["acme.pub", "acme.key"] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(taken), "mine").unwrap();

            let refusal = make(&folder.path().join("acme.key")).unwrap_err().to_string();

            assert!(refusal.contains(taken), "{refusal}");
            let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
            assert_eq!(left, [taken]);
            assert_eq!(std::fs::read_to_string(folder.path().join(taken)).unwrap(), "mine");
        }
        let refusal = make(Path::new("acme.pub")).unwrap_err().to_string();
        assert!(refusal.contains("acme.key"), "{refusal}");
    }
}
