//! Keeps the memory of this process, where plaintext lives for moments, out of files.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Bounds the memory and CPU time of this process for good, before it touches what a stranger made.
pub(crate) fn bound(memory_bytes: u64, cpu_seconds: u64) -> Result<(), rustix::io::Errno> {
    let limit = |resource, most| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    limit(Resource::Core, 0)?;
    limit(Resource::Data, memory_bytes)?;
    limit(Resource::Cpu, cpu_seconds)?;
    // It writes to its output alone, and starts nothing.
    limit(Resource::Fsize, 0)
}

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
