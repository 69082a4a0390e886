//! A customer's deliveries: found, looked at, replayed.

pub(crate) mod list;
pub(crate) mod replay;
pub(crate) mod show;
mod words;
