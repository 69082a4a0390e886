//! Accepts publish requests, all that wait in one go: look up what they touch, judge each, insert what is new.
//!
//! Each request succeeds or fails alone. Judging writes nothing, so a request that fails leaves nothing behind.

pub(crate) mod insert;
pub(crate) mod judge;
pub(crate) mod known;

use std::collections::HashMap;

use freehold_model::event::Event;
use freehold_model::{Scope, TenantId};
use sha2::{Digest, Sha256};

use crate::engine::Tx;
use crate::events::{Idempotency, Matching};
use crate::sql::row::to_json;
use crate::{IngestError, IngestRequest, Ingested, StoreError};

use judge::Staged;
use known::Known;

/// A publish request with everything computed that does not need the database, in the caller's own task.
pub(crate) struct Prepared {
    pub(crate) tenant: TenantId,
    pub(crate) events: Vec<PreparedEvent>,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) matching: Matching,
}

pub(crate) struct PreparedEvent {
    pub(crate) event: Event,
    pub(crate) digest: [u8; 32],
    pub(crate) metadata: String,
}

impl Prepared {
    pub(crate) fn new(scope: &Scope, request: IngestRequest, matching: Matching) -> Result<Self, IngestError> {
        let within = |event: &Event| {
            event.tenant == *scope.tenant() && scope.customer().is_none_or(|customer| event.customer == *customer)
        };
        if let Some(index) = request.events.iter().position(|event| !within(event)) {
            return Err(IngestError::UnknownCustomer { index });
        }
        let prepare = |event: Event| {
            let metadata = to_json(&event.metadata)?;
            Ok(PreparedEvent { digest: digest(&event, &metadata), metadata, event })
        };
        let events = request.events.into_iter().map(prepare).collect::<Result<_, StoreError>>()?;
        Ok(Prepared { tenant: scope.tenant().clone(), events, idempotency: request.idempotency, matching })
    }
}

/// Tells a repeated event from another one of the same id. The time is left out: a sender that gives none gets a new
/// one each time it repeats itself.
fn digest(event: &Event, metadata: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in
        [event.customer.as_str().as_bytes(), event.event_type.as_str().as_bytes(), &event.data, metadata.as_bytes()]
    {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// Runs every request. The answers are in the order of the requests.
///
/// # Errors
/// When the database fails: then nothing of any request may be kept.
pub(crate) async fn run(
    tx: &mut Tx,
    requests: Vec<Prepared>,
) -> Result<Vec<Result<Ingested, IngestError>>, StoreError> {
    let mut by_tenant: HashMap<TenantId, Vec<(usize, Prepared)>> = HashMap::new();
    for (place, request) in requests.into_iter().enumerate() {
        by_tenant.entry(request.tenant.clone()).or_default().push((place, request));
    }
    let mut answers = Vec::new();
    for (tenant, requests) in by_tenant {
        let known = Known::look_up(tx, &tenant, requests.iter().map(|(_, request)| request)).await?;
        let mut staged = Staged::new(tenant, known, tx.sources.clone());
        for (place, request) in requests {
            answers.push((place, staged.judge(request)));
        }
        insert::all(tx, staged).await?;
    }
    answers.sort_by_key(|(place, _)| *place);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}
