//! How is it told? One calm page: what happened, the figures, the findings, what to try next.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use freehold_model::Timestamp;
use freehold_model::event::{EventId, idempotency_key};
use freehold_tests::vendor::Vendor;
use freehold_tests::{Result, api};
use serde_json::{Value, json};

use crate::check::{Arrived, Finding};
use crate::stage::{Customer, Published, Stage, by_customer};

/// Columns of the first words of a row.
const LABEL: usize = 11;

pub(crate) fn title(text: &str) {
    println!("\n{}\n", paint("1", text));
}

/// One thing that happened, and how long it took.
pub(crate) fn row(label: &str, text: &str, took: Option<Duration>) {
    let took =
        took.map(|took| format!("  {}", paint("2", &format!("{:.1} s", took.as_secs_f64())))).unwrap_or_default();
    println!("  {}{text}{took}", paint("36", &format!("{label:LABEL$}")));
}

/// More about the row before.
pub(crate) fn more(text: &str) {
    println!("  {:LABEL$}{text}", "");
}

/// Rows of figures, one column for each customer.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: Vec<String>) -> Table {
        Table { rows: vec![columns] }
    }

    pub(crate) fn row(&mut self, label: &str, cells: impl IntoIterator<Item = String>) {
        let mut row = vec![label.to_owned()];
        row.extend(cells);
        self.rows.push(row);
    }

    fn print(&self) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (index, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(
                    |(column, (cell, width))| {
                        if column == 0 { format!("{cell:width$}") } else { format!("{cell:>width$}") }
                    },
                )
                .collect();
            let line = format!("  {}", cells.join("   "));
            println!("{}", if index == 0 { paint("1", &line) } else { line });
        }
    }
}

/// The figures that a newcomer asks for.
pub(crate) async fn figures(stage: &Stage, arrived: &Arrived, published: &[Published], deliveries: &[Value]) -> Result {
    let theirs = by_customer(published);
    let mut table = crate::table(stage);
    let each = |cell: &dyn Fn(&Customer) -> String| stage.customers.iter().map(cell).collect::<Vec<String>>();
    table.row("events published", each(&|c| theirs.get(c.name.as_str()).map_or(0, Vec::len).to_string()));
    table.row("webhook requests, verified", each(&|c| c.mailbox.accepted().len().to_string()));
    let mut objects = Vec::new();
    let mut kilobytes = Vec::new();
    for customer in &stage.customers {
        let found = stage.s3.objects(&customer.bucket.name)?;
        objects.push(found.len().to_string());
        kilobytes.push(format!("{} KB", found.iter().map(|object| object.bytes.len()).sum::<usize>().div_ceil(1000)));
    }
    table.row("objects in the bucket", objects);
    table.row("their size", kilobytes);
    for (label, found) in [("records in the topic", &arrived.records), ("rows in the dataset", &arrived.rows)] {
        if !found.is_empty() {
            table.row(label, each(&|c| found.get(&c.name).map_or(0, Vec::len).to_string()));
        }
    }
    let mut attempts = Vec::new();
    let mut webhooks = Vec::new();
    for customer in &stage.customers {
        let made = stage.api.attempts(&format!("customer={}", customer.id)).await?;
        attempts.push(made.len().to_string());
        let events = theirs.get(customer.name.as_str()).map_or(&[][..], Vec::as_slice);
        webhooks.push(until_received(customer, events)?);
    }
    table.row("attempts", attempts);
    table.row("accepted to received, webhook p50", webhooks.iter().map(|lane| milliseconds(lane, 50)));
    table.row("accepted to received, webhook p99", webhooks.iter().map(|lane| milliseconds(lane, 99)));
    let buckets: Vec<Vec<u64>> = stage.customers.iter().map(|c| latency(deliveries, &c.s3)).collect();
    table.row("accepted to stored, bucket p99", buckets.iter().map(|lane| milliseconds(lane, 99)));
    let places = [
        ("accepted to written, topic p99", Customer::topic_destination as fn(&Customer) -> Option<&str>),
        ("accepted to written, dataset p99", Customer::dataset_destination),
    ];
    for (label, destination) in places {
        if stage.customers.iter().any(|customer| destination(customer).is_some()) {
            let lane = |c: &Customer| destination(c).map(|id| latency(deliveries, id)).unwrap_or_default();
            table.row(label, each(&|c| milliseconds(&lane(c), 99)));
        }
    }
    println!();
    table.print();
    println!("  {}", paint("2", "(all published at once, to a host that was built for development)"));
    if let Some((customer, object)) = first_object(stage)? {
        println!("\n  An object of {customer}: {}", paint("2", &object));
    }
    println!();
    Ok(())
}

/// True when nothing was found wrong.
pub(crate) fn findings(findings: &[Finding]) -> bool {
    for finding in findings {
        match &finding.trouble {
            None => println!("  {} {}", paint("32", "✓"), finding.claim),
            Some(trouble) => println!("  {} {}: {}", paint("31", "✗"), finding.claim, paint("1;31", trouble)),
        }
    }
    findings.iter().all(|finding| finding.trouble.is_none())
}

