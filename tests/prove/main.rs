//! The prover.
fn main() {}
