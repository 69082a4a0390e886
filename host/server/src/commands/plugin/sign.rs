//! `freehold plugin keygen` and `sign`: makes a key, and signs a component's digest with it.

use std::fs::{File, OpenOptions};
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
    let seed = Zeroizing::new(sources::system().random::<32>());
    let key = SigningKey::from_seed(seed).map_err(|error| Failure::new(error.to_string()))?;
    // Never written over: it may be the only copy of a key that others trust.
    let mut private =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(Failure::at(file))?;
    private.write_all(key.pem().as_bytes()).and_then(|()| private.sync_all()).map_err(Failure::at(file))?;
    let public = file.with_extension("pub");
    let mut open = File::create_new(&public).map_err(Failure::at(&public))?;
    open.write_all(key.public_key().pem().as_bytes()).map_err(Failure::at(&public))?;
    Ok(key)
}

fn tell(key: &PublicKey, file: &Path) {
    print(&format!(
        "private key: {}\npublic key: {}\nkey id: {}\nfor the settings of those who trust you: \"NAME={}\"\n",
        file.display(),
        file.with_extension("pub").display(),
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
