//! Components of the asker's own: whatever they do, the host goes on, and what they did is on record.

use std::path::Path;

use freehold_tests::api::text;
use freehold_tests::webhook::{Mailbox, WebhookReceiver};
use freehold_tests::{Api, LONG, Result, TestHost, places, trouble, until};
use serde_json::{Map, Value, json};

use super::install::{plugin_check, reason};
use super::{healthy, is_alive, judge_healthy, publish, with_limits};
use crate::proof::Proof;

/// Healthy events beside each component.
const HEALTHY: usize = 30;

/// Tries one component on a host of its own, beside a healthy customer.
pub(super) async fn try_out(file: &Path, proof: &mut Proof) -> Result {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let path = std::fs::canonicalize(file).map_err(|error| trouble(format!("{}: {error}", file.display())))?;
    let (accepted, printed) = plugin_check(&path)?;
    if !accepted {
        // To be refused is as good an end as any.
        proof.holds(format!("{name}: refused at install"), reason(&printed));
        return Ok(());
    }
    let digest = printed.split(|c: char| c.is_whitespace() || c == '"').find(|word| word.starts_with("sha256:"));
    let digest = digest.ok_or_else(|| trouble(format!("`freehold plugin check` names no digest: {printed}")))?;
    let mut components = vec![places::plugin("webhook")?];
    let is_webhook = std::fs::read(&path)? == std::fs::read(&components[0])?;
    components.extend((!is_webhook).then_some(path));
    let mut host = TestHost::start_with(with_limits(components)).await?;
    let process = host.process();
    let api = host.tenant("acme")?;
    let webhooks = WebhookReceiver::start().await?;
    let healthy = healthy(&api, &webhooks).await?;
    publish(&api, &healthy.customer, HEALTHY).await?;
    match attempted(&api, digest, &webhooks.mailbox("/", None)).await {
        Ok(said) => proof.holds(format!("{name}: an attempt is on record"), said),
        Err(why) => proof.fails(format!("{name}: an attempt is on record"), why.to_string()),
    }
    publish(&api, &healthy.customer, HEALTHY).await?;
    judge_healthy(&api, &healthy, HEALTHY * 2, &format!("{name}: "), proof).await?;
    let (alive, detail) = is_alive(&mut host, process).await?;
    proof.case(format!("{name}: the host goes on"), alive, detail);
    Ok(())
}

/// Gives it a destination and an event, and says what is on record afterwards.
async fn attempted(api: &Api, digest: &str, mailbox: &Mailbox) -> Result<String> {
    let url = mailbox.url();
    let types = api.list("/v1/destination-types").await?;
    let found = types.iter().find(|found| found["digest"] == digest);
    let name =
        found.and_then(|found| found["name"].as_str()).ok_or_else(|| trouble("the host does not have it as a type"))?;
    let schemas = api.get(&format!("/v1/destination-types/{name}")).await?.ok()?;
    let customer = api.create_customer("own").await?;
    let destination = destination(api, &customer, &schemas, url).await?;
    api.publish_one(&customer, "order.made", json!({ "hello": "world" })).await?;
    let filter = format!("destination={destination}");
    let attempt = until("a finished attempt", LONG, async || {
        let attempts = api.attempts(&filter).await?;
        Ok(attempts.into_iter().find(|attempt| attempt["state"] != "started"))
    })
    .await?;
    Ok(match attempt["failure"]["code"].as_str() {
        Some(code) => format!("{code}: {}", attempt["failure"]["message"].as_str().unwrap_or_default()),
        None => attempt["state"].as_str().unwrap_or_default().to_owned(),
    })
}

/// Makes a destination of a type that is known by its schemas alone: with as little as they ask for, else with more.
async fn destination(api: &Api, customer: &str, schemas: &Value, url: &str) -> Result<String> {
    let name = text(schemas, "name")?;
    let mut refusal = trouble("nothing was tried");
    for eagerness in [Eagerness::Required, Eagerness::Address, Eagerness::Everything] {
        let body = json!({
            "type": name, "name": name,
            "config": sample(&schemas["config_schema"], url, eagerness),
            "credential": sample(&schemas["credential_schema"], url, eagerness),
            "settings": { "retry": { "base_ms": 20, "cap_ms": 50, "give_up_after_ms": 500 } },
        });
        match api.create_destination(customer, &body).await {
            Ok(destination) => return Ok(destination),
            Err(why) => refusal = why,
        }
    }
    Err(refusal)
}

/// Which fields are filled in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Eagerness {
    /// The required ones, and those whose names say that they are an address or a secret.
    Required,
    /// And an address that the schema does not even name.
    Address,
    /// All of them.
    Everything,
}

/// A value that the schema ought to accept, as far as can be guessed.
fn sample(schema: &Value, url: &str, eagerness: Eagerness) -> Value {
    if let Some(known) = ["default", "const"].iter().find_map(|word| schema.get(word)) {
        return known.clone();
    }
    if let Some(first) = schema["enum"].get(0).or_else(|| schema["examples"].get(0)) {
        return first.clone();
    }
    match schema["type"].as_str().unwrap_or("string") {
        "object" => object(schema, url, eagerness),
        "array" => {
            let items = schema["minItems"].as_u64().unwrap_or(0);
            (0..items).map(|_| sample(&schema["items"], url, eagerness)).collect()
        }
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        "boolean" => json!(false),
        "null" => Value::Null,
        _ => string(schema, url),
    }
}

fn object(schema: &Value, url: &str, eagerness: Eagerness) -> Value {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut fields = Map::new();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let is_address = ["url", "endpoint"].contains(&name.as_str());
        if is_address {
            fields.insert(name.clone(), json!(url));
        } else if required.contains(&name.as_str()) || name == "secret" || eagerness == Eagerness::Everything {
            fields.insert(name.clone(), sample(property, url, eagerness));
        }
    }
    if eagerness == Eagerness::Address && schema["properties"].get("url").is_none() {
        fields.insert("url".into(), json!(url));
    }
    Value::Object(fields)
}

fn string(schema: &Value, url: &str) -> Value {
    let pattern = schema["pattern"].as_str().unwrap_or_default();
    if schema["format"] == "uri" || pattern.contains("http") {
        return json!(url);
    }
    if pattern.contains("whsec") {
        return json!("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX");
    }
    let length = schema["minLength"].as_u64().and_then(|length| usize::try_from(length).ok()).unwrap_or(0).max(8);
    json!("a".repeat(length))
}