/// What to try when it keeps running.
pub(crate) async fn addresses(stage: &Stage, vendor: &Vendor) -> Result {
    let (url, key) = (stage.host.url(), stage.api.key());
    println!("\n{}\n", paint("1", "It keeps running. Ctrl-C ends it."));
    row("API", url, None);
    row("key", key, None);
    for customer in &stage.customers {
        row(&customer.name, &format!("{}  webhook {}  bucket {}", customer.id, customer.webhook, customer.s3), None);
        more(&format!("receives at {} and in {}/{}", customer.mailbox.url(), stage.s3.url(), customer.bucket.name));
        if let Some(topic) = &customer.topic {
            more(&format!("in the topic {}, by the destination {}", topic.name, topic.destination));
        }
        if let Some(dataset) = &customer.dataset {
            more(&format!("in the dataset {}, by the destination {}", dataset.name, dataset.destination));
        }
    }
    let Some(first) = stage.customers.first() else { return Ok(()) };
    row("portal", &format!("{}/settings/{}", vendor.origin(), first.name), None);
    more(&format!(
        "what {} sees inside a made-up vendor's page; the two side by side: /settings/acme,globex",
        first.name
    ));
    let made = stage.api.post(&format!("/v1/customers/{}/portal-sessions", first.id), &json!({})).await?.ok()?;
    row("or by link", &format!("{url}/portal/{}#{}", api::text(&made, "id")?, api::text(&made, "code")?), None);
    more("good for one minute, and once");
    row("console", &format!("{url}/console"), None);
    more("what the vendor sees: sign in with the key");
    println!("\n  In another terminal:\n");
    println!("  export URL={url} KEY={key}");
    println!("  curl -s $URL/v1/events -H \"authorization: Bearer $KEY\" -H 'content-type: application/json' \\");
    println!("    -d '{{\"type\":\"invoice.paid\",\"customer\":\"{}\",\"data\":{{\"total\":12}}}}'", first.name);
    println!("  curl -s \"$URL/v1/deliveries?limit=2\" -H \"authorization: Bearer $KEY\"");
    println!("  curl -s \"$URL/v1/attempts?destination={}&limit=1\" -H \"authorization: Bearer $KEY\"", first.webhook);
    println!("  curl -s -X POST $URL/v1/destinations/{}/test -H \"authorization: Bearer $KEY\"\n", first.s3);
    Ok(())
}

/// What to try when it has ended.
pub(crate) fn next() {
    println!("\n{}\n", paint("1", "Next"));
    row("look", "cargo xtask demo --serve                  the same, kept running, with curl commands to try", None);
    row("your own", "cargo xtask demo --events my.ndjson       one {\"type\":…,\"data\":…} a line", None);
    row("doubt", "cargo xtask prove                         the claims, each checked against the real thing", None);
    row("for good", "cargo run --bin freehold -- serve         data in ./freehold-data; it says how to go on", None);
    println!();
}

/// The end of what the host printed, for whoever wonders what went wrong.
pub(crate) fn log_tail(log: &str) {
    let lines: Vec<&str> = log.lines().collect();
    println!("\n  The last lines of the host's log:");
    for line in lines.iter().skip(lines.len().saturating_sub(20)) {
        println!("  {}", paint("2", line));
    }
}

/// From the answer to the publisher until the customer's receiver had the event, in milliseconds; sorted.
fn until_received(customer: &Customer, events: &[&Published]) -> Result<Vec<u64>> {
    let requests = customer.mailbox.received();
    let arrivals: HashMap<&str, Instant> = requests.iter().map(|request| (request.id.as_str(), request.at)).collect();
    let destination = customer.webhook.parse()?;
    let mut all = Vec::new();
    for event in events {
        let key = idempotency_key(&destination, &EventId::parse(&event.id)?);
        let waited = arrivals.get(key.as_str()).map(|at| at.saturating_duration_since(event.accepted_at));
        all.extend(waited.and_then(|waited| u64::try_from(waited.as_millis()).ok()));
    }
    all.sort_unstable();
    Ok(all)
}

/// From accepted to settled, in milliseconds, of all deliveries of one destination; sorted.
fn latency(deliveries: &[Value], destination: &str) -> Vec<u64> {
    let moment = |value: &Value| value.as_str().and_then(|text| Timestamp::parse(text).ok());
    let mut all: Vec<u64> = deliveries
        .iter()
        .filter(|delivery| delivery["destination"] == destination)
        .filter_map(|delivery| Some(moment(&delivery["settled_at"])?.millis_since(moment(&delivery["created_at"])?)))
        .collect();
    all.sort_unstable();
    all
}

fn milliseconds(sorted: &[u64], percent: usize) -> String {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).map_or_else(|| "-".into(), |ms| format!("{ms} ms"))
}

fn first_object(stage: &Stage) -> Result<Option<(String, String)>> {
    for customer in &stage.customers {
        if let Some(object) = stage.s3.objects(&customer.bucket.name)?.first() {
            return Ok(Some((customer.name.clone(), format!("{}/{}", customer.bucket.name, object.key))));
        }
    }
    Ok(None)
}

fn paint(code: &str, text: &str) -> String {
    if std::io::stdout().is_terminal() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}
