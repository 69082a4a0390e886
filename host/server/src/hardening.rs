//! Keeps the memory of this process, where plaintext lives for moments, out of files.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Turns core dumps off, and reading this process's memory by others of the same user.
///
/// A failure is logged and no more: some containers forbid it, and then they also govern dumps themselves.
pub(crate) fn forbid_memory_dumps() {
    if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
        tracing::warn!(%error, "core dumps could not be turned off");
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "this process's memory could not be closed to debuggers");
    }
}
