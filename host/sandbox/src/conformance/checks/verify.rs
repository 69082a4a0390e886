//! Does `verify` find out whether deliveries would work, and leave nothing behind that anybody could take for an event?

use std::collections::BTreeSet;

use freehold_model::{ErrorKind, Failure};

use super::Scene;
use crate::conformance::example::Reach;
use crate::conformance::fault::Fault;
use crate::conformance::play::{Manner, contains};
use crate::conformance::received::Received;
use crate::conformance::verdict::{Seen, in_words};

/// Texts by which everybody knows a test.
const MARKS: [&str; 5] = ["freehold.test", "freehold-test", "freehold_test", "\"test\":true", "\"test\": true"];

async fn verify(scene: Scene<'_>, manner: Manner) -> Result<Result<(), Failure>, Seen> {
    scene.stage.begin(scene.example, manner);
    let mut actor = scene.stage.open(scene.example).await.map_err(|failure| scene.not_open(&failure))?;
    // For what is sent in `open` another check answers.
    scene.stage.take_received();
    Ok(actor.verify().await)
}

/// It works when the other side does.
pub(super) async fn works(scene: Scene<'_>) -> Seen {
    if let Some(untried) = scene.nobody_there() {
        // Whether it succeeds cannot be seen; that it fails can.
        return match fails_alone(scene).await {
            Seen::Bad(finding) => Seen::Bad(finding),
            _ => untried,
        };
    }
    let example = &scene.example.name;
    match verify(scene, Manner::Well).await {
        Err(untried) => return untried,
        Ok(Err(failure)) if failure.kind == ErrorKind::Plugin => {
            return scene.broken("verify succeeds", &failure);
        }
        Ok(Err(failure)) => {
            let next = "describe in the script's `answers` what a good answer to it looks like";
            return Seen::bad(example, "verify succeeds", in_words(&failure), next);
        }
        Ok(Ok(())) => {}
    }
    let asked = scene.stage.connections();
    if asked == 0 {
        return Seen::bad(example, "verify asks the other side", "it made no connection", "try what deliveries need");
    }
    fails_alone(scene).await
}

/// It fails when nobody is there.
async fn fails_alone(scene: Scene<'_>) -> Seen {
    let example = &scene.example.name;
    match verify(scene, Manner::Faulty(Fault::Refused)).await {
        Err(untried) => untried,
        Ok(Ok(())) => Seen::bad(
            example,
            "verify fails when nobody is there",
            "it succeeded",
            "hand on the error of what it tried",
        ),
        Ok(Err(failure)) if failure.kind == ErrorKind::Plugin => {
            scene.broken("an error when nobody is there", &failure)
        }
        Ok(Err(_)) => Seen::Good("succeeds, and fails when nobody is there".into()),
    }
}

/// It says so when the credential is refused.
pub(super) async fn refused(scene: Scene<'_>) -> Seen {
    if let Some(untried) = scene.unseen() {
        return untried;
    }
    let example = &scene.example.name;
    let expected = "an error of kind auth when the answer is 401";
    let next = "answer with an error of kind auth, so that whoever sets it up knows which field to correct";
    match verify(scene, Manner::Faulty(Fault::Status(401))).await {
        Err(untried) => untried,
        Ok(Ok(())) if scene.stage.connections() == 0 => {
            Seen::Untried("verify asks nobody; see the check `verify`".into())
        }
        Ok(Ok(())) => Seen::bad(example, expected, "verify succeeded", next),
        Ok(Err(failure)) if failure.kind == ErrorKind::Plugin => scene.broken(expected, &failure),
        Ok(Err(failure)) if failure.kind != ErrorKind::Auth => Seen::bad(example, expected, in_words(&failure), next),
        Ok(Err(failure)) => Seen::Good(format!("auth ({})", failure.code)),
    }
}

/// What it wrote is undone, or marked.
pub(super) async fn clean(scene: Scene<'_>) -> Seen {
    if let Some(untried) = scene.unseen() {
        return untried;
    }
    debug_assert_eq!(*scene.reach, Reach::Http);
    match verify(scene, Manner::Well).await {
        Err(untried) => return untried,
        Ok(Err(_)) => return Seen::Untried("verify does not succeed; see the check `verify`".into()),
        Ok(Ok(())) => {}
    }
    let rules = &scene.examined.script.verify;
    let received = scene.stage.take_received();
    let is_undoing = |one: &Received| rules.undone_by.iter().any(|undoing| undoing.covers(one));
    let undoes = |one: &Received, written: &Received| {
        let same = one.method == "DELETE" && (&one.host, &one.path) == (&written.host, &written.path);
        same || is_undoing(one)
    };
    // Each request undoes one that came before it.
    let mut used = BTreeSet::new();
    let (mut undone, mut marked) = (0, 0);
    for (place, written) in received.iter().enumerate() {
        let is_harmless = rules.harmless.iter().any(|known| known.covers(written)) || is_undoing(written);
        if written.is_setup || !written.is_write() || written.method == "DELETE" || is_harmless {
            continue;
        }
        let mut later = (place + 1..received.len()).filter(|later| !used.contains(later));
        if let Some(by) = later.find(|later| undoes(&received[*later], written)) {
            used.insert(by);
            undone += 1;
        } else if is_marked(written, &rules.marks) {
            marked += 1;
        } else {
            let happened = format!("{} stays, and nothing in it says that it is a test", written.in_words());
            let next =
                "undo it, or mark it with freehold.test; if it writes nothing, say so in the script: `verify.harmless`";
            return scene.bad("what verify writes is undone or marked as a test", happened, next);
        }
    }
    Seen::Good(match (undone, marked) {
        (0, 0) => "writes nothing".into(),
        (undone, 0) => format!("{undone} writes, undone"),
        (undone, marked) => format!("{} writes, {marked} of them marked as tests", undone + marked),
    })
}

fn is_marked(written: &Received, marks: &[String]) -> bool {
    let says = written.says();
    MARKS.iter().copied().chain(marks.iter().map(String::as_str)).any(|mark| contains(&says, mark.as_bytes()))
}
