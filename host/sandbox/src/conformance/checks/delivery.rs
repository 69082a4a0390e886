//! Are events delivered, whatever is in them, and does each get its own outcome?

use freehold_model::delivery::ClaimedDelivery;
use freehold_model::{ErrorKind, Outcome};

use super::{Events, Scene};
use crate::conformance::events;
use crate::conformance::example::Reach;
use crate::conformance::play::Manner;
use crate::conformance::received::Received;
use crate::conformance::stage::Call;
use crate::conformance::verdict::{Seen, broken, in_words};
use crate::conformance::{Examined, play};

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
    let call = match well(scene, &members).await {
        Ok(call) => call,
        Err(untried) => return untried,
    };
    let expected = format!("{} delivered", counted(members.len()));
    if let Some(broke) = call.broke() {
        return broken(scene.check, &scene.example.name, &expected, broke);
    }
    let mut rejected = 0;
    for (index, outcome) in call.outcomes.iter().enumerate() {
        match outcome {
            Outcome::Delivered => {}
            Outcome::Failed(failure) if failure.kind == ErrorKind::Rejected && events == Events::Largest => {
                rejected += 1
            }
            Outcome::Failed(failure) => {
                let happened = format!("event {} of {}: {}", index + 1, members.len(), in_words(failure));
                return Seen::bad(&scene.example.name, expected, happened, next(scene));
            }
        }
    }
    if let Some(lost) = lost_text(scene, events) {
        return lost;
    }
    match (events, rejected) {
        (Events::Largest, 1) => Seen::Good("rejected, with a reason: a limit of the destination's".into()),
        _ => Seen::Good(counted(members.len())),
    }
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

/// That text arrived changed.
fn lost_text(scene: Scene<'_>, events: Events) -> Option<Seen> {
    if events != Events::Unicode || scene.unseen().is_some() {
        return None;
    }
    let said = all_that_was_said(&scene.stage.take_received());
    if events::numbers_in(&said).is_empty() || events::has_unicode(&said) {
        return None;
    }
    Some(Seen::bad(
        &scene.example.name,
        "the text of the event, in UTF-8 or escaped as in JSON",
        "the event arrived, and its text is not in it",
        "pass an event's data on byte for byte",
    ))
}

fn members(scene: Scene<'_>, events: Events) -> Vec<ClaimedDelivery> {
    let (whose, sources) = (&scene.stage.whose, scene.stage.sources());
    let most = usize::try_from(scene.examined.destination_type.manifest().batch.events).unwrap_or(1);
    match events {
        Events::Count(count) => events::ordinary(whose, &sources, count.min(most)),
        Events::Most => events::ordinary(whose, &sources, most),
        Events::Unicode => fitting(events::unicode(whose, &sources), most),
        Events::Empty => fitting(events::empty(whose, &sources), most),
        Events::Binary => fitting(events::binary(whose, &sources), most),
        Events::Largest => events::largest(whose, &sources),
    }
}

fn fitting(mut members: Vec<ClaimedDelivery>, most: usize) -> Vec<ClaimedDelivery> {
    members.truncate(most);
    members
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
    if scene.examined.script.readable == Some(false) {
        return Seen::Untried("the script says that data cannot be read in what is sent".into());
    }
    let members = members(scene, Events::Count(ARRIVING));
    let call = match well(scene, &members).await {
        Ok(call) => call,
        Err(untried) => return untried,
    };
    let expected = format!("the data of {} events in what was sent", members.len());
    let sent = scene.stage.take_received();
    let sent: Vec<Received> = sent.into_iter().filter(|received| !received.is_setup).collect();
    let arrived = events::numbers_in(&all_that_was_said(&sent));
    let delivered = |number: &usize| call.outcomes.get(number - 1) == Some(&Outcome::Delivered);
    let missing: Vec<usize> =
        (1..=members.len()).filter(delivered).filter(|number| !arrived.contains(number)).collect();
    if call.failure().is_some() && missing.is_empty() {
        return Seen::Untried("not everything is delivered; see the check `deliver-100`".into());
    }
    match missing.first() {
        None => Seen::Good(format!("{} in {} requests", counted(members.len()), sent.len())),
        Some(_) if arrived.is_empty() && !sent.is_empty() && scene.examined.script.readable.is_none() => Seen::Untried(
            "no event's data was found in what was sent; the script says `readable` false when they are packed or encrypted"
                .into(),
        ),
        Some(first) => Seen::bad(
            &scene.example.name,
            expected,
            format!("{} are called delivered and were not sent; the first is event {first}", missing.len()),
            "an event is delivered only when the other side has confirmed it",
        ),
    }
}

