//! The host's interfaces, as the generated bindings have them, asked of the scripted host.

pub(crate) mod context;
pub(crate) mod credential;
pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod random;
#[cfg(feature = "reveal")]
pub(crate) mod reveal;
pub(crate) mod stream;
