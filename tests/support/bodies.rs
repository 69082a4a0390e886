//! What is sent to the API to make destinations of the shipped types.

use serde_json::{Value, json};

use crate::bigquery::{BigQuery, Key, PROJECT};
use crate::s3::{Bucket, S3Server};
use crate::trouble::Result;
use crate::webhook::Mailbox;

/// A webhook destination for everything, signed with `secret`.
pub fn webhook(mailbox: &Mailbox, secret: &str) -> Value {
    json!({
        "type": "webhook",
        "name": "webhook",
        "config": { "url": mailbox.url() },
        "credential": { "secret": secret },
        "subscription": ["*"],
    })
}

/// An S3 destination for everything, into `bucket`.
pub fn s3(server: &S3Server, bucket: &Bucket) -> Value {
    let mut credential = json!({ "access_key_id": bucket.access_key, "secret_access_key": bucket.secret_key });
    if let Some(token) = &bucket.session_token {
        credential["session_token"] = json!(token);
    }
    json!({
        "type": "s3",
        "name": "bucket",
        "config": {
            "bucket": bucket.name,
            "region": "eu-central-1",
            "endpoint": server.url(),
            "path_style": true,
        },
        "credential": credential,
        "subscription": ["*"],
        "settings": { "batch_age_ms": 200 },
    })
}

/// A BigQuery destination for everything, into a dataset, with the writer's key.
///
/// # Errors
/// When the key cannot be read.
pub fn bigquery(bigquery: &BigQuery, dataset: &str) -> Result<Value> {
    Ok(json!({
        "type": "bigquery",
        "name": "warehouse",
        "config": { "project": PROJECT, "dataset": dataset, "endpoints": bigquery.endpoints() },
        "credential": { "service_account": bigquery.key(Key::Writer)? },
        "subscription": ["*"],
        "settings": { "batch_age_ms": 200 },
    }))
}

/// A Kafka destination for everything, into one topic of brokers that ask nobody who they are.
pub fn kafka(brokers: &[String], topic: &str) -> Value {
    json!({
        "type": "kafka",
        "name": "topic",
        "config": { "brokers": brokers, "security": "plaintext", "topic": topic },
        "subscription": ["*"],
    })
}

/// `body` with retries that come within milliseconds, so that a test need not wait for them.
pub fn retrying_at_once(mut body: Value) -> Value {
    body["settings"]["retry"] = json!({ "base_ms": 20, "cap_ms": 100, "give_up_after_ms": 60_000 });
    body
}

/// `body` with each event in a batch of its own.
pub fn one_by_one(mut body: Value) -> Value {
    body["settings"]["batch_events"] = json!(1);
    body
}