fn all_that_was_said(received: &[Received]) -> Vec<u8> {
    received.iter().flat_map(Received::says).collect()
}

/// Whether each event gets its own outcome, one of them refused.
pub(super) async fn outcomes(scene: Scene<'_>) -> Seen {
    if let Some(untried) = scene.nobody_there() {
        return untried;
    }
    for count in [1, 2, 7] {
        let members = members(scene, Events::Count(count));
        let call = match well(scene, &members).await {
            Ok(call) => call,
            Err(untried) => return untried,
        };
        if let Some(broke) = call.broke() {
            return broken(scene.check, &scene.example.name, &format!("{count} outcomes for {count} events"), broke);
        }
    }
    if scene.unseen().is_some() {
        return Seen::Good("one outcome for each event; refusing one of several needs the kit's own server".into());
    }
    one_refused(scene).await
}

/// One of several events is refused by the other side.
async fn one_refused(scene: Scene<'_>) -> Seen {
    let members = members(scene, Events::Count(MIXED));
    if members.len() < MIXED {
        return Seen::Good("one outcome for each event".into());
    }
    scene.stage.begin(scene.example, Manner::Refusing(events::marker(REFUSED)));
    let mut actor = match scene.stage.open(scene.example).await {
        Ok(actor) => actor,
        Err(failure) => return scene.not_open(&failure),
    };
    let call = actor.deliver(1, &members).await;
    let expected = format!("event {REFUSED} of {MIXED} not delivered, since it was refused with 413");
    if let Some(broke) = call.broke() {
        return broken(scene.check, &scene.example.name, &expected, broke);
    }
    let sent = scene.stage.take_received();
    let refused: Vec<&Received> =
        sent.iter().filter(|one| play::contains(&one.says(), events::marker(REFUSED).as_bytes())).collect();
    if refused.is_empty() {
        return Seen::Good("one outcome for each event".into());
    }
    let together =
        refused.iter().flat_map(|one| events::numbers_in(&one.says())).collect::<std::collections::BTreeSet<_>>();
    for (index, outcome) in call.outcomes.iter().enumerate() {
        let (number, is_delivered) = (index + 1, *outcome == Outcome::Delivered);
        let wrong = match (number == REFUSED, together.contains(&number)) {
            (true, _) => is_delivered,
            (false, true) => false,
            (false, false) => !is_delivered,
        };
        if wrong {
            let word = if is_delivered { "called delivered" } else { "not delivered" };
            let happened = format!("event {number} is {word}");
            return Seen::bad(&scene.example.name, expected, happened, "give outcomes in the order of the events");
        }
    }
    Seen::Good("one outcome for each event, the right one when one of several is refused".into())
}

/// Calls anywhere that gave another number of outcomes.
pub(super) fn look_back(examined: &Examined) -> Vec<Seen> {
    let wrong = examined.ledger.all().into_iter().find_map(|entry| {
        let broke = entry.broke.filter(|broke| broke.code == "plugin-wrong-answer")?;
        Some(Seen::bad(&entry.what, "as many outcomes as events", broke.message, "give one outcome for each event"))
    });
    wrong.into_iter().collect()
}
