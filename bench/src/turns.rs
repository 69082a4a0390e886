//! Measures two ways of doing the same in turns.

use serde_json::{Value, json};

use crate::Failed;
use crate::figures::median;

/// What the turns led to.
pub(crate) struct Turns {
    /// The median of one way's measurement ÷ the other's.
    pub(crate) ratio: f64,
    /// Both measurements of each round, under the names of their ways.
    pub(crate) rounds: Vec<Value>,
}

/// Measures `ours` between two measurements of `base`, so that a machine that slows down favours neither, in so many rounds.
///
/// # Errors
/// The first that either has.
pub(crate) async fn in_turns(
    rounds: usize,
    (base_name, mut base): (&str, impl AsyncFnMut() -> Result<f64, Failed>),
    (our_name, mut ours): (&str, impl AsyncFnMut() -> Result<f64, Failed>),
) -> Result<Turns, Failed> {
    let (mut ratios, mut measured) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let before = base().await?;
        let between = ours().await?;
        let around = f64::midpoint(before, base().await?);
        ratios.push(between / around);
        measured.push(json!({ our_name: between.round(), base_name: around.round() }));
    }
    Ok(Turns { ratio: median(ratios), rounds: measured })
}
