//! A Kafka topic whose users are replaced. Each user is removed as soon as nothing needs it any more.

use std::collections::BTreeSet;

use freehold_tests::kafka::{Kafka, Listener};
use freehold_tests::{Api, Result, bodies, chance, trouble};
use serde_json::{Value, json};

use super::{history, replace, revoke, until_state};
use crate::proof::Proof;

/// Each time so many rounds have passed, the former user is not drained but revoked at once.
const REVOKED_EVERY: u32 = 3;
/// A name that the brokers let every user of theirs write to, once they are told so.
const TOPIC: &str = "open-rotation";

/// The destination and its brokers.
pub(super) struct TopicLine {
    kafka: Kafka,
    destination: String,
    version: u64,
    user: String,
}

impl TopicLine {
    /// `None` where there is no Kafka to be had.
    pub(super) async fn begin(api: &Api, customer: &str) -> Result<Option<TopicLine>> {
        let Some(kafka) = Kafka::start(freehold_tests::kafka::Options::default()).await? else { return Ok(None) };
        kafka.client().create(TOPIC, 2, &json!({})).await?;
        let (user, credential) = new_user(&kafka, 1).await?;
        let mut body = bodies::retrying_at_once(bodies::kafka(&kafka.addresses(Listener::SaslTls), TOPIC));
        body["config"]["security"] = json!("tls");
        body["config"]["sasl"] = json!("scram-sha-512");
        body["config"]["ca_certificate"] = json!(kafka.root());
        body["credential"] = credential;
        let destination = api.create_destination(customer, &body).await?;
        Ok(Some(TopicLine { kafka, destination, version: 1, user }))
    }

    pub(super) async fn rotate(&mut self, api: &Api, round: u32) -> Result {
        let (user, credential) = new_user(&self.kafka, u64::from(round) + 1).await?;
        let replaced = replace(api, &self.destination, "", &credential).await?.ok()?;
        let former = std::mem::replace(&mut self.user, user);
        if round.is_multiple_of(REVOKED_EVERY) {
            revoke(api, &self.destination, self.version).await?;
        } else {
            until_state(api, &self.destination, self.version, "retired").await?;
        }
        self.kafka.client().user(&former, None).await?;
        self.version = replaced["credential_version"].as_u64().ok_or_else(|| trouble("no version"))?;
        Ok(())
    }

    /// Whether all is as claimed; how many events came twice.
    pub(super) async fn judge(&self, api: &Api, acknowledged: &BTreeSet<String>, proof: &mut Proof) -> Result<usize> {
        let records = self.kafka.client().read(TOPIC).await?;
        let stored: Vec<String> =
            records.iter().filter_map(|record| record.header("ce_id")).map(str::to_owned).collect();
        let distinct: BTreeSet<String> = stored.iter().cloned().collect();
        let lost = acknowledged.difference(&distinct).count();
        let detail = format!("{lost} of {} missing", acknowledged.len());
        proof.case("topic: every acknowledged event is there", lost == 0, detail);
        history::judge(api, &self.destination, "topic", proof).await?;
        let attempts = api.attempts(&format!("destination={}", self.destination)).await?;
        let refused =
            attempts.iter().filter(|attempt| attempt["failure"]["kind"] == "auth" && !is_cut_off(attempt)).count();
        proof.case("topic: nobody signs in as a user who was removed", refused == 0, format!("{refused} refused"));
        Ok(stored.len() - distinct.len())
    }
}

/// Whether the host itself cut the attempt off, since its version was revoked.
fn is_cut_off(attempt: &Value) -> bool {
    ["credential-revoked", "credential-gone"].iter().any(|code| attempt["failure"]["code"] == *code)
}

async fn new_user(kafka: &Kafka, number: u64) -> Result<(String, Value)> {
    let (user, password) = (format!("rotation-{number}"), chance::word()?);
    kafka.client().user(&user, Some(&password)).await?;
    kafka.client().allow(&["open-"], &user, &["WRITE", "DESCRIBE"]).await?;
    let credential = json!({ "username": user, "password": password });
    Ok((user, credential))
}
