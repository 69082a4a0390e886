//! What a guest may call, one room for each interface of the contract.

pub(crate) mod context;
pub(crate) mod credential;
pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod random;
pub(crate) mod reveal;
pub(crate) mod stream;

use crate::interface::destination_0_1::freehold::destination::types;
use crate::state::HostState;

/// `types` has no functions; the linker wants an implementation all the same.
impl types::Host for HostState {}
