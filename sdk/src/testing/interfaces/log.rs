//! What the plugin writes into the log.

pub(crate) use crate::bindings::freehold::destination::log::Level;
use crate::log::Level as Shown;
use crate::testing::with_host;

pub(crate) fn log(level: Level, message: &str) {
    let level = match level {
        Level::Debug => Shown::Debug,
        Level::Info => Shown::Info,
        Level::Warn => Shown::Warn,
        Level::Error => Shown::Error,
    };
    with_host(|host| host.borrow_mut().logged.push((level, message.to_owned())));
}
