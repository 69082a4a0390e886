//! What the host wrote down of its attempts, held against when each credential version was active.

use std::collections::HashMap;

use freehold_tests::{Api, Result};
use serde_json::Value;

use super::{text, versions};
use crate::proof::Proof;

/// A credential version's time.
struct Life {
    version: u64,
    activated_at: String,
    ended_at: Option<String>,
}

/// No attempt that began after a cutover uses the former version, unless its batch had begun with it; none uses a version
/// after its end. Times are in UTC to the millisecond, so they compare as texts.
pub(super) async fn judge(api: &Api, destination: &str, name: &str, proof: &mut Proof) -> Result {
    let mut lives = Vec::new();
    for row in versions(api, destination).await? {
        // One that was refused when it was tried was never active.
        if let (Some(version), Some(activated_at)) = (row["version"].as_u64(), row["activated_at"].as_str()) {
            let ended_at = row["destroyed_at"].as_str().map(str::to_owned);
            lives.push(Life { version, activated_at: activated_at.to_owned(), ended_at });
        }
    }
    lives.sort_by(|one, other| one.activated_at.cmp(&other.activated_at));
    let mut attempts = api.attempts(&format!("destination={destination}")).await?;
    attempts.reverse();
    let (mut pinned, mut strange, mut late) = (0, Vec::new(), Vec::new());
    let mut first_use: HashMap<(String, u64), String> = HashMap::new();
    for attempt in &attempts {
        let (batch, started_at) = (text(attempt, "batch")?, text(attempt, "started_at")?);
        let Some(version) = attempt["credential_version"].as_u64() else {
            strange.push(attempt);
            continue;
        };
        let begun = first_use.entry((batch, version)).or_insert_with(|| started_at.clone()).clone();
        let replaced_at = replaced_at(&lives, version);
        if replaced_at.is_some_and(|at| *started_at > *at) {
            pinned += 1;
            if replaced_at.is_some_and(|at| *begun > *at) {
                strange.push(attempt);
            }
        }
        let life = lives.iter().find(|life| life.version == version);
        if life.and_then(|life| life.ended_at.as_deref()).is_some_and(|ended| *started_at > *ended) {
            late.push(attempt);
        }
    }
    proof.case(
        format!("{name}: what begins after a cutover uses the new version"),
        strange.is_empty() && !attempts.is_empty(),
        told(&strange, format!("{} attempts, of which {pinned} went on with what they had begun with", attempts.len())),
    );
    proof.case(
        format!("{name}: no attempt begins with a version that has ended"),
        late.is_empty(),
        told(&late, format!("{} versions", lives.len())),
    );
    Ok(())
}

/// When another version took its place.
fn replaced_at(lives: &[Life], version: u64) -> Option<&str> {
    let place = lives.iter().position(|life| life.version == version)?;
    lives.get(place + 1).map(|next| next.activated_at.as_str())
}

fn told(wrong: &[&Value], otherwise: String) -> String {
    wrong.first().map_or(otherwise, |first| format!("{}, the first: {first}", wrong.len()))
}
