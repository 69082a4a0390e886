//! Does a component keep the contract? The conformance kit: it runs any destination type as the host does, plays the other side
//! to it, well and badly, and looks at what it makes of that.
//!
//! `checks` says what is looked at and in which order, with a file for each kind of check. `stage` is where it runs: the
//! real sandbox and the real egress door, whose ways (`road`) all lead to servers of the kit's (`peer`, `play`) under a root
//! made for the occasion (`authority`). [`script`] is what the author of a type can say about the other side, [`report`]
//! what comes of it all. Nothing leaves this machine.

mod authority;
mod checks;
mod events;
mod example;
mod fault;
mod ledger;
mod peer;
mod play;
mod received;
pub mod report;
mod road;
pub mod script;
mod sources;
mod stage;
mod template;
mod verdict;
mod wire;

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use freehold_model::{Failure, Secret};

pub(crate) use self::ledger::Spent;
pub use self::report::{Checked, Finding, Peak, Report, Verdict};
pub use self::script::{InvalidScript, Script};

use self::checks::Check;
use self::example::{Example, Reach};
use self::ledger::Ledger;
use self::sources::Fixed;
use self::stage::{Stage, door_config};
use crate::destination_type::DestinationType;
use crate::limits::Limits;
use crate::sandbox::{Sandbox, SandboxConfig, SandboxError};

/// Instances alive at a time: one on each of the two stages of an examination, for a few of them.
const INSTANCES: u32 = 16;
/// A call that takes longer waits for something that does not come. In milliseconds.
const CALL_MS_MAX: u64 = 30_000;

/// How a component is to be examined.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// What its author says about the other side.
    pub script: Script,
    /// Real servers to pass through to, by the `host:port` of an example's endpoint.
    pub relays: HashMap<String, SocketAddr>,
    /// Certificates in PEM that are trusted as well: for real servers that end TLS themselves.
    pub roots: Vec<String>,
    /// The one check to make, instead of all.
    pub only: Option<String>,
}

/// A component that is to be examined, loaded once.
pub struct Candidate {
    sandbox: Sandbox,
    limits: Limits,
    /// The type, or why the host refuses it.
    loaded: Result<Arc<DestinationType>, String>,
}

/// Why a component cannot be examined at all.
#[derive(Debug, thiserror::Error)]
pub enum CannotExamine {
    /// The other side cannot be played.
    #[error("the other side cannot be played: {0}")]
    Stage(String),
    /// There is no such check.
    #[error("there is no check `{0}`: there are {names}", names = names())]
    UnknownCheck(String),
    /// There is no such endpoint to pass through from.
    #[error("{relay} is no endpoint of an example, so that nothing can be relayed from it: name one of {endpoints}")]
    UnknownEndpoint {
        /// The one that was named.
        relay: String,
        /// Those there are.
        endpoints: String,
    },
}

fn names() -> String {
    checks::all().iter().map(|check| check.name).collect::<Vec<_>>().join(", ")
}

/// Every check: its name, and what it asks for.
pub fn checks() -> Vec<(&'static str, &'static str)> {
    checks::all().into_iter().map(|check| (check.name, check.asks)).collect()
}

/// What is being examined, and what was found out so far.
pub(crate) struct Examined {
    pub(crate) destination_type: Arc<DestinationType>,
    pub(crate) script: Arc<Script>,
    pub(crate) examples: Vec<Example>,
    pub(crate) ledger: Arc<Ledger>,
    relays: HashMap<String, SocketAddr>,
    /// The checks that are made.
    made: BTreeSet<&'static str>,
}

impl Examined {
    /// The check that answers for a fault of the plugin's own which `check` came upon: the one that is for such faults, if that
    /// is made as well.
    pub(crate) fn answers_for(&self, broke: &Failure, check: &'static str) -> &'static str {
        verdict::is_for(broke).filter(|other| self.made.contains(other)).unwrap_or(check)
    }

    /// Looks for a relay that leads from nowhere.
    fn check_relays(&self) -> Result<(), CannotExamine> {
        let config = door_config();
        let policies: Vec<_> =
            self.examples.iter().filter_map(|example| example.policy(&self.destination_type, &config).ok()).collect();
        let leads = |relay: &str| policies.iter().any(|policy| road::fits(policy, relay));
        let Some(relay) = self.relays.keys().find(|relay| !leads(relay)) else { return Ok(()) };
        let endpoints: BTreeSet<String> =
            policies.iter().flat_map(|policy| policy.endpoints()).map(|endpoint| endpoint.authority()).collect();
        let endpoints = match endpoints.is_empty() {
            true => "those of an example, which is missing".to_owned(),
            false => endpoints.into_iter().collect::<Vec<_>>().join(", "),
        };
        Err(CannotExamine::UnknownEndpoint { relay: relay.clone(), endpoints })
    }

    /// How an example is spoken to.
    pub(crate) fn reach(&self, example: &Example) -> Reach {
        example.reach(&self.destination_type, &door_config(), &self.relays)
    }
}

impl Candidate {
    /// Loads a component as the host does. One that is refused can be examined too: its first check fails.
    ///
    /// # Errors
    /// When there is no sandbox to load it into.
    pub async fn load(component: Vec<u8>, limits: &Limits) -> Result<Candidate, SandboxError> {
        let call_ms = limits.call_ms.min(CALL_MS_MAX);
        let limits = Limits { instances: INSTANCES, call_ms, ..limits.clone() };
        let config = SandboxConfig { limits: limits.clone(), always_fresh: true, ..SandboxConfig::default() };
        // Nothing that this key vouches for outlives the process.
        let sandbox = Sandbox::new(config, Secret::new(vec![0; 32]), Fixed::new().sources())?;
        let loaded = sandbox.load(component).await.map(Arc::new).map_err(|refusal| refusal.to_string());
        Ok(Candidate { sandbox, limits, loaded })
    }

