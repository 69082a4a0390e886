//! What does it look like when Freehold works? Real events, two customers, independent receivers, and a check at the end.

mod check;
mod show;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use freehold_tests::vendor::Vendor;
use freehold_tests::{Result, places, trouble, until};

use crate::show::Table;
use crate::stage::Stage;

/// What the demo was asked to do.
struct Wish {
    events: PathBuf,
    serve: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let shown = match wish() {
        Ok(wish) => demo(&wish).await,
        Err(why) => Err(why),
    };
    match shown {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("\nthe demo cannot go on: {why}");
            ExitCode::FAILURE
        }
    }
}

fn wish() -> Result<Wish> {
    let mut wish = Wish { events: places::data("github-events.ndjson.gz"), serve: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--serve" => wish.serve = true,
            "--events" => {
                let file = arguments.next().ok_or_else(|| trouble("--events needs a file, or - for stdin"))?;
                wish.events = file.into();
            }
            other => return Err(trouble(format!("there is no option `{other}`: see cargo xtask demo --help"))),
        }
    }
    Ok(wish)
}

/// True when every event arrived exactly where it should.
async fn demo(wish: &Wish) -> Result<bool> {
    show::title("Freehold: events into infrastructure that your customers own");
    show::more("starting receivers; the servers of others are fetched the first time, for a minute or two");
    let events = stage::read(&wish.events)?;
    let began = Instant::now();
    let mut stage = Stage::set(&events).await?;
    show::row("started", "freehold on an embedded database, in a folder of its own", Some(began.elapsed()));
    show::more("a webhook receiver that verifies signatures with the published standardwebhooks crate");
    show::more("an S3 server (s3s) that checks the signature of every request");
    if let Some(kafka) = &stage.kafka {
        let version = kafka.version().number();
        show::more(&format!("Apache Kafka {version} that asks for TLS and a password, read by librdkafka"));
    }
    if stage.bigquery.is_some() {
        show::more("an emulator of BigQuery (local-bigquery) behind a check of tokens, read by Google's client");
    }
    let each: Vec<&str> = ["a webhook", "a bucket"]
        .into_iter()
        .chain(stage.kafka.as_ref().map(|_| "a topic"))
        .chain(stage.bigquery.as_ref().map(|_| "a dataset"))
        .collect();
    let customers = stage.customers.len();
    show::row("made", &format!("a tenant and {customers} customers; each has {}", each.join(", ")), None);

    let began = Instant::now();
    let published = stage.publish(events).await?;
    show::row("accepted", &count(published.len(), "event"), Some(began.elapsed()));
    let expected = stage.deliveries_of(&published);
    let delivered = wait(&stage, expected).await;
    let deliveries = stage.api.deliveries("").await?;
    let done = deliveries.iter().filter(|delivery| delivery["state"] == "delivered").count();
    show::row("delivered", &format!("{done} of {expected}"), Some(began.elapsed()));
    if let Err(why) = delivered {
        show::more(&format!("{why}"));
    }

    let arrived = check::Arrived::ask(&stage).await?;
    let findings = check::check(&stage, &arrived, &published)?;
    show::figures(&stage, &arrived, &published, &deliveries).await?;
    let good = show::findings(&findings) && done == expected;
    if wish.serve {
        // Its pages show the portal for as long as the demo runs.
        let vendor = Vendor::start(stage.api.clone()).await?;
        show::addresses(&stage, &vendor).await?;
        tokio::signal::ctrl_c().await?;
        // Ctrl-C reaches the host as well, so it may be gone before it is asked to go.
        drop(stage.host.stop().await);
    } else {
        show::next();
    }
    if !good {
        show::log_tail(&stage.host.log());
    }
    Ok(good)
}

/// Waits until `expected` deliveries have settled, saying how far it is.
async fn wait(stage: &Stage, expected: usize) -> Result {
    let mut told = Instant::now();
    until("every delivery to settle", Duration::from_secs(180), async || {
        let page = stage.api.get("/v1/deliveries?state=queued&limit=1").await?.ok()?;
        let settled = page["data"].as_array().is_some_and(Vec::is_empty);
        if !settled && told.elapsed() > Duration::from_secs(3) {
            let open = stage.api.deliveries("state=queued").await?.len();
            show::more(&format!("{} of {expected}", expected.saturating_sub(open)));
            told = Instant::now();
        }
        Ok(settled.then_some(()))
    })
    .await
}

/// A number of things, as people write it.
fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// The columns of the table of figures.
fn table(stage: &Stage) -> Table {
    let mut columns = vec![String::new()];
    columns.extend(stage.customers.iter().map(|customer| customer.name.clone()));
    Table::new(columns)
}
