//! Do the use-cases keep their promises over a real store and a real vault?

#![expect(clippy::unwrap_used, reason = "what a test prepares fails by panicking")]

mod deployment;
mod keks;
mod shredding;
