//! Did every event arrive exactly where it should? Judged by what the receivers hold, not by what Freehold says.

use std::collections::{BTreeMap, BTreeSet};

use freehold_model::event::{EventId, idempotency_key};
use freehold_tests::Result;
use freehold_tests::kafka::Record;
use serde_json::Value;

use crate::stage::{Customer, Published, Stage, by_customer};

/// Something that must be so, and whether it is.
pub(crate) struct Finding {
    pub(crate) claim: String,
    pub(crate) trouble: Option<String>,
}

/// What independent clients found in topics and datasets: data by event id, for each customer's name.
pub(crate) struct Arrived {
    pub(crate) records: BTreeMap<String, Vec<(String, Value)>>,
    pub(crate) rows: BTreeMap<String, Vec<(String, Value)>>,
}

impl Arrived {
    /// Reads all of it.
    pub(crate) async fn ask(stage: &Stage) -> Result<Arrived> {
        let mut arrived = Arrived { records: BTreeMap::new(), rows: BTreeMap::new() };
        for customer in &stage.customers {
            if let (Some(kafka), Some(topic)) = (&stage.kafka, &customer.topic) {
                let records = kafka.client().read(&topic.name).await?;
                let id = |record: &Record| record.header("ce_id").unwrap_or_default().to_owned();
                let found = records.iter().map(|record| (id(record), record.json())).collect();
                arrived.records.insert(customer.name.clone(), found);
            }
            if let (Some(bigquery), Some(dataset)) = (&stage.bigquery, &customer.dataset) {
                let sql = format!("select event_id, to_json_string(data) as data from {}.events", dataset.name);
                let rows = if bigquery.table(&format!("{}.events", dataset.name)).await?.is_some() {
                    bigquery.query(&sql).await?
                } else {
                    Vec::new()
                };
                let data = |row: &Value| serde_json::from_str(row["data"].as_str().unwrap_or_default());
                let found = rows.iter().map(|row| {
                    (row["event_id"].as_str().unwrap_or_default().to_owned(), data(row).unwrap_or(Value::Null))
                });
                arrived.rows.insert(customer.name.clone(), found.collect());
            }
        }
        Ok(arrived)
    }
}

/// Compares what arrived with what was published.
pub(crate) fn check(stage: &Stage, arrived: &Arrived, published: &[Published]) -> Result<Vec<Finding>> {
    let theirs = by_customer(published);
    let mut findings = Vec::new();
    for customer in &stage.customers {
        let events = theirs.get(customer.name.as_str()).map_or(&[][..], Vec::as_slice);
        let foreign: Vec<&Published> = published.iter().filter(|event| event.customer != customer.name).collect();
        if !events.is_empty() {
            findings.push(at_the_webhook(customer, events)?);
            findings.push(in_the_bucket(stage, customer, events)?);
            let name = &customer.name;
            findings.extend(arrived.records.get(name).map(|found| once(name, "its topic", found, events)));
            findings.extend(arrived.rows.get(name).map(|found| once(name, "its dataset", found, events)));
        }
        findings.push(nothing_else(stage, arrived, customer, events, &foreign)?);
    }
    Ok(findings)
}

fn at_the_webhook(customer: &Customer, events: &[&Published]) -> Result<Finding> {
    let requests = customer.mailbox.received();
    let badly_signed = requests.iter().filter(|request| request.signature.is_err()).count();
    let mut missing = 0;
    let mut changed = 0;
    let destination = customer.webhook.parse()?;
    for event in events {
        let key = idempotency_key(&destination, &EventId::parse(&event.id)?);
        match requests.iter().find(|request| request.id == key) {
            None => missing += 1,
            Some(request) if !carries(&request.json(), &event.data) => changed += 1,
            Some(_) => {}
        }
    }
    Ok(Finding {
        claim: format!("all of {}'s {} reached its webhook, each signature right", customer.name, events_of(events)),
        trouble: sentence(&[(missing, "missing"), (changed, "changed"), (badly_signed, "badly signed")]),
    })
}

fn in_the_bucket(stage: &Stage, customer: &Customer, events: &[&Published]) -> Result<Finding> {
    let lines = lines(stage, customer)?;
    let mut missing = 0;
    let mut changed = 0;
    for event in events {
        match lines.get(&event.id) {
            None => missing += 1,
            Some(line) if !carries(line, &event.data) => changed += 1,
            Some(_) => {}
        }
    }
    Ok(Finding {
        claim: format!("all of {}'s {} went into its bucket", customer.name, events_of(events)),
        trouble: sentence(&[(missing, "missing"), (changed, "changed")]),
    })
}

/// Each event is there, as it was, and once.
fn once(name: &str, place: &str, found: &[(String, Value)], events: &[&Published]) -> Finding {
    let (mut missing, mut changed, mut repeated) = (0, 0, 0);
    for event in events {
        let copies: Vec<&Value> = found.iter().filter(|(id, _)| *id == event.id).map(|(_, data)| data).collect();
        missing += usize::from(copies.is_empty());
        repeated += usize::from(copies.len() > 1);
        changed += usize::from(copies.iter().any(|copy| !carries(copy, &event.data)));
    }
    Finding {
        claim: format!("all of {name}'s {} went into {place}, each once", events_of(events)),
        trouble: sentence(&[(missing, "missing"), (changed, "changed"), (repeated, "repeated")]),
    }
}

/// Nothing but the customer's own events is at its receivers.
fn nothing_else(
    stage: &Stage,
    arrived: &Arrived,
    customer: &Customer,
    own: &[&Published],
    foreign: &[&Published],
) -> Result<Finding> {
    let destination = customer.webhook.parse()?;
    let mut own_keys = BTreeSet::new();
    for event in own {
        own_keys.insert(idempotency_key(&destination, &EventId::parse(&event.id)?));
    }
    let requests = customer.mailbox.received();
    let strange_requests = requests.iter().filter(|request| !own_keys.contains(&request.id)).count();
    let own_ids: BTreeSet<&String> = own.iter().map(|event| &event.id).collect();
    let strange_lines = lines(stage, customer)?.keys().filter(|id| !own_ids.contains(id)).count();
    let strange = |found: &BTreeMap<String, Vec<(String, Value)>>| {
        let found = found.get(&customer.name).into_iter().flatten();
        found.filter(|(id, _)| !own_ids.contains(id)).count()
    };
    Ok(Finding {
        claim: format!("nothing of the others' {} is at {}'s", events_of(foreign), customer.name),
        trouble: sentence(&[
            (strange_requests, "strange requests"),
            (strange_lines, "strange lines"),
            (strange(&arrived.records), "strange records"),
            (strange(&arrived.rows), "strange rows"),
        ]),
    })
}

/// The lines of all objects of a customer's bucket, by event id.
fn lines(stage: &Stage, customer: &Customer) -> Result<BTreeMap<String, Value>> {
    let mut lines = BTreeMap::new();
    for object in stage.s3.objects(&customer.bucket.name)? {
        for line in object.lines()? {
            lines.insert(line["id"].as_str().unwrap_or_default().to_owned(), line);
        }
    }
    Ok(lines)
}

fn events_of(events: &[&Published]) -> String {
    crate::count(events.len(), "event")
}

/// Whether what arrived holds the event's data: alone, or beside other fields.
fn carries(arrived: &Value, data: &Value) -> bool {
    arrived == data || arrived.get("data") == Some(data)
}

fn sentence(counts: &[(usize, &str)]) -> Option<String> {
    let parts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
