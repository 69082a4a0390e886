//! Hostile plugins hurt nobody.
use crate::Wish;
use crate::proof::Proof;
use freehold_tests::{Result, trouble};
pub(crate) async fn prove(wish: &Wish) -> Result<Proof> {
    Err(trouble(format!("{}", wish.guests.len())))
}
