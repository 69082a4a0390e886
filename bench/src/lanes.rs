//! Events a second through the whole program, from the request that publishes them to the customers' servers: with few
//! destinations and with very many.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use freehold_tests::{Api, TestHost};
use serde_json::{Value, json};

use crate::figures::{Aim, Better, Figures};
use crate::receiver::Counter;
use crate::stage::rate;
use crate::turns::in_turns;
use crate::{Failed, host, told};

const FEW: usize = 10;
const MANY: usize = 10_000;
/// Destinations of each customer: every event goes to all of them.
const OF_EACH_CUSTOMER: usize = 10;
/// Deliveries of a round.
const DELIVERIES: usize = 50_000;
/// Events of one batch, in both: what a lane of very many has waiting.
const BATCH_EVENTS: usize = DELIVERIES / MANY;
/// What one publish request takes.
const REQUEST_EVENTS: usize = 500;
const ROUNDS: usize = 3;
const ROUND_LIMIT: Duration = Duration::from_secs(300);

/// A host with customers, and the server that all their destinations point to.
struct Ground {
    api: Api,
    customers: Vec<String>,
    arrived: Arc<Counter>,
    _host: TestHost,
}

pub(crate) async fn measure(plugins: &Path, figures: &mut Figures) -> Result<(), Failed> {
    let few = Ground::lay(plugins, FEW).await?;
    let many = Ground::lay(plugins, MANY).await?;
    let measured =
        in_turns(ROUNDS, ("few", async || few.delivered().await), ("many", async || many.delivered().await)).await?;
    let detail = json!({
        "events_per_second": measured.rounds, "destinations": { "many": MANY, "few": FEW }, "deliveries": DELIVERIES,
        "batch_events": BATCH_EVENTS,
    });
    let aim = Aim { better: Better::Higher, floor: 0.7, goal: 0.95 };
    figures.add("delivered_at_10000_destinations", "× at 10", measured.ratio, Some(&aim), &detail);
    Ok(())
}

impl Ground {
    async fn lay(plugins: &Path, destinations: usize) -> Result<Ground, Failed> {
        let (running, api) = host::start(plugins, &["webhook"]).await?;
        let (address, arrived) = Counter::start().await?;
        let customers = host::each(destinations / OF_EACH_CUSTOMER, |number| {
            let api = api.clone();
            async move {
                let customer = api.create_customer(&format!("bench-{number}")).await.map_err(told)?;
                for _ in 0..OF_EACH_CUSTOMER {
                    let body = json!({
                        "type": "webhook", "name": "bench", "config": { "url": format!("http://{address}/") },
                        "subscription": ["*"], "settings": { "batch_events": BATCH_EVENTS },
                    });
                    api.create_destination(&customer, &body).await.map_err(told)?;
                }
                Ok(customer)
            }
        })
        .await?;
        Ok(Ground { api, customers, arrived, _host: running })
    }

    /// Publishes a round's events, and measures how soon all have arrived.
    async fn delivered(&self) -> Result<f64, Failed> {
        let data: Value = serde_json::from_slice(&crate::stage::data())?;
        let event = |number: usize| {
            let customer = &self.customers[number % self.customers.len()];
            json!({ "type": "bench.event", "customer": customer, "data": data })
        };
        let events: Vec<Value> = (0..DELIVERIES / OF_EACH_CUSTOMER).map(event).collect();
        let wanted = self.arrived.count() + u64::try_from(DELIVERIES)?;
        let began = Instant::now();
        for request in events.chunks(REQUEST_EVENTS) {
            self.api.publish(&Value::from(request)).await.and_then(|answer| answer.ok()).map_err(told)?;
        }
        self.arrived.until(wanted, ROUND_LIMIT).await?;
        Ok(rate(u64::try_from(DELIVERIES)?, began.elapsed().as_secs_f64()))
    }
}
