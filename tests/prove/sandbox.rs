//! Hostile plugins hurt nobody: one host has every hostile guest installed and in use, and a healthy customer beside them.
//!
//! The host must go on, each hostile attempt must be on record with a clear reason, and every healthy event must arrive.

mod guests;
mod install;
mod own;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use freehold_model::Timestamp;
use freehold_tests::spite::SpiteServer;
use freehold_tests::webhook::{Mailbox, WebhookReceiver};
use freehold_tests::{Api, LONG, Result, Setup, TestHost, api, bodies, chance, places, until};
use serde_json::{Value, json};

use crate::Wish;
use crate::proof::Proof;
use guests::Hostile;

/// Limits that make a hostile guest's end come soon. That they can be set is part of the claim.
const LIMITS: [(&str, &str); 2] = [("FREEHOLD_LIMITS_CALL_MS", "10000"), ("FREEHOLD_EGRESS_TOTAL_MS", "3000")];
/// Healthy events before and after the hostile ones; those in between are as many as there is time for.
const HEALTHY: usize = 50;

/// The healthy customer.
struct Healthy {
    customer: String,
    destination: String,
    mailbox: Mailbox,
}

pub(crate) async fn prove(wish: &Wish) -> Result<Proof> {
    let mut proof = Proof::of("sandbox");
    install::check(&mut proof)?;
    let mut host = TestHost::start_with(setup()?).await?;
    let process = host.process();
    let api = host.tenant("acme")?;
    let webhooks = WebhookReceiver::start().await?;
    let elsewhere = webhooks.mailbox("/elsewhere", None);
    let spite = SpiteServer::start(&elsewhere.url().replace("127.0.0.1", "127.0.0.2")).await?;
    let healthy = healthy(&api, &webhooks).await?;

    publish(&api, &healthy.customer, HEALTHY).await?;
    let over = Arc::new(AtomicBool::new(false));
    let publishing = tokio::spawn(keep_publishing(api.clone(), healthy.customer.clone(), over.clone()));
    attack(&api, &spite, &mut proof).await?;
    over.store(true, Ordering::SeqCst);
    let meanwhile = publishing.await??;
    publish(&api, &healthy.customer, HEALTHY).await?;

    let expected = HEALTHY * 2 + meanwhile;
    judge_healthy(&api, &healthy, expected, "", &mut proof).await?;
    figures(&api, &healthy, &mut proof).await?;
    let (alive, detail) = is_alive(&mut host, process).await?;
    proof.case("the host is still the same process, and ready", alive, detail);
    proof.case("no injected header got through", spite.injected() == 0, format!("{} requests seen", spite.requests()));
    let said = spite.stream().heard(guests::SECRET) || spite.stream().heard(&"x".repeat(100));
    proof.case("nothing was written in the clear that must not be", !said, if said { "it was" } else { "it was not" });
    proof.case(
        "no redirect was followed",
        elsewhere.received().is_empty(),
        format!("{} requests", elsewhere.received().len()),
    );
    host.stop().await?;
    for file in &wish.guests {
        own::try_out(file, &mut proof).await?;
    }
    proof.figure("guests", guests::ALL.len() + guests::REFUSED.len() + wish.guests.len());
    proof.figure("healthy_events", expected);
    Ok(proof)
}

/// Whether the host never ended and is ready for more.
async fn is_alive(host: &mut TestHost, process: Option<u32>) -> Result<(bool, String)> {
    let ready = host.api("").get("/readyz").await?.status;
    let is_so = host.is_running() && host.process() == process && ready == 200;
    Ok((is_so, format!("process {}, readyz {ready}", process.unwrap_or_default())))
}

fn setup() -> Result<Setup> {
    let mut names: Vec<&str> = guests::ALL.iter().map(|hostile| hostile.guest).collect();
    names.dedup();
    let mut components = vec![places::plugin("webhook")?];
    for name in names {
        components.push(places::guest(name)?);
    }
    Ok(with_limits(components))
}

fn with_limits(components: Vec<PathBuf>) -> Setup {
    let environment = LIMITS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Setup { components, environment, ..Setup::default() }
}

async fn healthy(api: &Api, webhooks: &WebhookReceiver) -> Result<Healthy> {
    let customer = api.create_customer("healthy").await?;
    let secret = chance::webhook_secret()?;
    let mailbox = webhooks.mailbox("/healthy", Some(&secret));
    let destination = api.create_destination(&customer, &bodies::webhook(&mailbox, &secret)).await?;
    Ok(Healthy { customer, destination, mailbox })
}

async fn publish(api: &Api, customer: &str, count: usize) -> Result {
    let event = |number: usize| json!({ "type": "order.made", "customer": customer, "data": { "number": number } });
    api.publish(&Value::from((0..count).map(event).collect::<Vec<Value>>())).await?.ok()?;
    Ok(())
}

