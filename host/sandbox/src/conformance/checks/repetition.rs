//! Does the same call send the same, and does a batch that comes twice look like the same batch?

use std::collections::BTreeSet;

use super::{Scene, arrived};
use crate::conformance::events;
use crate::conformance::play::{Manner, contains};
use crate::conformance::received::Received;
use crate::conformance::verdict::{Seen, in_words};

/// Events of the batch that is sent again.
const EVENTS: usize = 25;
/// How much later the second attempt is.
const LATER_MS: i64 = 3_600_000;
/// Headers by which receivers recognise what they have had.
const IDS: [&str; 7] =
    ["idempotency-key", "x-idempotency-key", "webhook-id", "x-request-id", "ce-id", "if-none-match", "x-dedup-id"];

/// When an attempt is made, and by what chance.
#[derive(Debug, Clone, Copy)]
struct Moment {
    attempt: u32,
    later_ms: i64,
    seed: u64,
}

const FIRST: Moment = Moment { attempt: 1, later_ms: 0, seed: 1 };

/// What a fresh instance sends at that moment, sorted: several requests may be under way at once.
async fn sent(scene: Scene<'_>, moment: Moment) -> Result<Vec<Received>, Seen> {
    let members = scene.batch(EVENTS);
    scene.stage.begin(scene.example, Manner::Well);
    scene.stage.set_time(moment.later_ms, moment.seed);
    let mut actor = scene.stage.open(scene.example).await.map_err(|failure| scene.not_open(&failure))?;
    let call = actor.deliver(moment.attempt, &members).await;
    if let Some(broke) = call.broke() {
        return Err(scene.broken("the events are delivered", broke));
    }
    if let Some((number, failure)) = call.failure() {
        let why = format!("event {number} is not delivered ({}); see the check `deliver-100`", in_words(failure));
        return Err(Seen::Untried(why));
    }
    let mut received: Vec<Received> = scene.stage.take_received().into_iter().filter(|one| !one.is_setup).collect();
    received.sort();
    if received.is_empty() {
        return Err(Seen::Untried("nothing is sent; see the check `arrival`".into()));
    }
    Ok(received)
}

/// The same call twice, at the same time and with the same randomness.
pub(super) async fn deterministic(scene: Scene<'_>) -> Seen {
    if let Some(untried) = scene.unseen() {
        return untried;
    }
    let (first, second) = match (sent(scene, FIRST).await, sent(scene, FIRST).await) {
        (Ok(first), Ok(second)) => (first, second),
        (Err(seen), _) | (_, Err(seen)) => return seen,
    };
    let varies = &scene.examined.script.varies;
    let cleaned = |all: Vec<Received>| -> Vec<Received> { all.iter().map(|one| one.without(varies)).collect() };
    match difference(cleaned(first), cleaned(second)) {
        None => Seen::Good("the same bytes twice".into()),
        Some(happened) => Seen::bad(
            &scene.example.name,
            "the same bytes, at the same time and with the same randomness",
            happened,
            "take time and randomness from the host alone, and keep no order of a hash map; or say what varies in the script: `varies`",
        ),
    }
}

/// The batch a second time: by another instance, then an hour later as well.
pub(super) async fn retry(scene: Scene<'_>) -> Seen {
    if !scene.examined.destination_type.manifest().idempotent {
        return Seen::Untried("the manifest does not say that it is idempotent".into());
    }
    if let Some(untried) = scene.unseen() {
        return untried;
    }
    let script = &scene.examined.script;
    let varies: Vec<String> = script.varies.iter().chain(&script.retry.varies).cloned().collect();
    let first = match sent(scene, FIRST).await {
        Ok(first) => first,
        Err(seen) => return seen,
    };
    let ids: BTreeSet<String> = IDS
        .iter()
        .map(|id| (*id).to_owned())
        .chain(script.retry.ids.iter().map(|id| id.to_ascii_lowercase()))
        .collect();
    if let Some(nameless) = nameless(scene, &first, &ids) {
        return nameless;
    }
    for (later_ms, when) in [(0, "at the same time"), (LATER_MS, "an hour later")] {
        let again = match sent(scene, Moment { attempt: 2, later_ms, seed: 2 }).await {
            Ok(again) => again,
            Err(seen) => return seen,
        };
        // Signatures and dates may differ with the time: then only what receivers go by is compared.
        let kept = |one: &Received| {
            let rest = one.without(&varies);
            if later_ms == 0 { rest } else { rest.with_headers(&ids) }
        };
        if difference(first.iter().map(kept).collect(), again.iter().map(kept).collect()).is_some()
            && let Ok(same) = sent(scene, FIRST).await
            && difference(first.iter().map(kept).collect(), same.iter().map(kept).collect()).is_some()
        {
            return Seen::Untried(
                "the same call does not even send the same twice; see the check `deterministic`".into(),
            );
        }
        if let Some(happened) = difference(first.iter().map(kept).collect(), again.iter().map(kept).collect()) {
            let expected = format!("what the second attempt sends {when} is what the first one sent");
            let next = "name things after the batch's id and the events' idempotency keys, never after time or chance; or say what \
                        may differ in the script: `retry.varies`";
            return Seen::bad(&scene.example.name, expected, happened, next);
        }
    }
    Seen::Good(format!("{} requests, the same again from another instance and an hour later", first.len()))
}

/// Why a batch that comes twice cannot be known again: a request with events names neither them nor the batch.
fn nameless(scene: Scene<'_>, sent: &[Received], ids: &BTreeSet<String>) -> Option<Seen> {
    let members = scene.batch(EVENTS);
    let mut names = vec![scene.stage.whose.batch.as_str().to_owned()];
    names.extend(arrived::ids(scene, &members));
    names.extend(arrived::keys(scene, &members));
    let is_named = |one: &Received| {
        let said = one.says();
        one.headers.iter().any(|(name, _)| ids.contains(name))
            || names.iter().any(|name| contains(&said, name.as_bytes()))
    };
    let has_events = |one: &&Received| !events::numbers_in(&one.says()).is_empty();
    let with_events: Vec<&Received> = sent.iter().filter(has_events).collect();
    // Where data cannot be read, any request may be the one with the events.
    let nameless = match with_events.is_empty() {
        true if sent.iter().any(is_named) => None,
        true => sent.first(),
        false => with_events.into_iter().find(|one| !is_named(one)),
    };
    let why =
        "holds no batch id, no event id, no idempotency key and no header of `retry.ids`, so nobody can know it again";
    nameless.map(|one| Seen::Untried(format!("{} {why}", one.in_words())))
}

fn difference(mut one: Vec<Received>, mut other: Vec<Received>) -> Option<String> {
    one.sort();
    other.sort();
    if one.len() != other.len() {
        return Some(format!("{} requests became {}", one.len(), other.len()));
    }
    one.iter().zip(&other).find(|(one, other)| one != other).map(|(one, other)| one.difference(other))
}
