//! The contract as the host sees it: one thin file for each published version of `wit/`.

pub(crate) mod destination_0_1;
