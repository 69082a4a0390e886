//! Where does a type run while it is examined? In the real sandbox, behind a real door whose ways all lead to the kit.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use freehold_model::delivery::ClaimedDelivery;
use freehold_model::{BatchId, ErrorKind, Failure, Outcome, Sources};

use super::Wish;
use super::authority::Authority;
use super::events::Whose;
use super::example::Example;
use super::fault::Fault;
use super::ledger::{Ledger, Made};
use super::peer::Peers;
use super::play::{Manner, Play};
use super::received::Received;
use super::road::{Road, Way};
use super::script::Script;
use super::sources::Fixed;
use crate::destination_type::DestinationType;
use crate::egress::url::Scheme;
use crate::egress::{Door, EgressConfig, certificates_from_pem};
use crate::instance::{Assignment, Instance, InstanceKey};
use crate::sandbox::Sandbox;

/// What a door waits at most that is to lose its patience: short, since these waits are waited out.
const IMPATIENT_CONNECT: Duration = Duration::from_millis(500);
const IMPATIENT_TOTAL: Duration = Duration::from_millis(2_000);

/// A sandbox with the kit around it. Scenes on it follow one another.
pub(crate) struct Stage {
    sandbox: Sandbox,
    destination_type: Arc<DestinationType>,
    play: Arc<Play>,
    road: Arc<Road>,
    fixed: Arc<Fixed>,
    ledger: Arc<Ledger>,
    /// The check that is being made.
    check: Mutex<&'static str>,
    pub(crate) whose: Whose,
    _peers: Peers,
}

/// What one call came to.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// One for each event; when the call failed as a whole, its failure for each.
    pub(crate) outcomes: Vec<Outcome>,
}

impl Call {
    /// The failures, each with the number of its event.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (usize, &Failure)> {
        self.outcomes.iter().enumerate().filter_map(|(index, outcome)| match outcome {
            Outcome::Failed(failure) => Some((index + 1, failure)),
            Outcome::Delivered => None,
        })
    }

    /// The first failure, and the number of its event.
    pub(crate) fn failure(&self) -> Option<(usize, &Failure)> {
        self.failures().next()
    }

    /// What of the plugin itself broke.
    pub(crate) fn broke(&self) -> Option<&Failure> {
        self.failure().map(|(_, failure)| failure).filter(|failure| failure.kind == ErrorKind::Plugin)
    }
}

impl Stage {
    pub(crate) async fn build(
        sandbox: &Sandbox,
        destination_type: &Arc<DestinationType>,
        wish: &Wish,
        script: &Arc<Script>,
        ledger: &Arc<Ledger>,
        is_patient: bool,
    ) -> Result<Stage, Box<dyn Error + Send + Sync>> {
        let authority = Authority::new()?;
        let play = Play::new(Arc::clone(script));
        let peers = Peers::start(&play, &authority, &wish.relays).await?;
        let road = Arc::new(Road::default());
        road.lead(peers.http, peers.stream, peers.relays.clone());
        let mut config = EgressConfig { extra_roots: vec![authority.root()], ..door_config() };
        for pem in &wish.roots {
            config.extra_roots.extend(certificates_from_pem(pem.as_bytes())?);
        }
        if !is_patient {
            config.timeouts.connect = IMPATIENT_CONNECT;
            config.timeouts.total = IMPATIENT_TOTAL;
            config.timeouts.stream = IMPATIENT_TOTAL;
        }
        let door = Door::with_dialler(config, Arc::new(Way(Arc::clone(&road))), Arc::new(Way(Arc::clone(&road))));
        let fixed = Fixed::new();
        let whose = Whose::new(&fixed.sources())?;
        Ok(Stage {
            sandbox: sandbox.behind(door, fixed.sources()),
            destination_type: Arc::clone(destination_type),
            play,
            road,
            fixed,
            ledger: Arc::clone(ledger),
            check: Mutex::default(),
            whose,
            _peers: peers,
        })
    }

    /// From now on calls are made for this check.
    pub(crate) fn enter(&self, check: &'static str) {
        *self.check.lock().unwrap_or_else(PoisonError::into_inner) = check;
    }

