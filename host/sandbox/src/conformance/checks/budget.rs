//! Does it keep within its memory and CPU time, also after many batches, and is each of them as good as the first?

use std::collections::BTreeSet;
use std::ops::Range;

use freehold_model::BatchId;

use super::{Scene, arrived};
use crate::conformance::events;
use crate::conformance::play::Manner;
use crate::conformance::verdict::{Seen, in_words};

/// Events of one batch, and batches that one instance delivers at least.
const EVENTS: usize = 100;
const BATCHES: usize = 60;
/// Events in all: more than an instance may hold of the host's objects, so that one that keeps any for each event is noticed.
const EVENTS_IN_ALL: usize = EVENTS * BATCHES;
/// The number before that of the first event: all have as many digits, and so each batch as many bytes.
const BEFORE: usize = 100_000;
/// The part of the batches after which a program has taken what it needs.
const SETTLED: usize = 3;
/// What the memory may grow by after that: allocators take it in steps.
const GROWTH_BYTES_MAX: usize = 128 << 10;

/// The places of those events in their batch that were sent, counted from 1.
type Places = BTreeSet<usize>;

/// One instance delivers many batches.
pub(super) async fn check(scene: Scene<'_>) -> Seen {
    if let Some(untried) = scene.nobody_there() {
        return untried;
    }
    scene.stage.begin(scene.example, Manner::Well);
    let mut actor = match scene.stage.open(scene.example).await {
        Ok(actor) => actor,
        Err(failure) => return scene.not_open(&failure),
    };
    let sources = scene.stage.sources();
    let batch_from = |before: usize, count| events::numbered(&scene.stage.whose, &sources, before + 1..=before + count);
    let count = scene.fitting(batch_from(BEFORE, EVENTS)).len();
    let batches = BATCHES.max(EVENTS_IN_ALL.div_ceil(count));
    let mut first: Option<Places> = None;
    let mut settled = 0;
    for batch in 0..batches {
        let before = BEFORE + batch * count;
        let call = actor.deliver_as(&BatchId::generate(&sources), 1, &batch_from(before, count)).await;
        if let Some(broke) = call.broke() {
            return scene.broken(format!("{batches} batches delivered by one instance"), broke);
        }
        match (call.failure(), batch) {
            (Some(_), 0) => return Seen::Untried("not everything is delivered; see the check `deliver-100`".into()),
            (Some((number, failure)), _) => {
                let happened = format!("event {number} of batch {}: {}", batch + 1, in_words(failure));
                let next = "a warm instance delivers every batch like its first: keep nothing of a batch that changes the next";
                return scene.bad("every batch delivered as the first was", happened, next);
            }
            (None, _) => {}
        }
        let places = match places(scene, before..before + count) {
            Ok(places) => places,
            Err(old) => return old_again(scene, batch + 1, old),
        };
        let lost = first.get_or_insert_with(|| places.clone()).difference(&places).next().copied();
        if let Some(lost) = lost {
            let happened = format!("event {lost} of batch {} is called delivered and was not sent", batch + 1);
            return scene.bad("every batch sent as the first was", happened, "send the events of the batch at hand");
        }
        if batch + 1 == batches / SETTLED {
            settled = actor.memory_bytes();
        }
    }
    judge(scene, settled, actor.memory_bytes(), format!("{batches} batches of {count} events"))
}

/// Which events of the batch were sent, by their places in it. The number of another's event, if one was sent.
fn places(scene: Scene<'_>, numbers: Range<usize>) -> Result<Places, usize> {
    let sent = arrived::sent(scene);
    if scene.unseen().is_some() || arrived::unreadable(scene).is_some() {
        return Ok(Places::new());
    }
    let arrived = events::numbers_in(&arrived::said(&sent));
    let place = |number: usize| number.checked_sub(1).filter(|place| numbers.contains(place));
    match arrived.iter().find(|number| place(**number).is_none()) {
        Some(old) => Err(*old),
        None => Ok(arrived.into_iter().map(|number| number - numbers.start).collect()),
    }
}

fn old_again(scene: Scene<'_>, batch: usize, old: usize) -> Seen {
    let happened = format!("batch {batch} also sent event {old}, which is of an earlier batch");
    scene.bad(
        "only the events of the batch at hand are sent",
        happened,
        "let go of what belongs to a batch when it is done",
    )
}

fn judge(scene: Scene<'_>, settled: usize, last: usize, batches: String) -> Seen {
    if last.saturating_sub(settled) > GROWTH_BYTES_MAX {
        let happened = format!("it grew from {settled} to {last} bytes in the later ones of {batches}");
        let next = "let go of what belongs to a batch when it is done";
        return scene.bad("memory that stops growing after the first batches", happened, next);
    }
    Seen::Good(format!("{batches} by one instance, {} KiB of memory", last / 1024))
}
