//! Replacing credentials under load loses nothing: while events flow, the keys of a bucket, the signing secret of a webhook
//! and the user of a Kafka topic are replaced again and again, some of them revoked, and the servers bear witness of it.

mod bucket;
mod history;
mod load;
mod mailbox;
mod topic;

use std::time::{Duration, Instant};

use freehold_tests::{Answer, Api, LONG, Result, TestHost, api, until};
use http::Method;
use serde_json::{Value, json};

use self::bucket::BucketLine;
use self::load::Load;
use self::mailbox::MailboxLine;
use self::topic::TopicLine;
use crate::Wish;
use crate::proof::Proof;

/// Replacements of each credential, in the short form and in the long one unless it is told otherwise.
const ROUNDS_SHORT: u32 = 4;
const ROUNDS: u32 = 20;

pub(crate) async fn prove(wish: &Wish) -> Result<Proof> {
    let rounds = wish.rounds.unwrap_or(if wish.short { ROUNDS_SHORT } else { ROUNDS });
    let mut proof = Proof::of("rotation");
    let host = TestHost::start_with_types(&["webhook", "s3", "kafka"]).await?;
    let api = host.tenant("acme")?;
    let customer = api.create_customer("customer-one").await?;
    let mut bucket = BucketLine::begin(&api, &customer, rounds).await?;
    let mut mailbox = MailboxLine::begin(&api, &customer).await?;
    // Brokers take long to start: not in the short form.
    let mut topic = if wish.short { None } else { TopicLine::begin(&api, &customer).await? };

    let began = Instant::now();
    let load = Load::begin(&api, &customer);
    let mut told = Instant::now();
    for round in 1..=rounds {
        let rotate_topic = async {
            match &mut topic {
                Some(topic) => topic.rotate(&api, round).await,
                None => Ok(()),
            }
        };
        tokio::try_join!(bucket.rotate(&api, round), mailbox.rotate(&api, round), rotate_topic)?;
        if told.elapsed() > Duration::from_secs(5) {
            eprintln!("  round {round} of {rounds}");
            told = Instant::now();
        }
    }
    bucket.lose_the_active_key(&api).await?;
    let acknowledged = load.end().await?;
    let settled = api.until_settled("", Duration::from_secs(300)).await;
    let detail = settled.as_ref().map_or_else(ToString::to_string, |()| format!("{} events", acknowledged.len()));
    proof.case("every delivery settles", settled.is_ok(), detail);
    proof.case("the load was real", acknowledged.len() > 50, format!("{} events", acknowledged.len()));
    let mut repeated = bucket.judge(&api, &acknowledged, &mut proof).await?;
    repeated += mailbox.judge(&api, &acknowledged, &mut proof).await?;
    if let Some(topic) = &topic {
        repeated += topic.judge(&api, &acknowledged, &mut proof).await?;
    }
    proof.figure("kafka", if topic.is_some() { "rotated as well" } else { "left out" });
    proof.figure("rounds", rounds);
    proof.figure("acknowledged", acknowledged.len());
    proof.figure("repeated", repeated);
    proof.figure("seconds", began.elapsed().as_secs());
    Ok(proof)
}

/// Replaces a destination's credential in one call.
async fn replace(api: &Api, destination: &str, query: &str, fields: &Value) -> Result<Answer> {
    api.send_json(Method::PUT, &format!("/v1/destinations/{destination}/credential{query}"), fields).await
}

/// Revokes a version, unless it has drained in the meantime.
async fn revoke(api: &Api, destination: &str, version: u64) -> Result {
    let path = format!("/v1/destinations/{destination}/credentials/{version}/revoke");
    let answer = api.post(&path, &json!({})).await?;
    if answer.status == 409 && answer.text().contains("has ended") {
        return Ok(());
    }
    answer.ok().map(|_| ())
}

/// All credential versions of a destination, the newest first.
async fn versions(api: &Api, destination: &str) -> Result<Vec<Value>> {
    let listed = api.get(&format!("/v1/destinations/{destination}/credentials")).await?.ok()?;
    Ok(listed["data"].as_array().cloned().unwrap_or_default())
}

/// Waits until a version is in this state.
async fn until_state(api: &Api, destination: &str, version: u64, state: &str) -> Result {
    until(&format!("version {version} to be {state}"), LONG, async || {
        let found = versions(api, destination).await?;
        let is_it = |row: &&Value| row["version"] == version && row["state"] == state;
        Ok(found.iter().find(is_it).map(|_| ()))
    })
    .await
}

fn text(value: &Value, name: &str) -> Result<String> {
    api::text(value, name)
}
