//! The portal's pages, asked for by a browser without JavaScript.

#![expect(clippy::unwrap_used, reason = "what a test prepares fails by panicking")]

mod host;
mod isolation;
mod pages;
mod samples;
mod sessions;
