//! Does the API keep its promises, asked through its router, over a real store in a folder of its own?

#![expect(clippy::unwrap_used, reason = "what a test prepares fails by panicking")]

mod customers;
mod host;
mod operation;
mod portal_sessions;
mod problems;
mod publishing;
