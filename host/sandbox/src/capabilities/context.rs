//! `context`: what a plugin may know about the call that it is in.

use std::time::Duration;

use crate::interface::destination_0_1::freehold::destination::context;
use crate::state::HostState;

impl context::Host for HostState {
    fn attempt(&mut self) -> wasmtime::Result<u32> {
        Ok(self.call.attempt)
    }

    fn time_left_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(u64::try_from(self.call.time_left().as_millis()).unwrap_or(u64::MAX))
    }

    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(u64::try_from(self.sources.now().millis()).unwrap_or(0))
    }

    async fn wait(&mut self, ms: u32) -> wasmtime::Result<()> {
        let time = Duration::from_millis(u64::from(ms)).min(self.call.time_left());
        tokio::time::sleep(time).await;
        Ok(())
    }

    fn customer(&mut self) -> wasmtime::Result<String> {
        Ok(self.customer.as_str().to_owned())
    }

    fn destination(&mut self) -> wasmtime::Result<String> {
        Ok(self.destination.as_str().to_owned())
    }
}
