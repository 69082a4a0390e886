//! `log`: lines for whoever looks into an attempt.

use crate::interface::destination_0_1::freehold::destination::log;
use crate::state::HostState;

impl log::Host for HostState {
    fn log(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => "debug",
            log::Level::Info => "info",
            log::Level::Warn => "warn",
            log::Level::Error => "error",
        };
        self.recorder.log(level, &message, &self.scrubber);
        Ok(())
    }
}
