//! Gives every lane its turn: who is ready, who waits until when, and who may go first.

pub(crate) mod dispatcher;
mod lanes;
mod turns;

pub(crate) use lanes::Fared;