    /// Examines it.
    ///
    /// # Errors
    /// When it cannot be tried at all.
    pub async fn examine(&self, wish: &Wish) -> Result<Report, CannotExamine> {
        let wanted = wanted(wish.only.as_deref())?;
        let script = Arc::new(wish.script.clone());
        let tried = self.loaded.clone().and_then(|kind| Ok((example::all(&kind, &script)?, kind)));
        let (examples, destination_type) = match tried {
            Ok(tried) => tried,
            Err(why) => return Ok(refused(&wanted, &why)),
        };
        let ledger = Arc::new(Ledger::default());
        let is_made = |check: &&Check| !script.skip.contains_key(check.name);
        let names = wanted.iter().filter(is_made).map(|check| check.name).collect();
        let relays = wish.relays.clone();
        let examined = Examined { destination_type, script, examples, ledger, relays, made: names };
        examined.check_relays()?;
        let made = make(&examined, &self.sandbox, wish, &wanted).await;
        let checks = made.map_err(|error| CannotExamine::Stage(error.to_string()))?;
        Ok(report(&examined, checks, &self.limits))
    }
}

fn wanted(only: Option<&str>) -> Result<Vec<Check>, CannotExamine> {
    let all = checks::all();
    let Some(only) = only else { return Ok(all) };
    let wanted: Vec<Check> = all.into_iter().filter(|check| check.name == only).collect();
    if wanted.is_empty() { Err(CannotExamine::UnknownCheck(only.to_owned())) } else { Ok(wanted) }
}

/// Makes the checks: beside the others those that wait for the door to lose its patience.
async fn make(
    examined: &Examined,
    sandbox: &Sandbox,
    wish: &Wish,
    wanted: &[Check],
) -> Result<Vec<Checked>, Box<dyn std::error::Error + Send + Sync>> {
    let stage = async |is_patient| {
        let (kind, script, ledger) = (&examined.destination_type, &examined.script, &examined.ledger);
        Stage::build(sandbox, kind, wish, script, ledger, is_patient).await
    };
    let (patient, impatient) = (stage(true).await?, stage(false).await?);
    let on = async |stage: &Stage, is_impatient: bool| {
        let mut made = Vec::new();
        for check in wanted.iter().filter(|check| check.needs_impatience() == is_impatient) {
            made.push(check.make(examined, stage).await);
        }
        made
    };
    let (mut made, waited) = tokio::join!(on(&patient, false), on(&impatient, true));
    made.extend(waited);
    checks::look_back(examined, &mut made);
    let place = |checked: &Checked| wanted.iter().position(|check| check.name == checked.check);
    made.sort_by_key(place);
    Ok(made)
}

fn report(examined: &Examined, checks: Vec<Checked>, limits: &Limits) -> Report {
    let spent: Vec<Spent> = examined.ledger.all().iter().map(|entry| entry.spent).collect();
    let manifest = examined.destination_type.manifest();
    let cpu = spent.iter().map(|spent| spent.cpu).max().unwrap_or_default();
    Report {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        digest: examined.destination_type.digest().to_owned(),
        examples: examined.examples.iter().map(|example| example.name.clone()).collect(),
        checks,
        peak: Peak {
            memory_bytes: spent.iter().map(|spent| spent.memory_bytes).max().unwrap_or(0),
            memory_bytes_max: examined.destination_type.memory_bytes(),
            cpu_ms: u64::try_from(cpu.as_millis()).unwrap_or(u64::MAX),
            cpu_ms_max: limits.cpu_ms,
        },
    }
}

/// The report on a component that cannot even be loaded.
fn refused(wanted: &[Check], why: &str) -> Report {
    let checked = |check: &Check| {
        let verdict = if check.name == "manifest" {
            Verdict::Failed {
                findings: vec![Finding {
                    example: "the component".into(),
                    expected: "a component that the host takes".into(),
                    happened: why.to_owned(),
                    next: "see docs/plugins.md for what a component and its manifest have".into(),
                }],
            }
        } else {
            Verdict::Skipped { reason: "the component cannot be loaded; see the check `manifest`".into() }
        };
        Checked { check: check.name, asks: check.asks, verdict, took_ms: 0 }
    };
    Report {
        name: String::new(),
        version: String::new(),
        digest: String::new(),
        examples: Vec::new(),
        checks: wanted.iter().map(checked).collect(),
        peak: Peak::default(),
    }
}
