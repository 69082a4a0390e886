//! What is not a component of the contract is refused before anything of it runs, in words that help.

use std::fs::File;
use std::path::{Path, PathBuf};

use freehold_tests::host::bare_command;
use freehold_tests::{Result, places};

use super::guests::REFUSED;
use crate::proof::Proof;

/// A core module without anything in it.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
/// The beginning of a component without anything in it.
const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// Bytes of a file that is too large to be looked at.
const HUGE: u64 = 200_000_000;

pub(super) fn check(proof: &mut Proof) -> Result {
    let folder = tempfile::tempdir()?;
    let write = |name: &str, bytes: &[u8]| -> Result<PathBuf> {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes)?;
        Ok(path)
    };
    let huge = folder.path().join("huge.wasm");
    File::create(&huge)?.set_len(HUGE)?;
    let mut cut_off = std::fs::read(places::plugin("webhook")?)?;
    cut_off.truncate(cut_off.len() / 2);
    let files = [
        ("a core module", write("module.wasm", CORE_MODULE)?, "core"),
        ("a text file", write("text.wasm", b"(component)\n")?, "not a WebAssembly component"),
        ("a precompiled blob", write("blob.wasm", &precompiled())?, "precompiled"),
        ("an empty file", write("empty.wasm", b"")?, "empty"),
        ("a file of 200 MB", huge, "200000000"),
        ("a component without a manifest", write("bare.wasm", EMPTY_COMPONENT)?, "manifest"),
        ("half a component", write("half.wasm", &cut_off)?, ""),
    ];
    for (what, path, says) in &files {
        refused(proof, what, path, says)?;
    }
    for (guest, import) in REFUSED {
        refused(proof, &format!("the guest {guest}"), &places::guest(guest)?, import)?;
    }
    Ok(())
}

fn refused(proof: &mut Proof, what: &str, path: &Path, says: &str) -> Result {
    let (accepted, printed) = plugin_check(path)?;
    proof.case(format!("install: {what} is refused"), !accepted && printed.contains(says), reason(&printed));
    Ok(())
}

/// What was said last, without the file's name.
pub(super) fn reason(printed: &str) -> String {
    let last = printed.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    let reason = last.split_once("is refused: ").map_or(last, |(_, reason)| reason);
    reason.chars().take(120).collect()
}

/// Whether `freehold plugin check` accepts the file, and what it prints.
pub(super) fn plugin_check(path: &Path) -> Result<(bool, String)> {
    let folder = tempfile::tempdir()?;
    let output = bare_command()?.args(["plugin", "check"]).arg(path).current_dir(folder.path()).output()?;
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok((output.status.success(), printed))
}

/// Machine code as the engine writes it: an ELF file whose header says that it is the engine's.
fn precompiled() -> Vec<u8> {
    let mut elf = vec![0; 64];
    elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    // The operating-system ABI that the engine marks its files with.
    elf[7] = 200;
    // A 64-bit ELF header of 64 bytes, and flags that say "a component".
    elf[16] = 1;
    elf[20] = 1;
    elf[48] = 2;
    elf[52] = 64;
    elf[58] = 64;
    elf
}
