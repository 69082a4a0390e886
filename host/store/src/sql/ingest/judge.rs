//! Decides, request by request, what is new, what is a repetition and what is refused. Writes nothing.

use std::collections::{BTreeSet, HashMap};

use freehold_model::event::EventId;
use freehold_model::lane::Lane;
use freehold_model::limits::IDEMPOTENCY_MS;
use freehold_model::time::Sources;
use freehold_model::{CustomerId, DeliveryId, DestinationId, TenantId, Timestamp};

use crate::events::Idempotency;
use crate::sql::ingest::known::{Known, StoredAnswer};
use crate::sql::ingest::{Prepared, PreparedEvent};
use crate::sql::row::to_json;
use crate::{IngestError, Ingested, IngestedEvent};

/// What is to be inserted for one tenant's requests.
pub(crate) struct Staged {
    pub(crate) tenant: TenantId,
    pub(crate) now: Timestamp,
    pub(crate) events: Vec<NewEvent>,
    pub(crate) deliveries: Vec<NewDelivery>,
    pub(crate) answers: Vec<NewAnswer>,
    known: Known,
    sources: Sources,
}

pub(crate) struct NewEvent {
    pub(crate) seq: i64,
    pub(crate) prepared: PreparedEvent,
}

pub(crate) struct NewDelivery {
    pub(crate) id: DeliveryId,
    pub(crate) customer: CustomerId,
    pub(crate) destination: DestinationId,
    pub(crate) event_seq: i64,
    pub(crate) bytes: usize,
}

pub(crate) struct NewAnswer {
    pub(crate) idempotency: Idempotency,
    pub(crate) result: String,
    pub(crate) expires_at: Timestamp,
}

/// One request on its way through the judgement.
#[derive(Default)]
struct Judged {
    digests: HashMap<EventId, Vec<u8>>,
    events: Vec<NewEvent>,
    deliveries: Vec<NewDelivery>,
    answer: Vec<IngestedEvent>,
}

impl Staged {
    pub(crate) fn new(tenant: TenantId, known: Known, sources: Sources) -> Self {
        let (events, deliveries, answers) = (Vec::new(), Vec::new(), Vec::new());
        Staged { tenant, now: sources.now(), events, deliveries, answers, known, sources }
    }

    /// Judges one request. Those after it see what it adds, unless it is refused.
    pub(crate) fn judge(&mut self, request: Prepared) -> Result<Ingested, IngestError> {
        if let Some(answer) = self.earlier_answer(request.idempotency.as_ref()) {
            return answer;
        }
        let mut judged = Judged::default();
        for (index, prepared) in request.events.into_iter().enumerate() {
            self.judge_event(&mut judged, index, prepared, request.matching)?;
        }
        if let Some(idempotency) = request.idempotency {
            self.remember(idempotency, &judged.answer)?;
        }
        let lanes: BTreeSet<Lane> = judged.deliveries.iter().map(|delivery| self.lane(delivery)).collect();
        self.known.newest_event += i64::try_from(judged.events.len()).unwrap_or(0);
        self.known.events.extend(judged.digests);
        self.events.append(&mut judged.events);
        self.deliveries.append(&mut judged.deliveries);
        Ok(Ingested { events: judged.answer, lanes: lanes.into_iter().collect(), replayed: false })
    }

    fn earlier_answer(&self, idempotency: Option<&Idempotency>) -> Option<Result<Ingested, IngestError>> {
        let idempotency = idempotency?;
        let stored = self.known.answers.get(&idempotency.key)?;
        if stored.fingerprint != idempotency.fingerprint {
            return Some(Err(IngestError::IdempotencyMismatch));
        }
        let events = stored.events.clone().map_err(IngestError::Store);
        Some(events.map(|events| Ingested { events, lanes: Vec::new(), replayed: true }))
    }

    fn judge_event(
        &self,
        judged: &mut Judged,
        index: usize,
        prepared: PreparedEvent,
        matching: crate::Matching,
    ) -> Result<(), IngestError> {
        let event = &prepared.event;
        let subscribers = self.known.customers.get(&event.customer).ok_or(IngestError::UnknownCustomer { index })?;
        let subscribers = subscribers.as_ref().map_err(|error| IngestError::Store(error.clone()))?;
        if let Some(digest) = judged.digests.get(&event.id).or_else(|| self.known.events.get(&event.id)) {
            if digest[..] != prepared.digest {
                return Err(IngestError::EventMismatch { index });
            }
            judged.answer.push(IngestedEvent { id: event.id.clone(), duplicate: true, deliveries: 0 });
            return Ok(());
        }
        let seq = self.known.newest_event + 1 + i64::try_from(judged.events.len()).unwrap_or(0);
        let before = judged.deliveries.len();
        let mut wanted = matching(event, subscribers);
        wanted.sort_unstable();
        wanted.dedup();
        for subscriber in wanted.into_iter().filter_map(|place| subscribers.get(place)) {
            judged.deliveries.push(NewDelivery {
                id: DeliveryId::generate(&self.sources),
                customer: subscriber.customer.clone(),
                destination: subscriber.destination.clone(),
                event_seq: seq,
                bytes: event.data.len(),
            });
        }
        let deliveries = u32::try_from(judged.deliveries.len() - before).unwrap_or(u32::MAX);
        judged.answer.push(IngestedEvent { id: event.id.clone(), duplicate: false, deliveries });
        judged.digests.insert(event.id.clone(), prepared.digest.to_vec());
        judged.events.push(NewEvent { seq, prepared });
        Ok(())
    }

    fn remember(&mut self, idempotency: Idempotency, answer: &[IngestedEvent]) -> Result<(), IngestError> {
        let result = to_json(&answer)?;
        let stored = StoredAnswer { fingerprint: idempotency.fingerprint.to_vec(), events: Ok(answer.to_vec()) };
        self.known.answers.insert(idempotency.key.clone(), stored);
        self.answers.push(NewAnswer { idempotency, result, expires_at: self.now.plus_millis(IDEMPOTENCY_MS) });
        Ok(())
    }

    fn lane(&self, delivery: &NewDelivery) -> Lane {
        Lane {
            tenant: self.tenant.clone(),
            customer: delivery.customer.clone(),
            destination: delivery.destination.clone(),
        }
    }
}
