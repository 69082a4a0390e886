//! The pages, one file for each, or one folder for those that belong together.

pub(crate) mod activity;
pub(crate) mod deliveries;
pub(crate) mod destinations;
