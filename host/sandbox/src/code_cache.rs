//! Keeps compiled code between starts, and trusts it only under a MAC.
//!
//! Compiled code is machine code: whoever can forge it runs as the host. So each file is `HMAC-SHA256 ‖ code`, where the
//! MAC covers the file's name (component digest and the engine's compatibility hash) and the code, under a key that is
//! derived from the deployment's key-encryption key. Only bytes that are in memory and whose MAC holds are deserialised.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::Write as _;
use std::path::PathBuf;

use freehold_model::Secret;
use hmac::{Hmac, KeyInit as _, Mac};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

const MAC_BYTES: usize = 32;

/// The code cache, or none when no folder is configured.
pub(crate) struct CodeCache {
    folder: Option<PathBuf>,
    key: Secret,
}

impl CodeCache {
    pub(crate) fn new(folder: Option<PathBuf>, key: Secret) -> Self {
        CodeCache { folder, key }
    }

    /// The component, from the cache when it is there and genuine, else compiled and kept.
    pub(crate) fn component(&self, engine: &Engine, digest: &str, bytes: &[u8]) -> wasmtime::Result<Component> {
        let Some(folder) = &self.folder else { return Component::from_binary(engine, bytes) };
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let name = format!("{}-{:016x}.code", digest.trim_start_matches("sha256:"), hasher.finish());
        let path = folder.join(&name);
        match std::fs::read(&path) {
            Ok(file) => match self.genuine(&name, &file) {
                Some(code) => return deserialize(engine, code),
                None => tracing::warn!(file = %path.display(), "compiled code is not genuine: compiling anew"),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "compiled code cannot be read: compiling anew")
            }
        }
        let component = Component::from_binary(engine, bytes)?;
        if let Err(error) = self.keep(&path, &name, &component.serialize()?) {
            tracing::warn!(file = %path.display(), %error, "compiled code cannot be kept: the next start compiles again");
        }
        Ok(component)
    }

    fn mac(&self, name: &str, code: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose()).ok()?;
        mac.update(name.as_bytes());
        mac.update(&[0]);
        mac.update(code);
        Some(mac)
    }

    fn genuine<'f>(&self, name: &str, file: &'f [u8]) -> Option<&'f [u8]> {
        let (tag, code) = file.split_at_checked(MAC_BYTES)?;
        self.mac(name, code)?.verify_slice(tag).ok()?;
        Some(code)
    }

    fn keep(&self, path: &std::path::Path, name: &str, code: &[u8]) -> std::io::Result<()> {
        let Some(mac) = self.mac(name, code) else { return Err(std::io::Error::other("no MAC key")) };
        let folder = path.parent().unwrap_or(path);
        std::fs::create_dir_all(folder)?;
        // Written whole under another name first: a crash leaves no half file under the real one.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&mac.finalize().into_bytes())?;
        file.write_all(code)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }
}

#[expect(unsafe_code, reason = "deserialising trusted code has no safe form")]
fn deserialize(engine: &Engine, genuine: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the only caller has verified the MAC over exactly these bytes, so they are what `Component::serialize` of
    // a process with our key wrote for this component and an engine of the same compatibility hash.
    unsafe { Component::deserialize(engine, genuine) }
}
