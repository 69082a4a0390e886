//! Which checks are there, what does each ask for, and in which order are they made?

mod arrived;
mod budget;
mod configs;
mod delivery;
mod faults;
mod manifest;
mod repetition;
mod secrets;
mod verify;

use std::time::Instant;

use freehold_model::Failure;
use freehold_model::delivery::ClaimedDelivery;

use super::Examined;
use super::events;
use super::example::{Example, Reach};
use super::fault::Fault;
use super::report::{Checked, Verdict};
use super::stage::Stage;
use super::verdict::{self, Seen, verdict};

/// One check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Check {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it asks for.
    pub(crate) asks: &'static str,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Manifest,
    Open,
    Broken,
    Deliver(Events),
    Arrival,
    Outcomes,
    Fault(Fault),
    Deterministic,
    Retry,
    Secrets,
    Verify,
    VerifyRefused,
    VerifyClean,
    Budget,
}

/// Which events are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Events {
    Count(usize),
    /// As many as the manifest allows.
    Most,
    Unicode,
    Empty,
    Binary,
    Largest,
}

impl Events {
    /// Whether it is looked at how they arrive, beside that they do.
    fn are_compared(self) -> bool {
        matches!(self, Events::Unicode | Events::Binary | Events::Largest)
    }
}

const fn check(name: &'static str, asks: &'static str, what: What) -> Check {
    Check { name, asks, what }
}

/// The checks, in their order, without those of the faults.
const BEFORE: [Check; 11] = [
    check("manifest", "the manifest is complete and its schemas are valid", What::Manifest),
    check("open", "it opens with every example, and sends nothing yet", What::Open),
    check("broken-configs", "it refuses each broken config with an error that names the field", What::Broken),
    check("deliver-1", "it delivers one event", What::Deliver(Events::Count(1))),
    check("deliver-100", "it delivers 100 events", What::Deliver(Events::Count(100))),
    check("deliver-max", "it delivers as many events as its manifest allows", What::Deliver(Events::Most)),
    check("unicode", "it delivers text in any script, in data and metadata", What::Deliver(Events::Unicode)),
    check("empty", "it delivers events with nothing in them", What::Deliver(Events::Empty)),
    check("binary", "it delivers events whose data is hardly text", What::Deliver(Events::Binary)),
    check("largest", "it delivers the largest event, or rejects it", What::Deliver(Events::Largest)),
    check("arrival", "what it calls delivered has been sent", What::Arrival),
];
const AFTER: [Check; 8] = [
    check("outcomes", "it gives one outcome for each event, to the event that it belongs to", What::Outcomes),
    check("deterministic", "it sends the same bytes at the same time with the same randomness", What::Deterministic),
    check("retry", "a batch that comes twice is recognised as the same", What::Retry),
    check("verify", "verify works", What::Verify),
    check("verify-refused", "verify fails with kind auth when the credential is refused", What::VerifyRefused),
    check("verify-clean", "verify leaves nothing behind that is not marked as a test", What::VerifyClean),
    check("secrets", "no secret is told in logs and errors", What::Secrets),
    check("budget", "it keeps within its memory and CPU time, batch after batch", What::Budget),
];

/// Every check, in the order in which they are told.
pub(crate) fn all() -> Vec<Check> {
    let faults = Fault::ALL.into_iter().map(|fault| check(fault.check(), fault.asks(), What::Fault(fault)));
    BEFORE.into_iter().chain(faults).chain(AFTER).collect()
}

/// Looks at all that was done, once it is: whatever the check that it was done for.
pub(crate) fn look_back(examined: &Examined, made: &mut [Checked]) {
    verdict::complete(examined, made);
    let secrets = made.iter_mut().find(|checked| checked.check == "secrets" && examined.made.contains("secrets"));
    if let Some((checked, finding)) = secrets.zip(secrets::told(examined)) {
        checked.fail(finding);
    }
}

impl Check {
    /// Whether it needs a door that loses its patience soon.
    pub(crate) fn needs_impatience(self) -> bool {
        matches!(self.what, What::Fault(fault) if fault.needs_impatience())
    }

    /// Makes the check.
    pub(crate) async fn make(self, examined: &Examined, stage: &Stage) -> Checked {
        let began = Instant::now();
        stage.enter(self.name);
        let verdict = match examined.script.skip.get(self.name) {
            Some(reason) => Verdict::Skipped { reason: format!("the script leaves it out: {reason}") },
            None => self.judge(examined, stage).await,
        };
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Checked { check: self.name, asks: self.asks, verdict, took_ms }
    }

