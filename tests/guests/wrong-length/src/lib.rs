//! Answers with one outcome too many or, if the first event's type is `test.short`, too few.

use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("wrong-length");

fn deliver(_: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    let mut outcomes = misbehaviour::delivered(&batch);
    if misbehaviour::first_type(&batch) == "test.short" {
        outcomes.pop();
    } else {
        outcomes.push(Ok(()));
    }
    Ok(outcomes)
}
