//! Logs 100,000 lines of 10 KiB, then delivers.

use freehold_sdk::{Batch, Error, Outcome, log};
use misbehaviour::Config;

misbehaviour::guest!("log-flood");

fn deliver(_: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    let line = "flood ".repeat(1_706);
    for _ in 0..100_000 {
        log::line(log::Level::Error, &line);
    }
    Ok(misbehaviour::delivered(&batch))
}