    async fn judge(self, examined: &Examined, stage: &Stage) -> Verdict {
        if self.what == What::Manifest {
            return verdict(manifest::check(examined));
        }
        let mut seen = Vec::new();
        for example in &examined.examples {
            seen.push(self.try_with(examined, stage, example).await);
        }
        if self.what == What::Broken {
            seen.extend(configs::listed(examined, stage).await);
        }
        verdict(seen)
    }

    async fn try_with(self, examined: &Examined, stage: &Stage, example: &Example) -> Seen {
        let reach = examined.reach(example);
        if let Reach::Nowhere(why) = &reach
            && self.what != What::Open
        {
            return Seen::Untried(format!("`{}` leads nowhere: {why}", example.name));
        }
        let seen = Scene { examined, stage, example, reach: &reach, check: self.name };
        match self.what {
            What::Manifest => Seen::Untried(String::new()),
            What::Open => configs::open(seen).await,
            What::Broken => configs::broken(seen),
            What::Deliver(events) => delivery::deliver(seen, events).await,
            What::Arrival => delivery::arrival(seen).await,
            What::Outcomes => delivery::outcomes(seen).await,
            What::Fault(fault) => faults::check(seen, fault).await,
            What::Deterministic => repetition::deterministic(seen).await,
            What::Retry => repetition::retry(seen).await,
            What::Secrets => secrets::check(seen).await,
            What::Verify => verify::works(seen).await,
            What::VerifyRefused => verify::refused(seen).await,
            What::VerifyClean => verify::clean(seen).await,
            What::Budget => budget::check(seen).await,
        }
    }
}

/// One check with one example.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) examined: &'a Examined,
    pub(crate) stage: &'a Stage,
    pub(crate) example: &'a Example,
    pub(crate) reach: &'a Reach,
    pub(crate) check: &'static str,
}

impl Scene<'_> {
    /// So many ordinary events, or as many as the host would hand over at once.
    pub(crate) fn batch(&self, count: usize) -> Vec<ClaimedDelivery> {
        self.fitting(events::ordinary(&self.stage.whose, &self.stage.sources(), count))
    }

    /// As many of these as the host would hand over at once.
    pub(crate) fn fitting(&self, members: Vec<ClaimedDelivery>) -> Vec<ClaimedDelivery> {
        events::fitting(members, self.events_max(), self.bytes_max())
    }

    /// Events of a batch, as the manifest has it.
    pub(crate) fn events_max(&self) -> usize {
        usize::try_from(self.examined.destination_type.manifest().batch.events).unwrap_or(1)
    }

    /// Bytes of data of a batch, as the manifest has it.
    pub(crate) fn bytes_max(&self) -> usize {
        usize::try_from(self.examined.destination_type.manifest().batch.bytes).unwrap_or(usize::MAX)
    }

    /// The plugin itself broke.
    pub(crate) fn broken(&self, expected: impl Into<String>, broke: &Failure) -> Seen {
        verdict::broken(self.examined, self.check, &self.example.name, expected, broke)
    }

    /// It is not as it should be.
    pub(crate) fn bad(
        &self,
        expected: impl Into<String>,
        happened: impl Into<String>,
        next: impl Into<String>,
    ) -> Seen {
        Seen::bad(&self.example.name, expected, happened, next)
    }

    /// Why deliveries cannot be tried: nobody speaks the protocol.
    pub(crate) fn nobody_there(&self) -> Option<Seen> {
        let Reach::Alone(endpoints) = self.reach else { return None };
        let endpoint = endpoints.first().map_or("HOST:PORT", String::as_str);
        Some(Seen::Untried(format!(
            "it speaks a protocol of its own, and nobody answers: give a real server with --relay {endpoint}=ADDRESS"
        )))
    }

    /// Why it cannot be seen what arrives.
    pub(crate) fn unseen(&self) -> Option<Seen> {
        match self.reach {
            Reach::Http => None,
            Reach::Relayed => {
                Some(Seen::Untried("what a real server receives behind a relay is not looked into".into()))
            }
            _ => self.nobody_there(),
        }
    }

    /// Why a call came to nothing because the example does not open.
    pub(crate) fn not_open(&self, failure: &freehold_model::Failure) -> Seen {
        Seen::Untried(format!("`{}` does not open ({}); see the check `open`", self.example.name, failure.code))
    }
}
