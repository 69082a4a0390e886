//! Does the vault keep its promises, seen from outside?

#![expect(clippy::unwrap_used, reason = "what a test prepares fails by panicking")]

mod fixture;
mod key_file;
mod keys;
mod macs;
mod round_trip;
mod tampering;
mod vectors;
