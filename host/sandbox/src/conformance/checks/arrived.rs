//! Did what is called delivered arrive? Looked into only where the kit itself receives, and can read what is sent.

use std::collections::BTreeSet;

use freehold_model::Outcome;
use freehold_model::delivery::ClaimedDelivery;

use super::Scene;
use crate::conformance::events;
use crate::conformance::play::{Manner, contains};
use crate::conformance::received::Received;
use crate::conformance::stage::Call;
use crate::conformance::verdict::Seen;
use crate::interface::destination_0_1::idempotency_keys;

/// What to do when something is called delivered that was not sent.
const NEXT: &str = "an event is delivered only when the other side has confirmed it";

/// What events are named by.
type Naming = fn(Scene<'_>, &[ClaimedDelivery]) -> Vec<String>;

/// What was sent in a scene, but for what only prepares it.
pub(super) fn sent(scene: Scene<'_>) -> Vec<Received> {
    scene.stage.take_received().into_iter().filter(|received| !received.is_setup).collect()
}

/// All that these say.
pub(super) fn said(received: &[Received]) -> Vec<u8> {
    received.iter().flat_map(Received::says).collect()
}

/// Why the data of events cannot be found in what is sent with this example.
pub(super) fn unreadable(scene: Scene<'_>) -> Option<String> {
    let script = &scene.examined.script;
    if script.readable == Some(false) {
        return Some("the script says that data cannot be read in what is sent".into());
    }
    let why = script.unreadable.get(&scene.example.name)?;
    Some(format!("the script says that data cannot be read with `{}`: {why}", scene.example.name))
}

/// That something is called delivered which was not sent. The first event's number is 1.
pub(super) fn missing(scene: Scene<'_>, call: &Call, sent: &[Received]) -> Option<Seen> {
    if scene.unseen().is_some() {
        return None;
    }
    let delivered = delivered(call);
    let expected = format!("the data of {} events in what was sent", delivered.len());
    if delivered.is_empty() {
        return None;
    }
    if sent.is_empty() {
        let happened = "the events are called delivered, and nothing was sent";
        return Some(scene.bad("a request for what is called delivered", happened, NEXT));
    }
    if unreadable(scene).is_some() {
        return None;
    }
    let arrived = events::numbers_in(&said(sent));
    if arrived.is_empty() {
        let happened = format!("no event's data is in it, although {} are called delivered", delivered.len());
        let next = "send the data; if it is packed or encrypted, or if only a part of it is meant to be sent, say so in the \
                    script: `readable` or `unreadable`";
        return Some(scene.bad(expected, happened, next));
    }
    let lost: Vec<usize> = delivered.difference(&arrived).copied().collect();
    let first = lost.first()?;
    let happened = format!("{} are called delivered and were not sent; the first is event {first}", lost.len());
    Some(scene.bad(expected, happened, NEXT))
}

fn delivered(call: &Call) -> BTreeSet<usize> {
    let is_delivered = |(_, outcome): &(usize, &Outcome)| **outcome == Outcome::Delivered;
    call.outcomes.iter().enumerate().filter(is_delivered).map(|(index, _)| index + 1).collect()
}

/// That an event without data is called delivered and was not sent. It has no marker: it is known by what the type sends of
/// ordinary events to name them, if it sends anything of the kind.
pub(super) async fn missing_unmarked(
    scene: Scene<'_>,
    call: &Call,
    members: &[ClaimedDelivery],
    sent: &[Received],
) -> Option<Seen> {
    let told = said(sent);
    let ordinary = scene.batch(members.len());
    scene.stage.begin(scene.example, Manner::Well);
    let mut actor = scene.stage.open(scene.example).await.ok()?;
    actor.deliver(1, &ordinary).await;
    let told_of_ordinary = said(&self::sent(scene));
    let delivered = delivered(call);
    let naming: [Naming; 2] = [ids, keys];
    let lost = naming.into_iter().find_map(|names| {
        let names_them = names(scene, &ordinary).iter().all(|name| contains(&told_of_ordinary, name.as_bytes()));
        let mut named = names(scene, members).into_iter().enumerate();
        let lost =
            |(index, name): &(usize, String)| delivered.contains(&(index + 1)) && !contains(&told, name.as_bytes());
        if names_them { named.find(lost) } else { None }
    });
    let (index, name) = lost?;
    let data = String::from_utf8_lossy(&members[index].event.data).into_owned();
    let happened = format!("the event with the data {data} is called delivered, and `{name}` was not sent");
    Some(scene.bad("every event that is called delivered is sent, as ordinary ones are", happened, NEXT))
}

pub(super) fn ids(_: Scene<'_>, members: &[ClaimedDelivery]) -> Vec<String> {
    members.iter().map(|member| member.event.id.as_str().to_owned()).collect()
}

pub(super) fn keys(scene: Scene<'_>, members: &[ClaimedDelivery]) -> Vec<String> {
    idempotency_keys(&scene.stage.whose.destination, members)
}
