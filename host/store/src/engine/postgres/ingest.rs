//! Publish requests of a tenant that wait at the same time share one transaction. Tenants go on beside each other.

use std::collections::HashMap;

use freehold_model::TenantId;
use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};

use crate::engine::Reach;
use crate::engine::postgres::Transactions;
use crate::sql::ingest::{self, Prepared};
use crate::{IngestError, Ingested, StoreError};

/// Requests that may wait; more callers wait for a place in the line.
pub(super) const WAITING_MAX: usize = 1_024;
/// Requests that are looked at together.
const GROUP_MAX: usize = 256;

/// A request with its caller.
pub(super) struct Waiting {
    prepared: Prepared,
    reply: oneshot::Sender<Result<Ingested, IngestError>>,
}

/// Hands in a request and waits for what became of it.
pub(super) async fn wait_for(publishers: &mpsc::Sender<Waiting>, prepared: Prepared) -> Result<Ingested, IngestError> {
    let (reply, answer) = oneshot::channel();
    publishers.send(Waiting { prepared, reply }).await.map_err(|_| StoreError::Closed)?;
    answer.await.unwrap_or(Err(IngestError::Store(StoreError::Closed)))
}

/// Takes what waits, until nobody is left who could ask.
pub(super) async fn serve(transactions: Transactions, mut waiting: mpsc::Receiver<Waiting>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while waiting.recv_many(&mut group, GROUP_MAX).await > 0 {
        let mut by_tenant: HashMap<TenantId, Vec<Waiting>> = HashMap::new();
        for waiting in group.drain(..) {
            by_tenant.entry(waiting.prepared.tenant.clone()).or_default().push(waiting);
        }
        join_all(by_tenant.into_iter().map(|(tenant, requests)| together(&transactions, tenant, requests))).await;
    }
}

async fn together(transactions: &Transactions, tenant: TenantId, requests: Vec<Waiting>) {
    let (prepared, replies): (Vec<_>, Vec<_>) =
        requests.into_iter().map(|waiting| (waiting.prepared, waiting.reply)).unzip();
    let reach = Reach::Events(tenant);
    let done = transactions.write(&reach, move |tx| Box::pin(ingest::run(tx, prepared))).await;
    let mut answers = match done {
        Ok(answers) => answers.into_iter(),
        Err(error) => vec![Err(IngestError::Store(error)); replies.len()].into_iter(),
    };
    for reply in replies {
        let answer = answers.next().unwrap_or(Err(IngestError::Store(StoreError::Closed)));
        // A caller that went away does not need its answer.
        drop(reply.send(answer));
    }
}
