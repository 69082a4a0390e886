//! Are events delivered, whatever is in them, and does each get its own outcome?

use std::collections::BTreeSet;

use freehold_model::delivery::ClaimedDelivery;
use freehold_model::{ErrorKind, Outcome};

use super::{Events, Scene, arrived};
use crate::conformance::events;
use crate::conformance::example::Reach;
use crate::conformance::play::{self, Manner};
use crate::conformance::received::Received;
use crate::conformance::stage::Call;
use crate::conformance::verdict::{Seen, in_words};

/// Events of the batch whose arrival is looked for.
const ARRIVING: usize = 25;
/// Events of the batch of which one is refused, and which one.
const MIXED: usize = 5;
const REFUSED: usize = 2;

/// Delivers such events.
pub(super) async fn deliver(scene: Scene<'_>, events: Events) -> Seen {
    if let Some(untried) = scene.nobody_there() {
        return untried;
    }
    let members = members(scene, events);
    let seen = deliver_these(scene, events, &members).await;
    let Seen::Good(told) = seen else { return seen };
    if events != Events::Most {
        return Seen::Good(told);
    }
    let (whose, sources) = (&scene.stage.whose, scene.stage.sources());
    let padded = events::padded(whose, &sources, scene.events_max(), scene.bytes_max());
    let bytes: usize = padded.iter().map(|member| member.event.data.len()).sum();
    match deliver_these(scene, events, &padded).await {
        Seen::Good(_) => Seen::Good(format!("{told}; {} with {} KiB of data", counted(padded.len()), bytes / 1024)),
        other => other,
    }
}

async fn deliver_these(scene: Scene<'_>, events: Events, members: &[ClaimedDelivery]) -> Seen {
    let call = match well(scene, members).await {
        Ok(call) => call,
        Err(untried) => return untried,
    };
    let bytes: usize = members.iter().map(|member| member.event.data.len()).sum();
    let expected = format!("{} with {bytes} bytes of data delivered", counted(members.len()));
    if let Some(broke) = call.broke() {
        return scene.broken(expected, broke);
    }
    let may_reject = events == Events::Largest;
    let failed = call.outcomes.iter().enumerate().find_map(|(index, outcome)| match outcome {
        Outcome::Failed(failure) if failure.kind != ErrorKind::Rejected || !may_reject => Some((index + 1, failure)),
        _ => None,
    });
    if let Some((number, failure)) = failed {
        let happened = format!("event {number} of {}: {}", members.len(), in_words(failure));
        return scene.bad(expected, happened, next(scene));
    }
    let sent = arrived::sent(scene);
    let missing = match events {
        Events::Empty => missing_empty(scene, &call, members, &sent).await,
        _ => arrived::missing(scene, &call, &sent).or_else(|| changed(scene, events, &call, &sent)),
    };
    match missing {
        Some(seen) => seen,
        None if call.failure().is_some() => Seen::Good("rejected, with a reason: a limit of the destination's".into()),
        None => Seen::Good(match scene.examined.script.lossy.as_ref().filter(|_| events.are_compared()) {
            Some(why) => format!("{}, of which not all arrives: {why}", counted(members.len())),
            None => counted(members.len()),
        }),
    }
}

async fn missing_empty(scene: Scene<'_>, call: &Call, members: &[ClaimedDelivery], sent: &[Received]) -> Option<Seen> {
    if scene.unseen().is_some() {
        return None;
    }
    if sent.is_empty() {
        let happened = "the events are called delivered, and nothing was sent";
        let next = "an event without data is an event: send it, or reject it";
        return Some(scene.bad("a request for what is called delivered", happened, next));
    }
    arrived::missing_unmarked(scene, call, members, sent).await
}

/// That the data of an event arrived, but not as it was.
fn changed(scene: Scene<'_>, events: Events, call: &Call, sent: &[Received]) -> Option<Seen> {
    let is_looked_into = scene.unseen().is_none() && scene.examined.script.lossy.is_none();
    if !is_looked_into || arrived::unreadable(scene).is_some() {
        return None;
    }
    let said = arrived::said(sent);
    let arrived = events::numbers_in(&said);
    let next = "pass an event's data on byte for byte; if it is only meant to be shown, say so in the script: `lossy`";
    let (number, is_whole, expected) = match events {
        Events::Unicode => (1, events::has_unicode(&said), "the text of the event, in UTF-8 or escaped as in JSON"),
        Events::Binary => {
            let digits = events::LONG_NUMBER.as_bytes();
            (events::LONG_NUMBER_IN, play::contains(&said, digits), "every digit of a number of 30 digits")
        }
        Events::Largest => (1, arrived.contains(&events::LAST), "the text of the event to its end"),
        _ => return None,
    };
    if !arrived.contains(&number) || is_whole || call.outcomes.get(number - 1) != Some(&Outcome::Delivered) {
        return None;
    }
    Some(scene.bad(expected, format!("event {number} was sent, and that is not in it"), next))
}

fn counted(events: usize) -> String {
    if events == 1 { "1 event".to_owned() } else { format!("{events} events") }
}

fn next(scene: Scene<'_>) -> String {
    match scene.reach {
        Reach::Http => {
            "the kit answered 200 with {} unless the script says otherwise: describe a good answer in `answers`".into()
        }
        _ => "the real server behind the relay took it otherwise: see its log".into(),
    }
}

fn members(scene: Scene<'_>, events: Events) -> Vec<ClaimedDelivery> {
    let (whose, sources) = (&scene.stage.whose, scene.stage.sources());
    let made = match events {
        Events::Count(count) => return scene.batch(count),
        Events::Most => return scene.batch(scene.events_max()),
        Events::Unicode => events::unicode(whose, &sources),
        Events::Empty => events::empty(whose, &sources),
        Events::Binary => events::binary(whose, &sources),
        Events::Largest => events::largest(whose, &sources),
    };
    scene.fitting(made)
}

