//! `reveal`: the plaintext of a secret, for the few protocols that leave no other way.

use wasmtime::component::Resource;

use crate::capabilities::credential::SecretHandle;
use crate::interface::destination_0_1::freehold::destination::reveal;
use crate::state::HostState;

impl reveal::Host for HostState {
    fn reveal(&mut self, secret: Resource<SecretHandle>) -> wasmtime::Result<Vec<u8>> {
        Ok(self.table.get(&secret)?.secret.expose().to_vec())
    }
}
