//! What a Freehold destination type is written with.
//!
//! A destination type is a WebAssembly component that brings batches of events to a place that a customer owns. It runs in
//! a sandbox, serves exactly one destination of one customer, and has that customer's credential only in [sealed](credential)
//! form. Writing one takes three things: a `manifest.json` beside `Cargo.toml`, an implementation of [`Sink`], and one line
//! of [`export!`].
//!
//! ```
//! use freehold_sdk::{Batch, Error, Outcome, Sink, credential, http};
//!
//! #[derive(serde::Deserialize)]
//! struct Config {
//!     url: String,
//! }
//!
//! struct Collector {
//!     url: String,
//! }
//!
//! impl Sink for Collector {
//!     type Config = Config;
//!
//!     fn open(config: Config) -> Result<Self, Error> {
//!         Ok(Collector { url: config.url })
//!     }
//!
//!     fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error> {
//!         let token = credential::field("token")?;
//!         let requests = batch.events.into_iter().map(|event| {
//!             http::Request::post(&self.url).bearer(&token).header("content-type", "application/json").body(event.data)
//!         });
//!         let answers = http::send_all(requests.collect());
//!         Ok(answers.into_iter().map(|answer| answer?.error_for_status().map(drop)).collect())
//!     }
//!
//!     fn verify(&mut self) -> Result<(), Error> {
//!         let token = credential::field("token")?;
//!         http::Request::get(&self.url).bearer(&token).send()?.error_for_status().map(drop)
//!     }
//! }
//!
//! # const MANIFEST: &str = r#"{ "name": "collector", "version": "0.1.0", "label": "Collector", "description": "",
//! #     "config": {}, "credential": {}, "endpoints": ["{url}"], "batch": { "events": 1, "bytes": 1, "age_ms": 1 } }"#;
//! // With the manifest in a file, this is `freehold_sdk::export!(Collector);`
//! freehold_sdk::export!(Collector, manifest_json = MANIFEST);
//! # fn main() {}
//! ```
//!
//! # Building
//! The crate is a `cdylib`. With `linker = "wasm-component-ld"` for the target (it comes with Rust), plain
//! `cargo build --release --target wasm32-unknown-unknown` yields the finished component, which imports nothing but what the
//! plugin uses. For any other target the crate compiles as well, so that a plugin is tested by plain `cargo test`: there,
//! whatever would need the host is asked of one that the test scripts, see `testing`.

#[doc(hidden)]
pub mod bindings;
mod config;
mod error;
mod event;
mod export;
mod host;
mod manifest;

#[cfg(feature = "aws")]
pub mod aws;
pub mod context;
pub mod credential;
pub mod form;
#[cfg(feature = "google")]
pub mod google;
pub mod http;
pub mod isolate;
pub mod log;
#[cfg(feature = "objects")]
pub mod objects;
pub mod random;
#[cfg(feature = "reveal")]
pub mod reveal;
#[cfg(feature = "scram")]
pub mod scram;
pub mod stream;
pub mod template;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod time;

pub use error::{Error, ErrorKind};
pub use event::{Batch, Event, Outcome};

/// A destination type. One value serves one destination of one customer, from [`open`](Sink::open) until the host drops it.
///
/// The host calls one function at a time. A panic, or a call that takes longer than [`context::time_left`], ends the value;
/// the host then makes another one and tries again later.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a destination type",
    label = "`freehold_sdk::Sink` is not implemented for it",
    note = "`export!` is given the type that implements `freehold_sdk::Sink`"
)]
pub trait Sink: Sized + 'static {
    /// The destination's config, as the JSON Schema in the manifest describes it.
    type Config: serde::de::DeserializeOwned;

    /// Makes the value from the config. Nothing may be sent yet.
    ///
    /// # Errors
    /// When the config cannot work for a reason that a schema cannot say: [`Error::config`].
    fn open(config: Self::Config) -> Result<Self, Error>;

    /// Brings the batch to the destination. Answers with one outcome for each event, in the order of the events.
    ///
    /// # Errors
    /// An error stands for every event of the batch.
    fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error>;

    /// Checks that deliveries would work, by a real but harmless write that is marked as a test and undone where possible.
    ///
    /// # Errors
    /// When a delivery would not work now. The message is shown to the customer.
    fn verify(&mut self) -> Result<(), Error>;
}

/// What [`export!`] expands to needs these. Not for authors: anything here may change.
#[doc(hidden)]
pub mod __private {
    pub use crate::export::{check, deliver, open, verify};
    pub use crate::manifest::check_manifest;
}