/// A batch to a side that behaves as it should.
async fn well(scene: Scene<'_>, members: &[ClaimedDelivery]) -> Result<Call, Seen> {
    scene.stage.begin(scene.example, Manner::Well);
    let mut actor = scene.stage.open(scene.example).await.map_err(|failure| scene.not_open(&failure))?;
    Ok(actor.deliver(1, members).await)
}

/// Whether everything was sent that is called delivered.
pub(super) async fn arrival(scene: Scene<'_>) -> Seen {
    if let Some(untried) = scene.unseen() {
        return untried;
    }
    let members = scene.batch(ARRIVING);
    let call = match well(scene, &members).await {
        Ok(call) => call,
        Err(untried) => return untried,
    };
    let sent = arrived::sent(scene);
    if let Some(missing) = arrived::missing(scene, &call, &sent) {
        return missing;
    }
    if let Some(why) = arrived::unreadable(scene) {
        return Seen::Untried(why);
    }
    if call.failure().is_some() {
        return Seen::Untried("not everything is delivered; see the check `deliver-100`".into());
    }
    Seen::Good(format!("{} in {} requests", counted(members.len()), sent.len()))
}

/// Whether each event gets its own outcome, one of them refused.
pub(super) async fn outcomes(scene: Scene<'_>) -> Seen {
    if let Some(untried) = scene.nobody_there() {
        return untried;
    }
    for count in [1, 2, 7] {
        let members = scene.batch(count);
        let call = match well(scene, &members).await {
            Ok(call) => call,
            Err(untried) => return untried,
        };
        if let Some(broke) = call.broke() {
            return scene.broken(format!("{count} outcomes for {count} events"), broke);
        }
    }
    if scene.unseen().is_some() {
        return Seen::Good("one outcome for each event; refusing one of several needs the kit's own server".into());
    }
    match one_refused(scene).await {
        Seen::Good(told) => one_item_refused(scene).await.unwrap_or(Seen::Good(told)),
        other => other,
    }
}

/// One of several events is refused within an answer that takes the others, if the script has such answers.
async fn one_item_refused(scene: Scene<'_>) -> Option<Seen> {
    let script = &scene.examined.script;
    let members = scene.batch(MIXED);
    let marker = events::marker(REFUSED);
    if members.len() < MIXED || script.answers.iter().all(|rule| rule.refused_body.is_none()) {
        return None;
    }
    scene.stage.begin(scene.example, Manner::RefusingItem(marker.clone()));
    let mut actor = match scene.stage.open(scene.example).await {
        Ok(actor) => actor,
        Err(failure) => return Some(scene.not_open(&failure)),
    };
    let call = actor.deliver(1, &members).await;
    let expected = format!("event {REFUSED} of {MIXED} not delivered and the others delivered, as the answer says");
    if let Some(broke) = call.broke() {
        return Some(scene.broken(expected, broke));
    }
    let sent = scene.stage.take_received();
    let has_answer = |one: &&Received| script.rule(one).is_some_and(|rule| rule.refused_body.is_some());
    sent.iter().filter(has_answer).find(|one| one.mentions(&marker))?;
    let arrived = events::numbers_in(&arrived::said(&sent));
    for (index, outcome) in call.outcomes.iter().enumerate() {
        let (number, is_delivered) = (index + 1, *outcome == Outcome::Delivered);
        let should_be = number != REFUSED && arrived.contains(&number);
        if is_delivered != should_be {
            let next = "read what the answer says of each event; a 2xx alone is not a success for all of them";
            return Some(scene.bad(expected, called(number, is_delivered), next));
        }
    }
    Some(Seen::Good("one outcome for each event, the right one when an answer refuses one of several".into()))
}

/// One of several events is refused by the other side.
async fn one_refused(scene: Scene<'_>) -> Seen {
    let members = scene.batch(MIXED);
    if members.len() < MIXED {
        return Seen::Good("one outcome for each event".into());
    }
    let marker = events::marker(REFUSED);
    scene.stage.begin(scene.example, Manner::Refusing(marker.clone()));
    let mut actor = match scene.stage.open(scene.example).await {
        Ok(actor) => actor,
        Err(failure) => return scene.not_open(&failure),
    };
    let call = actor.deliver(1, &members).await;
    let expected = format!("event {REFUSED} of {MIXED} not delivered, since it was refused with 413");
    if let Some(broke) = call.broke() {
        return scene.broken(expected, broke);
    }
    let sent = scene.stage.take_received();
    let refused: Vec<&Received> = sent.iter().filter(|one| one.mentions(&marker)).collect();
    if refused.is_empty() {
        return Seen::Good("one outcome for each event".into());
    }
    let together: BTreeSet<usize> = refused.iter().flat_map(|one| events::numbers_in(&one.says())).collect();
    let arrived = events::numbers_in(&arrived::said(&sent));
    for (index, outcome) in call.outcomes.iter().enumerate() {
        let (number, is_delivered) = (index + 1, *outcome == Outcome::Delivered);
        // One that was not sent at all waits until what stands before it is settled.
        let wrong = match (number == REFUSED, together.contains(&number)) {
            (true, _) => is_delivered,
            (false, true) => false,
            (false, false) => is_delivered != arrived.contains(&number),
        };
        if wrong {
            return scene.bad(expected, called(number, is_delivered), "give outcomes in the order of the events");
        }
    }
    Seen::Good("one outcome for each event, the right one when one of several is refused".into())
}

fn called(number: usize, is_delivered: bool) -> String {
    format!("event {number} is {}", if is_delivered { "called delivered" } else { "not delivered" })
}
