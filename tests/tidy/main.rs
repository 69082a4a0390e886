//! The house rules, as tests: what a reviewer would otherwise have to remember.

mod arrows;
mod files;
mod guides;
mod rooms;
mod tree;
