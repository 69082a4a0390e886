//! Does an instance's memory hold what another one left there? One guest takes a secret into its memory and ends; another
//! then searches its own.

use freehold_tests::api::text;
use freehold_tests::{LONG, Result, bodies, chance, until};
use serde_json::{Value, json};

use super::Field;
use crate::proof::Proof;

/// How often. The memory that ends is the memory that is next in line.
const ROUNDS: usize = 5;

pub(super) async fn search(field: &Field, proof: &mut Proof) -> Result {
    // The marker stands in a config, in hexadecimal, so it is none of the secrets that are searched for elsewhere.
    let marker = chance::hex(&chance::bytes::<32>()?);
    let encoded = chance::hex(marker.as_bytes());
    let customer = field.api.create_customer("memory").await?;
    let mailbox = field.webhooks.mailbox("/memory", None);
    let mut found = Vec::new();
    for round in 0..ROUNDS {
        let config = json!({ "url": mailbox.url() });
        let holder =
            json!({ "type": "leaker", "name": "holder", "config": config, "credential": { "secret": marker } });
        attempt(field, &customer, &holder, round).await?;
        let config = json!({ "url": mailbox.url(), "marker": encoded });
        let reader = json!({ "type": "memory-reader", "name": "reader", "config": config });
        let attempt = attempt(field, &customer, &reader, round).await?;
        if attempt["state"] != "delivered" {
            found.push(attempt["failure"].to_string());
        }
    }
    let detail = found.first().cloned().unwrap_or_else(|| format!("nothing, {ROUNDS} × searched"));
    proof.case("the memory of another instance", found.is_empty(), detail);
    Ok(())
}

/// Makes a destination, has it attempt one event, and deletes it, so that its instance is gone.
async fn attempt(field: &Field, customer: &str, body: &Value, round: usize) -> Result<Value> {
    let api = &field.api;
    let destination = api.create_destination(customer, &bodies::retrying_at_once(body.clone())).await?;
    api.publish_one(customer, "memory.searched", json!({ "round": round })).await?;
    let filter = format!("destination={destination}");
    let attempt = until("an attempt", LONG, async || {
        let attempts = api.attempts(&filter).await?;
        Ok(attempts.into_iter().find(|attempt| attempt["state"] != "started"))
    })
    .await?;
    api.delete(&format!("/v1/destinations/{}", text(&attempt, "destination")?)).await?.ok()?;
    Ok(attempt)
}
