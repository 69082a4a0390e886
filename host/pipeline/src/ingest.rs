//! Accepts events: checks them, names them, and has them stored with their deliveries in one transaction.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use freehold_model::event::{Event, EventId, EventType};
use freehold_model::lane::Lane;
use freehold_model::{CustomerId, Scope, Sources, TenantId, Timestamp, limits};
use freehold_store::{Idempotency, IngestError, IngestRequest, Ingested, Store, StoreError};
use tokio::sync::Semaphore;

use crate::config::PipelineConfig;
use crate::matching::matching;
use crate::metrics::Metrics;

/// Customers remembered by the names that publishers use for them. A few megabytes at most.
const REMEMBERED_MAX: usize = 50_000;

/// Events that somebody wants to publish.
#[derive(Debug)]
pub struct Submission {
    /// The events, in order.
    pub events: Vec<Draft>,
    /// The publisher's key for this request, and a digest of the request.
    pub idempotency_key: Option<(String, [u8; 32])>,
}

/// An event as the publisher sent it.
#[derive(Debug)]
pub struct Draft {
    /// The publisher's id for it; one is made when missing.
    pub id: Option<String>,
    /// Its kind.
    pub event_type: String,
    /// When it happened; now when missing.
    pub time: Option<Timestamp>,
    /// The customer: id or external id.
    pub customer: String,
    /// One JSON value.
    pub data: Vec<u8>,
    /// Short texts that travel with it.
    pub metadata: BTreeMap<String, String>,
}

/// What was accepted.
#[derive(Debug)]
pub struct Published {
    /// One entry for each event, in their order.
    pub events: Vec<PublishedEvent>,
    /// Whether this answers a repeated request from memory.
    pub replayed: bool,
}

/// One accepted event.
#[derive(Debug)]
pub struct PublishedEvent {
    /// Its id.
    pub id: String,
    /// Whether it was accepted before; then nothing new happens.
    pub duplicate: bool,
    /// To how many destinations it goes.
    pub deliveries: u32,
}

/// What is wrong with one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its position in the submission.
    pub index: usize,
    /// JSON pointer to the field within the event.
    pub pointer: String,
    /// What is wrong, for people.
    pub message: String,
}

/// Why nothing was accepted.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Some events are not acceptable; none is stored.
    #[error("{} of the events are not acceptable", .0.len())]
    Invalid(Vec<Problem>),
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used before for another request")]
    IdempotencyMismatch,
    /// Too much is on its way in.
    #[error("more events are arriving than can be stored; try again in a moment")]
    Overloaded,
    /// The store failed.
    #[error("the events could not be stored")]
    Store(#[from] StoreError),
}

pub(crate) struct Ingest {
    store: Store,
    sources: Sources,
    metrics: Arc<Metrics>,
    room: Semaphore,
    remembered: RwLock<HashMap<(TenantId, String), CustomerId>>,
}

impl Ingest {
    pub(crate) fn new(store: Store, sources: Sources, metrics: Arc<Metrics>, config: &PipelineConfig) -> Self {
        let room = Semaphore::new(usize::try_from(config.ingest_kib_max).unwrap_or(Semaphore::MAX_PERMITS));
        Ingest { store, sources, metrics, room, remembered: RwLock::default() }
    }

