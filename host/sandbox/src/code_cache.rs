//! Keeps compiled code between starts, and trusts it only under a MAC.
//!
//! Compiled code is machine code: whoever can forge it runs as the host. So each file is `HMAC-SHA256 ‖ length ‖ head ‖ code`,
//! where the head holds the manifest that the component carried, and the MAC covers the file's name (component digest and the
//! engine's compatibility hash) and all that follows it, under a key that is derived from the deployment's key-encryption key.
//! Only bytes that are in memory and whose MAC holds are deserialised. With the head, a component can be loaded without
//! reading it.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use freehold_model::Secret;
use hmac::{Hmac, KeyInit as _, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::manifest::Manifest;

const MAC_BYTES: usize = 32;

/// The code cache, or none when no folder is configured.
pub(crate) struct CodeCache {
    folder: Option<PathBuf>,
    key: Secret,
}

/// What is kept beside the code.
#[derive(Serialize, Deserialize)]
struct Head {
    manifest: Manifest,
    bytes: usize,
}

/// A component that was kept.
pub(crate) struct Kept {
    pub(crate) manifest: Manifest,
    pub(crate) bytes: usize,
    pub(crate) component: Component,
}

impl CodeCache {
    pub(crate) fn new(folder: Option<PathBuf>, key: Secret) -> Self {
        CodeCache { folder, key }
    }

    /// The component with this digest, when it is there and genuine.
    pub(crate) fn find(&self, engine: &Engine, digest: &str) -> Option<Kept> {
        let name = name(engine, digest);
        let path = self.folder.as_ref()?.join(&name);
        let file = match std::fs::read(&path) {
            Ok(file) => file,
            Err(error) => {
                if error.kind() != std::io::ErrorKind::NotFound {
                    tracing::warn!(file = %path.display(), %error, "compiled code cannot be read: compiling anew");
                }
                return None;
            }
        };
        let Some((head, code)) = self.genuine(&name, &file).and_then(parts) else {
            tracing::warn!(file = %path.display(), "compiled code is not genuine: compiling anew");
            return None;
        };
        match deserialize(engine, code) {
            Ok(component) => Some(Kept { manifest: head.manifest, bytes: head.bytes, component }),
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "compiled code cannot be used: compiling anew");
                None
            }
        }
    }

    /// Keeps the code of a component for the next start.
    pub(crate) fn keep(&self, engine: &Engine, digest: &str, manifest: &Manifest, bytes: usize, code: &[u8]) {
        let Some(folder) = &self.folder else { return };
        let name = name(engine, digest);
        if let Err(error) = self.write(folder, &name, &Head { manifest: manifest.clone(), bytes }, code) {
            tracing::warn!(file = name, %error, "compiled code cannot be kept: the next start compiles again");
        }
    }

    fn write(&self, folder: &Path, name: &str, head: &Head, code: &[u8]) -> std::io::Result<()> {
        let head = serde_json::to_vec(head)?;
        let length = u32::try_from(head.len()).map_err(std::io::Error::other)?;
        let content = [&length.to_be_bytes()[..], &head, code].concat();
        let Some(mac) = self.mac(name, &content) else { return Err(std::io::Error::other("no MAC key")) };
        std::fs::create_dir_all(folder)?;
        // Written whole under another name first: a crash leaves no half file under the real one.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&mac.finalize().into_bytes())?;
        file.write_all(&content)?;
        file.persist(folder.join(name)).map_err(|error| error.error)?;
        Ok(())
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
}

/// The file of a component, for this engine.
fn name(engine: &Engine, digest: &str) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{}-{:016x}.type", digest.trim_start_matches("sha256:"), hasher.finish())
}

/// Head and code of a genuine file.
fn parts(content: &[u8]) -> Option<(Head, &[u8])> {
    let (length, rest) = content.split_first_chunk::<4>()?;
    let (head, code) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some((serde_json::from_slice(head).ok()?, code))
}

/// The component that this program's own compiler made machine code of a moment ago, in this process or a child of it.
pub(crate) fn adopt(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    deserialize(engine, compiled)
}

#[expect(unsafe_code, reason = "deserialising trusted code has no safe form")]
fn deserialize(engine: &Engine, genuine: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the callers pass bytes that wasmtime's compiler wrote for an engine with our settings: either their MAC was
    // verified, so a process with our key kept them, or a child of this process, started from this program, handed them over
    // its own pipe. wasmtime itself refuses those of another engine.
    unsafe { Component::deserialize(engine, genuine) }
}
