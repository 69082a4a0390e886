//! `freehold compile-component`: compiles the component on stdin into machine code on stdout, within bounds of its own.
//!
//! Servers start it for each component that they do not know; see `host/sandbox/src/compiler.rs` for what goes over the pipes.

use std::io::{BufRead, Read, Write};

use freehold_sandbox::Limits;

use crate::failure::Failure;
use crate::hardening;

/// Runs the command.
pub(super) fn run() -> Result<(), Failure> {
    let mut stdin = std::io::stdin().lock();
    let mut head = String::new();
    let unreadable = |error: &dyn std::error::Error| Failure::because("the input cannot be read", error);
    stdin.read_line(&mut head).map_err(|error| unreadable(&error))?;
    let limits: Limits = serde_json::from_str(&head).map_err(|error| unreadable(&error))?;
    hardening::bound(limits.compile_memory_bytes, limits.compile_ms.div_ceil(1000).max(1).saturating_mul(2))
        .map_err(|error| Failure::because("the bounds cannot be set", &error))?;
    let mut component = Vec::new();
    stdin.read_to_end(&mut component).map_err(|error| unreadable(&error))?;
    let code = freehold_sandbox::compile(&limits, &component).map_err(Failure::new)?;
    std::io::stdout().lock().write_all(&code).map_err(|error| Failure::because("the code cannot be written", &error))
}
