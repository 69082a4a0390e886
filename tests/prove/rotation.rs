//! Replacing credentials under load loses nothing: while events flow, the keys of a bucket and the signing secret of a
//! webhook are replaced again and again, some of them revoked, and the servers bear witness of every use of each.

mod bucket;
mod history;
mod load;
mod mailbox;

use std::time::{Duration, Instant};

use freehold_tests::{Answer, Api, LONG, Result, TestHost, api, until};
use http::Method;
use serde_json::{Value, json};

use self::bucket::BucketLine;
use self::load::Load;
use self::mailbox::MailboxLine;
use crate::Wish;
use crate::proof::Proof;

/// Replacements of each credential, in the short form and in the long one unless it is told otherwise.
const ROUNDS_SHORT: u32 = 4;
const ROUNDS: u32 = 20;

pub(crate) async fn prove(wish: &Wish) -> Result<Proof> {
    let rounds = wish.rounds.unwrap_or(if wish.short { ROUNDS_SHORT } else { ROUNDS });
    let mut proof = Proof::of("rotation");
    let host = TestHost::start().await?;
    let api = host.tenant("acme")?;
    let customer = api.create_customer("customer-one").await?;
    // A line more is a file beside these two: it begins, it is rotated with the others, it is judged.
    let mut bucket = BucketLine::begin(&api, &customer, rounds).await?;
    let mut mailbox = MailboxLine::begin(&api, &customer).await?;

    let began = Instant::now();
    let load = Load::begin(&api, &customer);
    let mut told = Instant::now();
    for round in 1..=rounds {
        tokio::try_join!(bucket.rotate(&api, round), mailbox.rotate(&api, round))?;
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
    let repeated =
        [bucket.judge(&api, &acknowledged, &mut proof).await?, mailbox.judge(&api, &acknowledged, &mut proof).await?];
    proof.figure("rounds", rounds);
    proof.figure("acknowledged", acknowledged.len());
    proof.figure("repeated", repeated.iter().sum::<usize>());
    proof.figure("seconds", began.elapsed().as_secs());
    Ok(proof)
}

/// Replaces a destination's credential in one call.
async fn replace(api: &Api, destination: &str, query: &str, fields: &Value) -> Result<Answer> {
    api.send_json(Method::PUT, &format!("/v1/destinations/{destination}/credential{query}"), fields).await
}

async fn revoke(api: &Api, destination: &str, version: u64) -> Result {
    let path = format!("/v1/destinations/{destination}/credentials/{version}/revoke");
    api.post(&path, &json!({})).await?.ok().map(|_| ())
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
