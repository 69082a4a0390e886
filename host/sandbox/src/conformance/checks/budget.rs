//! Does it keep within its memory and CPU time, also after many batches?

use super::Scene;
use crate::conformance::Examined;
use crate::conformance::events;
use crate::conformance::play::Manner;
use crate::conformance::verdict::{Seen, answers_for, broken, in_words};

/// Batches that one instance delivers, and events of each.
const BATCHES: usize = 60;
const EVENTS: usize = 10;
/// After so many batches the memory is looked at again and again.
const STEP: usize = 10;
/// Steps in which the memory must have grown to be called growing: all after the first, in which every program takes what it
/// needs.
const GROWING: usize = BATCHES / STEP - 1;

/// One instance delivers many batches.
pub(super) async fn check(scene: Scene<'_>) -> Seen {
    if let Some(untried) = scene.nobody_there() {
        return untried;
    }
    let most = usize::try_from(scene.examined.destination_type.manifest().batch.events).unwrap_or(1);
    let members = events::ordinary(&scene.stage.whose, &scene.stage.sources(), EVENTS.min(most));
    scene.stage.begin(scene.example, Manner::Well);
    let mut actor = match scene.stage.open(scene.example).await {
        Ok(actor) => actor,
        Err(failure) => return scene.not_open(&failure),
    };
    let mut sizes = vec![actor.memory_bytes()];
    for batch in 1..=BATCHES {
        let call = actor.deliver(1, &members).await;
        scene.stage.take_received();
        if let Some(broke) = call.broke() {
            let expected = format!("{BATCHES} batches delivered by one instance");
            return broken(scene.check, &scene.example.name, &expected, broke);
        }
        if batch % STEP == 0 {
            sizes.push(actor.memory_bytes());
        }
    }
    judge(scene, &sizes)
}

fn judge(scene: Scene<'_>, sizes: &[usize]) -> Seen {
    let later = &sizes[1..];
    let growing = later.windows(2).filter(|pair| pair[1] > pair[0]).count();
    let (first, last) = (later.first().copied().unwrap_or(0), later.last().copied().unwrap_or(0));
    if growing >= GROWING {
        let happened =
            format!("its memory grew all the time: from {first} to {last} bytes within {} batches", BATCHES - STEP);
        let next = "let go of what belongs to a batch when it is done";
        return Seen::bad(&scene.example.name, "memory that stops growing after the first batches", happened, next);
    }
    Seen::Good(format!("{BATCHES} batches by one instance, {} KiB of memory", last / 1024))
}

/// Calls anywhere that were ended at a limit.
pub(super) fn look_back(examined: &Examined) -> Vec<Seen> {
    let ended = examined.ledger.all().into_iter().find_map(|entry| {
        let broke = entry.broke.filter(|broke| answers_for(broke) == Some("budget"))?;
        let next = "do less in one call, hold less at a time, or ask the operator for a higher limit";
        Some(Seen::bad(&entry.what, "it keeps within its limits", in_words(&broke), next))
    });
    ended.into_iter().collect()
}
