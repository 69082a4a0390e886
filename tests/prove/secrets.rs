//! A planted credential is found nowhere it should not be. (Filled in below.)
use crate::Wish;
use crate::proof::Proof;
use freehold_tests::{Result, trouble};
pub(crate) async fn prove(wish: &Wish) -> Result<Proof> {
    Err(trouble(format!("{}", wish.guests.len())))
}
