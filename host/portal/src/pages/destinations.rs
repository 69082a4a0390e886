//! A customer's destinations.

pub(crate) mod act;
pub(crate) mod add;
mod choose;
pub(crate) mod credential;
pub(crate) mod edit;
mod list;
mod parts;
mod show;
mod verify;

pub(crate) use choose::choose;
pub(crate) use list::list;
pub(crate) use show::{Shown, show};
pub(crate) use verify::samples;
