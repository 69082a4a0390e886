//! Does each failure of the other side become the right kind of error?

use std::collections::BTreeSet;

use freehold_model::delivery::ClaimedDelivery;
use freehold_model::{ErrorKind, Failure, Outcome};

use super::{Scene, arrived};
use crate::conformance::events;
use crate::conformance::example::Reach;
use crate::conformance::fault::{Fault, RETRY_AFTER_S};
use crate::conformance::play::Manner;
use crate::conformance::received::Received;
use crate::conformance::script::FaultRule;
use crate::conformance::stage::Call;
use crate::conformance::verdict::{Seen, in_words};

/// Events of the batch that meets the fault.
const EVENTS: usize = 3;
/// How often a wait is waited out again.
const TRIES_MORE: usize = 3;

/// What ought to come of a fault.
struct Expected<'a> {
    fault: Fault,
    kinds: Vec<&'a str>,
    why: Option<&'a str>,
    retry_after_ms: Option<u64>,
}

impl<'a> Expected<'a> {
    fn new(fault: Fault, rule: Option<&'a FaultRule>) -> Self {
        let listed = rule.and_then(|rule| rule.kinds.as_ref());
        let kinds = match listed {
            Some(kinds) => kinds.iter().map(String::as_str).collect(),
            None => fault.usual().to_vec(),
        };
        let header = rule.and_then(|rule| rule.answer.as_ref()).and_then(|answer| {
            answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after")).map(|(_, value)| value)
        });
        let seconds = match header {
            Some(value) => value.trim().parse().ok(),
            None if fault == Fault::Status(429) => Some(RETRY_AFTER_S),
            None => None,
        };
        let why = rule.and_then(|rule| rule.why.as_deref());
        Expected { fault, kinds, why, retry_after_ms: seconds.map(|seconds: u64| seconds * 1000) }
    }

    fn in_words(&self) -> String {
        let kinds: Vec<String> = self
            .kinds
            .iter()
            .map(|kind| if *kind == "delivered" { (*kind).into() } else { format!("kind {kind}") })
            .collect();
        let when = self.fault.in_words();
        match self.why {
            Some(why) => format!("{} when {when} ({why})", kinds.join(" or ")),
            None => format!("{} when {when}", kinds.join(" or ")),
        }
    }
}

/// Has the other side fail in this way.
pub(super) async fn check(scene: Scene<'_>, fault: Fault) -> Seen {
    if let Some(untried) = cannot_be_tried(scene, fault) {
        return untried;
    }
    let members = scene.batch(EVENTS);
    let (mut call, mut arrived) = match meet(scene, fault, &members).await {
        Ok(met) => met,
        Err(untried) => return untried,
    };
    // On a busy machine the door may lose its patience before the request is out.
    for _ in 0..TRIES_MORE {
        let is_early =
            fault == Fault::Timeout && *scene.reach == Reach::Http && arrived.is_empty() && call.broke().is_none();
        if is_early && let Ok(met) = meet(scene, fault, &members).await {
            (call, arrived) = met;
        }
    }
    let expected = Expected::new(fault, scene.examined.script.faults.get(fault.name()));
    if let Some(broke) = call.broke() {
        return scene.broken(expected.in_words(), broke);
    }
    if fault == Fault::Tls && scene.stage.handshakes() == 0 {
        return Seen::Untried("it makes no connection that begins with TLS".into());
    }
    if *scene.reach == Reach::Http && arrived.is_empty() && !fault.is_before_the_request() {
        let happened = format!("nothing was sent at all; the events are {}", outcomes_in_words(&call));
        return scene.bad(expected.in_words(), happened, "see the check `deliver-1` first");
    }
    judge(scene, &expected, &call, &Arrived::of(&arrived))
}

/// What of a batch arrived.
struct Arrived {
    /// Whether anything did.
    any: bool,
    /// The events whose data was found; none as well when it cannot be found in what this type sends.
    events: BTreeSet<usize>,
}

impl Arrived {
    fn of(received: &[Received]) -> Arrived {
        Arrived { any: !received.is_empty(), events: events::numbers_in(&arrived::said(received)) }
    }

    /// Whether the event of that number was held back: what met the fault was other events.
    fn lacks(&self, number: usize) -> bool {
        !self.events.is_empty() && !self.events.contains(&number)
    }
}

/// What comes of a batch, and what of it arrived.
async fn meet(scene: Scene<'_>, fault: Fault, members: &[ClaimedDelivery]) -> Result<(Call, Vec<Received>), Seen> {
    scene.stage.begin(scene.example, Manner::Faulty(fault));
    let mut actor = scene.stage.open(scene.example).await.map_err(|failure| scene.not_open(&failure))?;
    let call = actor.deliver(1, members).await;
    Ok((call, arrived::sent(scene)))
}

