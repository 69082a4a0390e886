//! Which host is asked? In a component the real one; elsewhere, where a plugin's tests run, the one that a test
//! [scripts](crate::testing).

#[cfg(target_arch = "wasm32")]
#[cfg(feature = "reveal")]
pub(crate) use crate::bindings::freehold::destination::reveal;
#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::freehold::destination::{context, credential, http, log, random, stream};

#[cfg(not(target_arch = "wasm32"))]
#[cfg(feature = "reveal")]
pub(crate) use crate::testing::interfaces::reveal;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::interfaces::{context, credential, http, log, random, stream};