    fn made<'a>(&self, what: &'a str, is_echo: bool) -> Made<'a> {
        Made { check: *self.check.lock().unwrap_or_else(PoisonError::into_inner), what, is_echo }
    }

    /// Begins a scene: from now on the other side behaves in this manner.
    pub(crate) fn begin(&self, example: &Example, manner: Manner) {
        let fault = match manner {
            Manner::Faulty(fault) => Some(fault),
            _ => None,
        };
        // An example whose endpoints cannot be read does not open; the check `open` says why.
        let policy = example.policy(&self.destination_type, self.sandbox.door().config()).unwrap_or_default();
        let begins = |scheme: Scheme| matches!(scheme, Scheme::Https | Scheme::Http | Scheme::Tls);
        let client_begins = policy.endpoints().iter().all(|endpoint| begins(endpoint.parts().0));
        self.road.begin(policy, fault);
        self.play.begin(manner, client_begins);
        self.set_time(0, 0);
    }

    /// Sets the clock to `later_ms` after the beginning, and the randomness to that of `seed`.
    pub(crate) fn set_time(&self, later_ms: i64, seed: u64) {
        self.fixed.set(later_ms, seed);
    }

    /// The fixed time, and randomness that the plugin does not see.
    pub(crate) fn sources(&self) -> Sources {
        Fixed::new().sources()
    }

    /// What was received since the scene began, or since this was last asked.
    pub(crate) fn take_received(&self) -> Vec<Received> {
        self.play.take()
    }

    /// Connections since the scene began.
    pub(crate) fn connections(&self) -> usize {
        self.play.connections()
    }

    /// Connections since the scene began that began with TLS.
    pub(crate) fn handshakes(&self) -> usize {
        self.play.handshakes()
    }

    /// Opens an instance with the example.
    pub(crate) async fn open(&self, example: &Example) -> Result<Actor<'_>, Failure> {
        let key = InstanceKey {
            tenant: self.whose.tenant.clone(),
            customer: self.whose.customer.clone(),
            destination: self.whose.destination.clone(),
            config_version: 1,
            credential_version: Some(1),
            digest: self.destination_type.digest().to_owned(),
        };
        let assignment = Assignment {
            key,
            destination_type: Arc::clone(&self.destination_type),
            config: &example.config,
            credential: example.fields(),
            beside: Vec::new(),
        };
        let what = format!("open with `{}`", example.name);
        match self.sandbox.start(assignment).await {
            Ok(instance) => {
                self.ledger.note(self.made(&what, false), &[], &Default::default(), instance.spent());
                Ok(Actor { stage: self, instance, example: example.name.clone() })
            }
            Err(ended) => {
                let outcome = [Outcome::Failed(ended.failure.clone())];
                self.ledger.note(self.made(&what, false), &outcome, &ended.report, Default::default());
                Err(ended.failure)
            }
        }
    }
}

/// An instance at work.
pub(crate) struct Actor<'s> {
    stage: &'s Stage,
    instance: Instance,
    example: String,
}

impl Actor<'_> {
    /// Delivers the batch that is always the same one.
    pub(crate) async fn deliver(&mut self, attempt: u32, members: &[ClaimedDelivery]) -> Call {
        self.deliver_as(&self.stage.whose.batch, attempt, members).await
    }

    /// Delivers a batch under this id.
    pub(crate) async fn deliver_as(&mut self, batch: &BatchId, attempt: u32, members: &[ClaimedDelivery]) -> Call {
        let (result, report) = self.instance.deliver(batch, attempt, members).await;
        let outcomes =
            result.unwrap_or_else(|failure| members.iter().map(|_| Outcome::Failed(failure.clone())).collect());
        let what = format!("deliver of {} events with `{}`", members.len(), self.example);
        self.note(&what, &outcomes, &report);
        Call { outcomes }
    }

    /// Verifies.
    pub(crate) async fn verify(&mut self) -> Result<(), Failure> {
        let (verdict, report) = self.instance.verify().await;
        let outcomes: Vec<Outcome> = verdict.clone().err().map(Outcome::Failed).into_iter().collect();
        let what = format!("verify with `{}`", self.example);
        self.note(&what, &outcomes, &report);
        verdict
    }

    /// Bytes that its memories have by now.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.instance.spent().memory_bytes
    }

    fn note(&self, what: &str, outcomes: &[Outcome], report: &freehold_model::attempt::AttemptReport) {
        let manner = self.stage.play.manner();
        // A server in the middle of another protocol may say back what it was told too.
        let is_echo = manner == Manner::Echoing || manner == Manner::Faulty(Fault::Garbage);
        self.stage.ledger.note(self.stage.made(what, is_echo), outcomes, report, self.instance.spent());
    }
}

/// A door through which everything may pass that a config names: what leads outside leads to the kit.
pub(crate) fn door_config() -> EgressConfig {
    EgressConfig { allow_http: true, allow_plaintext_streams: true, ..EgressConfig::default() }
}