/// Publishes healthy events until it is over; returns how many.
async fn keep_publishing(api: Api, customer: String, over: Arc<AtomicBool>) -> Result<usize> {
    let mut count = 0;
    while !over.load(Ordering::SeqCst) {
        publish(&api, &customer, 1).await?;
        count += 1;
        // A steady trickle beside the attack; nothing waits for it.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(count)
}

/// Sets every guest off at the same time, then looks at what is on record of each.
async fn attack(api: &Api, spite: &SpiteServer, proof: &mut Proof) -> Result {
    let mut set_off = Vec::new();
    for (index, hostile) in guests::ALL.iter().enumerate() {
        let customer = api.create_customer(&format!("evil-{index}")).await?;
        let destination = api.create_destination(&customer, &hostile.destination(spite)).await?;
        set_off.push((hostile, customer, destination));
    }
    for (hostile, customer, _) in &set_off {
        api.publish_one(customer, hostile.event_type, json!({ "hello": "world" })).await?;
    }
    for (hostile, customer, destination) in &set_off {
        judge(api, hostile, destination, proof).await?;
        if hostile.event_type == "test.poison" {
            innocents(api, customer, destination, proof).await?;
        }
    }
    Ok(())
}

async fn judge(api: &Api, hostile: &Hostile, destination: &str, proof: &mut Proof) -> Result {
    let filter = format!("destination={destination}");
    let found = until("a finished attempt", LONG, async || {
        let attempts = api.attempts(&filter).await?;
        Ok(attempts
            .into_iter()
            .find(|attempt| !["started", "lost"].contains(&attempt["state"].as_str().unwrap_or_default())))
    })
    .await;
    match found {
        Ok(attempt) => {
            let (is_so, said) = hostile.judge(&attempt);
            let said: String = said.chars().take(150).collect();
            proof.case(hostile.name(), is_so, said);
        }
        Err(why) => proof.fails(hostile.name(), why.to_string()),
    }
    Ok(())
}

/// One poisoned event in a batch does not take the others with it.
async fn innocents(api: &Api, customer: &str, destination: &str, proof: &mut Proof) -> Result {
    let path = format!("/v1/destinations/{destination}");
    let patience = json!({ "settings": { "batch_age_ms": 300, "retry": { "give_up_after_ms": 60_000 } } });
    api.patch(&path, &patience).await?.ok()?;
    let types = ["order.made", "order.made", "test.poison", "order.made"];
    let event = |event_type: &str| json!({ "type": event_type, "customer": customer, "data": 1 });
    let answer = api.publish(&Value::from(types.map(event).to_vec())).await?.ok()?;
    let ids = api::published_ids(&answer);
    let deliveries = api.settled(&format!("destination={destination}")).await?;
    let state_of =
        |id: &String| deliveries.iter().find(|d| d["event"] == id.as_str()).and_then(|d| d["state"].as_str());
    let states: Vec<&str> = ids.iter().map(|id| state_of(id).unwrap_or("missing")).collect();
    let is_so = states == ["delivered", "delivered", "dead", "delivered"];
    proof.case("a poisoned event among innocent ones", is_so, states.join(", "));
    Ok(())
}

async fn judge_healthy(api: &Api, healthy: &Healthy, expected: usize, whose: &str, proof: &mut Proof) -> Result {
    let deliveries = api.settled(&format!("destination={}", healthy.destination)).await?;
    let delivered = deliveries.iter().filter(|delivery| delivery["state"] == "delivered").count();
    let mut ids: Vec<String> = healthy.mailbox.accepted().into_iter().map(|request| request.id).collect();
    ids.sort();
    ids.dedup();
    let detail = format!("{delivered} delivered and {} arrived, of {expected}", ids.len());
    proof.case(format!("{whose}every healthy event arrived"), (delivered, ids.len()) == (expected, expected), detail);
    Ok(())
}

/// How long healthy events took meanwhile.
async fn figures(api: &Api, healthy: &Healthy, proof: &mut Proof) -> Result {
    let moment = |value: &Value| value.as_str().and_then(|text| Timestamp::parse(text).ok());
    let deliveries = api.deliveries(&format!("destination={}", healthy.destination)).await?;
    let mut latencies: Vec<u64> = deliveries
        .iter()
        .filter_map(|delivery| Some(moment(&delivery["settled_at"])?.millis_since(moment(&delivery["created_at"])?)))
        .collect();
    latencies.sort_unstable();
    let at = |percent: usize| latencies.get((latencies.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    proof.figure("healthy_p50_ms", at(50));
    proof.figure("healthy_p99_ms", at(99));
    Ok(())
}
