//! `kill -9` loses nothing that was acknowledged: a host is killed at random moments under load, again and again, and at
//! the end every acknowledged event must have arrived and be accounted for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use freehold_model::event::{EventId, idempotency_key};
use freehold_tests::webhook::{Mailbox, WebhookReceiver};
use freehold_tests::{Api, Result, Setup, TestHost, api, bodies, chance};
use serde_json::{Value, json};

use crate::Wish;
use crate::proof::Proof;

/// Rounds of the short form, and of the long one unless it is told otherwise.
const ROUNDS_SHORT: u32 = 20;
const ROUNDS: u32 = 200;
/// Publishers at work while the host is killed.
const PUBLISHERS: u32 = 4;
/// The host is killed at a random moment within this time of load.
const LIFE_MS: u16 = 250;

/// A destination and what it received.
struct Target {
    destination: String,
    mailbox: Mailbox,
}

pub(crate) async fn prove(wish: &Wish) -> Result<Proof> {
    let rounds = wish.rounds.unwrap_or(if wish.short { ROUNDS_SHORT } else { ROUNDS });
    let mut proof = Proof::of("crash");
    proof.figure("database", wish.database.as_deref().unwrap_or("sqlite"));
    let mut host = TestHost::start_with(Setup { database: wish.database()?, ..Setup::default() }).await?;
    let key = host.tenant_key("acme")?;
    let receiver = WebhookReceiver::start().await?;
    let setup = host.api(&key);
    let customer = setup.create_customer("customer-one").await?;
    let targets =
        [target(&setup, &receiver, &customer, "/one").await?, target(&setup, &receiver, &customer, "/two").await?];

    let began = Instant::now();
    let mut acknowledged = BTreeSet::new();
    let mut told = Instant::now();
    for round in 1..=rounds {
        acknowledged.extend(load_until_killed(&mut host, &key, &customer, round).await?);
        host.start_again().await?;
        if told.elapsed() > Duration::from_secs(5) {
            eprintln!("  round {round} of {rounds}: {} events acknowledged", acknowledged.len());
            told = Instant::now();
        }
    }
    let api = host.api(&key);
    let settled = api.until_settled("", Duration::from_secs(300)).await;
    let is_settled = settled.is_ok();
    proof.case("every delivery settles after the last start", is_settled, outcome(settled));
    judge(&api, &targets, &acknowledged, &mut proof).await?;
    proof.figure("rounds", rounds);
    proof.figure("acknowledged", acknowledged.len());
    proof.figure("seconds", began.elapsed().as_secs());
    Ok(proof)
}

async fn target(api: &Api, receiver: &WebhookReceiver, customer: &str, path: &str) -> Result<Target> {
    let secret = chance::webhook_secret()?;
    let mailbox = receiver.mailbox(path, Some(&secret));
    let body = bodies::retrying_at_once(bodies::webhook(&mailbox, &secret));
    Ok(Target { destination: api.create_destination(customer, &body).await?, mailbox })
}

/// Publishes from several sides until the host is killed, and returns the ids that were acknowledged.
async fn load_until_killed(host: &mut TestHost, key: &str, customer: &str, round: u32) -> Result<Vec<String>> {
    let over = Arc::new(AtomicBool::new(false));
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| {
            let (api, customer, over) = (host.api(key), customer.to_owned(), over.clone());
            tokio::spawn(publish(api, customer, format!("r{round}-p{publisher}"), over))
        })
        .collect();
    let life = u16::from_le_bytes(chance::bytes::<2>()?) % LIFE_MS;
    // This is the random moment itself, not a wait for anything.
    tokio::time::sleep(Duration::from_millis(life.into())).await;
    host.kill();
    over.store(true, Ordering::SeqCst);
    let mut acknowledged = Vec::new();
    for publisher in publishers {
        acknowledged.extend(publisher.await?);
    }
    Ok(acknowledged)
}

async fn publish(api: Api, customer: String, prefix: String, over: Arc<AtomicBool>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let mut number = 0;
    while !over.load(Ordering::SeqCst) {
        let ids: Vec<String> = (0..=number % 5).map(|member| format!("{prefix}-{number}-{member}")).collect();
        let event = |id: &String| json!({ "id": id, "type": "order.made", "customer": customer, "data": { "id": id } });
        let events: Vec<Value> = ids.iter().map(event).collect();
        match api.publish(&json!(events)).await {
            Ok(answer) if answer.status == 202 => acknowledged.extend(ids),
            // Refused or cut off: nobody was promised anything.
            _ => tokio::task::yield_now().await,
        }
        number += 1;
    }
    acknowledged
}

async fn judge(api: &Api, targets: &[Target], acknowledged: &BTreeSet<String>, proof: &mut Proof) -> Result {
    let stored: BTreeSet<String> =
        api.list("/v1/events").await?.iter().map(|event| api::text(event, "id")).collect::<Result<_>>()?;
    let forgotten = acknowledged.difference(&stored).count();
    proof.case(
        "every acknowledged event is stored",
        forgotten == 0,
        format!("{forgotten} of {} missing", acknowledged.len()),
    );
    proof.case("the load was real", acknowledged.len() > 50, format!("{} events", acknowledged.len()));
    let (mut lost_in_all, mut repeated_in_all) = (0, 0);
    for (index, target) in targets.iter().enumerate() {
        let name = format!("destination {}", index + 1);
        let mut arrivals: BTreeMap<String, u64> = BTreeMap::new();
        for request in target.mailbox.accepted() {
            *arrivals.entry(request.id).or_default() += 1;
        }
        let mut keys = BTreeSet::new();
        for id in &stored {
            keys.insert(idempotency_key(&target.destination.parse()?, &EventId::parse(id)?));
        }
        let mut lost = 0;
        for id in acknowledged {
            let key = idempotency_key(&target.destination.parse()?, &EventId::parse(id)?);
            lost += u64::from(!arrivals.contains_key(&key));
        }
        let repeated: u64 = arrivals.values().map(|times| times - 1).sum();
        let strange = arrivals.keys().filter(|key| !keys.contains(*key)).count();
        proof.case(
            format!("{name}: every acknowledged event arrived"),
            lost == 0,
            format!("{lost} lost, {repeated} repeated"),
        );
        proof.case(
            format!("{name}: nothing arrived that was never stored"),
            strange == 0,
            format!("{strange} strange"),
        );
        account(api, target, stored.len(), &name, proof).await?;
        lost_in_all += lost;
        repeated_in_all += repeated;
    }
    proof.figure("lost", lost_in_all);
    proof.figure("repeated", repeated_in_all);
    Ok(())
}

/// The API knows what became of each event: delivered, queued or dead, and nothing between.
async fn account(api: &Api, target: &Target, stored: usize, name: &str, proof: &mut Proof) -> Result {
    let deliveries = api.deliveries(&format!("destination={}", target.destination)).await?;
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for delivery in &deliveries {
        *states.entry(api::text(delivery, "state")?).or_default() += 1;
    }
    let shown: Vec<String> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let complete = deliveries.len() == stored
        && states.keys().all(|state| ["delivered", "queued", "dead"].contains(&state.as_str()));
    proof.case(format!("{name}: each of {stored} events is accounted for"), complete, shown.join(", "));
    Ok(())
}

fn outcome(result: Result) -> String {
    result.map_or_else(|why| why.to_string(), |()| "settled".into())
}
