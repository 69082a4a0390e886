//! Claims per second from a short queue and from a very long one.

use std::path::Path;
use std::time::Instant;

use freehold_model::attempt::AttemptReport;
use freehold_model::delivery::{ClaimedBatch, Verdict};
use freehold_model::{DestinationId, Scope};
use freehold_store::{BatchLimits, ClaimRequest, IngestRequest, Settlement};
use serde_json::json;

use crate::Failed;
use crate::figures::{Aim, Better, Figures};
use crate::house::House;
use crate::stage::rate;
use crate::turns::in_turns;

const LANES: usize = 10;
const SHORT: usize = 1_000;
const LONG: usize = 1_000_000;
/// Events of one batch, so that the short queue holds a hundred of them.
const BATCH_EVENTS: usize = 10;
/// Events of one request that fills a queue.
const REQUEST_EVENTS: usize = 1_000;
const ROUNDS: usize = 5;

/// A house with lanes that have a queue.
struct Queue {
    house: House,
    lanes: Vec<DestinationId>,
}

pub(crate) async fn measure(figures: &mut Figures) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let short = Queue::build(&folder.path().join("short.db"), SHORT).await?;
    let long = Queue::build(&folder.path().join("long.db"), LONG).await?;
    let measured =
        in_turns(ROUNDS, ("short", async || short.claimed().await), ("long", async || long.claimed().await)).await?;
    let detail = json!({
        "batches_per_second": measured.rounds, "queued": { "long": LONG, "short": SHORT }, "lanes": LANES, "batch_events": BATCH_EVENTS,
    });
    let aim = Aim { better: Better::Higher, floor: 0.8, goal: 1.0 };
    figures.add("claims_from_a_long_queue", "× a short one", measured.ratio, Some(&aim), &detail);
    for queue in [short, long] {
        queue.house.store.close().await;
    }
    Ok(())
}

impl Queue {
    /// Lanes of one customer with `deliveries` in all.
    async fn build(path: &Path, deliveries: usize) -> Result<Queue, Failed> {
        let house = House::build(path).await?;
        let mut lanes = Vec::new();
        for _ in 0..LANES {
            lanes.push(house.add_destination().await?);
        }
        let queue = Queue { house, lanes };
        queue.fill(deliveries / LANES).await?;
        Ok(queue)
    }

    /// Queues `events` in each lane.
    async fn fill(&self, events: usize) -> Result<(), Failed> {
        let house = &self.house;
        for begun in (0..events).step_by(REQUEST_EVENTS) {
            let count = REQUEST_EVENTS.min(events - begun);
            let events = (0..count).map(|_| house.event()).collect::<Result<Vec<_>, Failed>>()?;
            let request = IngestRequest { events, idempotency: None };
            house.store.ingest(&house.scope, request, |_, subscribers| (0..subscribers.len()).collect()).await?;
        }
        Ok(())
    }

    /// How many batches a second are claimed, a hundred in turn from the lanes. The queue is as long afterwards as before.
    async fn claimed(&self) -> Result<f64, Failed> {
        let house = &self.house;
        let scope = Scope::dispatched(house.tenant.clone(), house.customer.clone());
        let limits =
            BatchLimits { events: u32::try_from(BATCH_EVENTS)?, bytes: u32::MAX, age_ms: 0, concurrency: u32::MAX };
        let request = ClaimRequest { batches_max: 1, lease_ms: 120_000, limits };
        let mut claimed = Vec::new();
        let began = Instant::now();
        for number in 0..SHORT / BATCH_EVENTS {
            claimed.extend(house.store.claim(&scope, &self.lanes[number % LANES], &request).await?.batches);
        }
        let took = began.elapsed();
        if claimed.len() != SHORT / BATCH_EVENTS {
            return Err(format!("{} batches were claimed", claimed.len()).into());
        }
        let count = u64::try_from(claimed.len())?;
        for batch in claimed {
            house.store.settle(&scope, &delivered(batch)).await?;
        }
        self.fill(SHORT / LANES).await?;
        Ok(rate(count, took.as_secs_f64()))
    }
}

/// All of the batch arrived.
fn delivered(batch: ClaimedBatch) -> Settlement {
    Settlement {
        batch: batch.id,
        lease_token: batch.lease_token,
        attempt: batch.attempt,
        verdicts: batch.members.into_iter().map(|member| (member.id, Verdict::Delivered)).collect(),
        report: AttemptReport::default(),
        component_digest: None,
        plugin_failed: false,
        split: false,
        pause: None,
    }
}