fn cannot_be_tried(scene: Scene<'_>, fault: Fault) -> Option<Seen> {
    if *scene.reach != Reach::Http && !fault.is_of_the_connection() {
        if fault == Fault::Slow {
            return Some(Seen::Untried("a slow answer needs one who speaks the protocol".into()));
        }
        return Some(Seen::Untried("it is an answer in HTTP, and the type speaks a protocol of its own".into()));
    }
    None
}

fn outcomes_in_words(call: &Call) -> String {
    call.failure().map_or_else(|| "called delivered".to_owned(), |(_, failure)| in_words(failure))
}

fn judge(scene: Scene<'_>, expected: &Expected<'_>, call: &Call, arrived: &Arrived) -> Seen {
    let example = &scene.example.name;
    for (index, outcome) in call.outcomes.iter().enumerate() {
        let (kind, failure) = match outcome {
            Outcome::Delivered => ("delivered", None),
            Outcome::Failed(failure) => (failure.kind.as_str(), Some(failure)),
        };
        let is_held_back = arrived.lacks(index + 1);
        if is_held_back && failure.is_none() {
            let happened = format!("event {} is called delivered, and was not sent", index + 1);
            return scene.bad(expected.in_words(), happened, expected.fault.advice());
        }
        // Whoever stops at the first failure has the others tried again.
        let waits = is_held_back && kind == ErrorKind::Transient.as_str();
        if !expected.kinds.contains(&kind) && !waits {
            let happened = failure.map_or_else(|| "the events are called delivered".to_owned(), in_words);
            return scene.bad(expected.in_words(), happened, expected.fault.advice());
        }
        let Some(failure) = failure.filter(|_| !is_held_back) else { continue };
        if let Some(wrong) = wrong_wait(example, expected, failure) {
            return wrong;
        }
    }
    wrong_sent(example, expected, call, arrived).unwrap_or_else(|| Seen::Good(summary(call)))
}

/// That the other side's wish for when to try again got lost.
fn wrong_wait(example: &str, expected: &Expected<'_>, failure: &Failure) -> Option<Seen> {
    let wanted = expected.retry_after_ms?;
    if failure.kind != ErrorKind::Throttled || failure.retry_after_ms == Some(wanted) {
        return None;
    }
    let happened = match failure.retry_after_ms {
        Some(ms) => format!("retry-after-ms is {ms}"),
        None => "retry-after-ms is not set".to_owned(),
    };
    let expected = format!("retry-after-ms {wanted}, as the destination asked for");
    Some(Seen::bad(example, expected, happened, "read the answer's retry-after header, and hand it on in the error"))
}

/// That errors say something implausible of whether the events may have arrived.
fn wrong_sent(example: &str, expected: &Expected<'_>, call: &Call, arrived: &Arrived) -> Option<Seen> {
    let next = "hand on `request-sent` of the host's error; set it when an answer came";
    let failures: Vec<(usize, &Failure)> = call.failures().collect();
    if expected.fault.is_before_the_request()
        && !arrived.any
        && failures.iter().any(|(_, failure)| failure.request_sent)
    {
        let happened = "request-sent is true, and no request can have been sent";
        return Some(Seen::bad(example, "request-sent false: there was no connection", happened, next));
    }
    let is_retried = |kind| matches!(kind, ErrorKind::Transient | ErrorKind::Throttled);
    let retried: Vec<_> = failures.into_iter().filter(|(_, failure)| is_retried(failure.kind)).collect();
    let is_silent = |(_, failure): &(usize, &Failure)| !failure.request_sent;
    let is_wrong = match arrived.events.is_empty() {
        // Which of them arrived cannot be seen.
        true => arrived.any && !retried.is_empty() && retried.iter().all(is_silent),
        false => retried.iter().filter(|(number, _)| !arrived.lacks(*number)).any(is_silent),
    };
    let happened = "request-sent is false, although the request arrived";
    is_wrong.then(|| Seen::bad(example, "request-sent true: the events may have arrived", happened, next))
}

fn summary(call: &Call) -> String {
    match call.failure() {
        None => "delivered".to_owned(),
        Some((_, failure)) => match failure.retry_after_ms {
            Some(ms) => format!("{} ({}), again after {ms} ms", failure.kind.as_str(), failure.code),
            None => format!("{} ({})", failure.kind.as_str(), failure.code),
        },
    }
}
