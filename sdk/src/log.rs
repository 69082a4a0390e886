//! Lines for whoever looks into an attempt: `debug!`, `info!`, `warn!` and `error!`, used like [`format!`].
//!
//! The host bounds them in number and length and replaces secrets of the credential that appear in one.
//!
//! ```no_run
//! use freehold_sdk::log;
//!
//! let key = "events/2024-01-31/bat_1.ndjson";
//! log::info!("wrote {key}");
//! log::warn!("{} objects could not be removed", 2);
//! ```

use crate::host::log as wit;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// For the plugin's author.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warn,
    /// Something did not work.
    Error,
}

/// Writes one line. The macros of this module are the usual way.
///
/// ```no_run
/// use freehold_sdk::log::{Level, line};
///
/// line(Level::Info, "hello");
/// ```
pub fn line(level: Level, message: &str) {
    let level = match level {
        Level::Debug => wit::Level::Debug,
        Level::Info => wit::Level::Info,
        Level::Warn => wit::Level::Warn,
        Level::Error => wit::Level::Error,
    };
    wit::log(level, message);
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($argument:tt)*) => { $crate::log::line($crate::log::Level::Debug, &::std::format!($($argument)*)) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($argument:tt)*) => { $crate::log::line($crate::log::Level::Info, &::std::format!($($argument)*)) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($argument:tt)*) => { $crate::log::line($crate::log::Level::Warn, &::std::format!($($argument)*)) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($argument:tt)*) => { $crate::log::line($crate::log::Level::Error, &::std::format!($($argument)*)) };
}

/// Writes a line for the plugin's author: `log::debug!("{count} rows")`.
#[doc(inline)]
pub use crate::__log_debug as debug;
/// Writes a line about something that did not work: `log::error!("{reason}")`.
#[doc(inline)]
pub use crate::__log_error as error;
/// Writes a line worth knowing: `log::info!("wrote {key}")`.
#[doc(inline)]
pub use crate::__log_info as info;
/// Writes a line worth a look: `log::warn!("{key} stays")`.
#[doc(inline)]
pub use crate::__log_warn as warn;