    pub(crate) async fn publish(
        &self,
        scope: &Scope,
        submission: Submission,
    ) -> Result<(Published, Vec<Lane>), PublishError> {
        let bytes: usize = submission.events.iter().map(|draft| draft.data.len() + 512).sum();
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX);
        let _room = self.room.try_acquire_many(kib).map_err(|_| PublishError::Overloaded)?;
        let idempotency = submission.idempotency_key.map(|(key, fingerprint)| Idempotency { key, fingerprint });
        let (mut events, names) = self.check(scope, submission.events)?;
        self.resolve(scope, &mut events, &names, false).await?;
        let request = IngestRequest { events, idempotency };
        let ingested = match self.store.ingest(scope, request.clone(), matching).await {
            // A remembered customer is gone: look again who bears the name now.
            Err(IngestError::UnknownCustomer { .. }) => {
                let mut request = request;
                self.resolve(scope, &mut request.events, &names, true).await?;
                self.store.ingest(scope, request, matching).await
            }
            ingested => ingested,
        };
        let ingested = ingested.map_err(refused)?;
        self.metrics.accepted(&ingested);
        Ok(published(ingested))
    }

    /// Turns drafts into events (whose customers are still to be found) and the names of their customers.
    fn check(&self, scope: &Scope, drafts: Vec<Draft>) -> Result<(Vec<Event>, Vec<String>), PublishError> {
        let now = self.sources.now();
        let mut problems = Vec::new();
        let mut events = Vec::with_capacity(drafts.len());
        let mut names = Vec::with_capacity(drafts.len());
        for (index, draft) in drafts.into_iter().enumerate() {
            names.push(draft.customer.clone());
            match self.event(scope, draft, now) {
                Ok(event) => events.push(event),
                Err((pointer, message)) => {
                    problems.push(Problem { index, pointer: pointer.to_owned(), message });
                }
            }
        }
        if problems.is_empty() { Ok((events, names)) } else { Err(PublishError::Invalid(problems)) }
    }

    fn event(&self, scope: &Scope, draft: Draft, now: Timestamp) -> Result<Event, (&'static str, String)> {
        let id = match &draft.id {
            Some(id) => EventId::parse(id).map_err(|error| ("/id", error.to_string()))?,
            None => EventId::generate(&self.sources),
        };
        let event_type = EventType::parse(&draft.event_type).map_err(|error| ("/type", error.to_string()))?;
        let time = draft.time.unwrap_or(now);
        if time.millis_since(now) > limits::EVENT_TIME_AHEAD_MS_MAX {
            return Err(("/time", "lies more than a day in the future".into()));
        }
        if draft.data.len() > limits::EVENT_DATA_BYTES_MAX {
            let message =
                format!("has {} bytes; an event may carry {}", draft.data.len(), limits::EVENT_DATA_BYTES_MAX);
            return Err(("/data", message));
        }
        check_metadata(&draft.metadata).map_err(|message| ("/metadata", message))?;
        Ok(Event {
            tenant: scope.tenant().clone(),
            // Replaced by `resolve` before anything is stored.
            customer: CustomerId::generate(&self.sources),
            id,
            event_type,
            time,
            data: draft.data,
            metadata: draft.metadata,
            accepted_at: now,
        })
    }

    /// Fills in the customers of `events` from the names that the publisher used.
    async fn resolve(
        &self,
        scope: &Scope,
        events: &mut [Event],
        names: &[String],
        afresh: bool,
    ) -> Result<(), PublishError> {
        let mut known: HashMap<String, CustomerId> = HashMap::new();
        if !afresh {
            let remembered = self.remembered.read().unwrap_or_else(PoisonError::into_inner);
            for name in names {
                if let Some(customer) = remembered.get(&(scope.tenant().clone(), name.clone())) {
                    known.insert(name.clone(), customer.clone());
                }
            }
        }
        let mut unknown: Vec<String> = names.iter().filter(|name| !known.contains_key(*name)).cloned().collect();
        unknown.sort_unstable();
        unknown.dedup();
        if !unknown.is_empty() {
            let found = self.store.resolve_customers(scope, &unknown).await?;
            self.remember(scope, &unknown, &found);
            known.extend(found);
        }
        let mut problems = Vec::new();
        for (index, (event, name)) in events.iter_mut().zip(names).enumerate() {
            match known.get(name) {
                Some(customer) => event.customer = customer.clone(),
                None => problems.push(unknown_customer(index)),
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(PublishError::Invalid(problems)) }
    }

    fn remember(&self, scope: &Scope, asked: &[String], found: &HashMap<String, CustomerId>) {
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() + found.len() > REMEMBERED_MAX {
            remembered.clear();
        }
        for name in asked {
            let key = (scope.tenant().clone(), name.clone());
            match found.get(name) {
                Some(customer) => remembered.insert(key, customer.clone()),
                None => remembered.remove(&key),
            };
        }
    }
}

fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<(), String> {
    if metadata.len() > limits::METADATA_ENTRIES_MAX {
        return Err(format!("has {} entries; {} are the most", metadata.len(), limits::METADATA_ENTRIES_MAX));
    }
    for (name, value) in metadata {
        let name_fits = (1..=limits::METADATA_NAME_BYTES_MAX).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        if !name_fits {
            return Err("names have 1 to 64 characters out of A-Z a-z 0-9 _ - .".into());
        }
        if value.len() > limits::METADATA_VALUE_BYTES_MAX || value.chars().any(char::is_control) {
            return Err(format!("the value of `{name}` is longer than 512 bytes or has control characters"));
        }
    }
    Ok(())
}

fn unknown_customer(index: usize) -> Problem {
    Problem { index, pointer: "/customer".into(), message: "there is no such customer".into() }
}

fn refused(error: IngestError) -> PublishError {
    match error {
        IngestError::Store(error) => PublishError::Store(error),
        IngestError::IdempotencyMismatch => PublishError::IdempotencyMismatch,
        IngestError::UnknownCustomer { index } => PublishError::Invalid(vec![unknown_customer(index)]),
        IngestError::EventMismatch { index } => PublishError::Invalid(vec![Problem {
            index,
            pointer: "/id".into(),
            message: "an event of this id was accepted before, with other content".into(),
        }]),
    }
}

fn published(ingested: Ingested) -> (Published, Vec<Lane>) {
    let event = |event: freehold_store::IngestedEvent| PublishedEvent {
        id: event.id.as_str().to_owned(),
        duplicate: event.duplicate,
        deliveries: event.deliveries,
    };
    let events = ingested.events.into_iter().map(event).collect();
    (Published { events, replayed: ingested.replayed }, ingested.lanes)
}
