//! Searches its own memory, as the first thing it does, for bytes that another instance may have left there.
//!
//! The config gives them in hex: as they are, they would be found where the config itself is kept.

use std::cell::Cell;

use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("memory-reader", open = search);

thread_local! {
    static FOUND: Cell<Option<usize>> = const { Cell::new(None) };
}

fn search(config: &Config) -> Result<(), Error> {
    let marker = config.marker.as_deref().unwrap_or_default();
    if marker.is_empty() || !marker.len().is_multiple_of(2) || !marker.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(Error::config("marker-invalid", "this guest needs a marker of bytes in hex"));
    }
    FOUND.set((0..memory_bytes()).find(|start| holds(*start, marker.as_bytes())));
    Ok(())
}

fn deliver(_: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    match FOUND.get() {
        Some(address) => Err(Error::other("marker-found", format!("the marker was in memory at {address:#x}"))),
        None => Ok(misbehaviour::delivered(&batch)),
    }
}

/// Whether memory holds the marker at `start`. Compared byte by byte, so that the marker never comes together in one place.
fn holds(start: usize, marker: &[u8]) -> bool {
    marker.chunks_exact(2).enumerate().all(|(offset, digits)| {
        let address = start + offset;
        address < memory_bytes() && byte_at(address) == (digit(digits[0]) << 4 | digit(digits[1]))
    })
}

fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        _ => (hex | 0x20) - b'a' + 10,
    }
}

#[cfg(target_arch = "wasm32")]
fn memory_bytes() -> usize {
    std::arch::wasm32::memory_size(0) << 16
}

#[cfg(not(target_arch = "wasm32"))]
fn memory_bytes() -> usize {
    0
}

fn byte_at(address: usize) -> u8 {
    // SAFETY: in WebAssembly every address below the memory's size can be read, and `memory_bytes` is that size.
    unsafe { std::ptr::with_exposed_provenance::<u8>(address).read_volatile() }
}
