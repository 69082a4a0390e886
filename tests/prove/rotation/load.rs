//! Events that flow all the while.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use freehold_tests::{Api, Result};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// Publishers at work.
const PUBLISHERS: u32 = 2;
/// Events of one request, and the pause after it: some hundred events each second, which everything can keep up with.
const EVENTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(20);

/// Publishers, until they are ended.
pub(super) struct Load {
    over: Arc<AtomicBool>,
    publishers: Vec<JoinHandle<Result<Vec<String>>>>,
}

impl Load {
    pub(super) fn begin(api: &Api, customer: &str) -> Load {
        let over = Arc::new(AtomicBool::new(false));
        let publishers = (0..PUBLISHERS)
            .map(|number| tokio::spawn(publish(api.clone(), customer.to_owned(), number, over.clone())))
            .collect();
        Load { over, publishers }
    }

    /// Ends it, and gives the ids of all events that were acknowledged.
    pub(super) async fn end(self) -> Result<BTreeSet<String>> {
        self.over.store(true, Ordering::SeqCst);
        let mut acknowledged = BTreeSet::new();
        for publisher in self.publishers {
            acknowledged.extend(publisher.await??);
        }
        Ok(acknowledged)
    }
}

async fn publish(api: Api, customer: String, publisher: u32, over: Arc<AtomicBool>) -> Result<Vec<String>> {
    let mut acknowledged = Vec::new();
    let mut pace = tokio::time::interval(PAUSE);
    let mut number = 0;
    while !over.load(Ordering::SeqCst) {
        pace.tick().await;
        let ids: Vec<String> = (0..EVENTS).map(|member| format!("p{publisher}-{number}-{member}")).collect();
        let event = |id: &String| json!({ "id": id, "type": "order.made", "customer": customer, "data": { "id": id } });
        let events: Vec<Value> = ids.iter().map(event).collect();
        api.publish(&json!(events)).await?.ok()?;
        acknowledged.extend(ids);
        number += 1;
    }
    Ok(acknowledged)
}
