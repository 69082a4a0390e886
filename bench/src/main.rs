//! Measures Freehold against the plain way of doing the same, in one run, and prints JSON.
//!
//! Every speed is a ratio of two rates measured in turns on the same machine, so that a slow or busy machine changes
//! both. `below` counts the floors that were missed; the exit code is 1 when there are any.

mod bigquery;
mod claims;
mod figures;
mod host;
mod house;
mod ingest;
mod kafka;
mod lanes;
mod neighbours;
mod portal;
mod process;
mod receiver;
mod sources;
mod stage;
mod turns;
mod webhooks;

use std::path::PathBuf;
use std::process::ExitCode;

use figures::Figures;

/// The same allocator as the host's, for both sides of every ratio.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a measurement can end with.
type Failed = Box<dyn std::error::Error + Send + Sync>;

/// What the programs of others, which the tests know how to start, ran into.
fn told(trouble: freehold_tests::trouble::Trouble) -> Failed {
    trouble.to_string().into()
}

const HELP: &str = "\
Measures Freehold against the plain way of doing the same, in one run on this machine, and prints JSON.

Usage: freehold-bench [--plugins DIR] [--only NAME]...

  --plugins DIR  where the plugins' components are (default: target/plugins)
  --only NAME    webhooks, ingest, claims, lanes, neighbours, start, memory, portal, kafka or bigquery; may be given
                 several times

Examples:
  cargo xtask bench
  cargo xtask bench --only webhooks
";

struct Options {
    plugins: PathBuf,
    only: Vec<String>,
}

fn options() -> Result<Option<Options>, String> {
    let mut options = Options { plugins: PathBuf::from("target/plugins"), only: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--plugins" => options.plugins = arguments.next().ok_or("--plugins needs a folder")?.into(),
            "--only" => options.only.push(arguments.next().ok_or("--only needs a name")?),
            other => return Err(format!("{other} is not an option; see --help")),
        }
    }
    Ok(Some(options))
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("freehold-bench: {problem}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("freehold-bench: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(measure(&options)) {
        Ok(figures) => {
            println!("{}", figures.json());
            if figures.below() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("freehold-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(options: &Options) -> Result<Figures, Failed> {
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let mut figures = Figures::default();
    if wanted("webhooks") {
        eprintln!("bench: webhooks through the sandbox and natively, in turns (about a minute)");
        webhooks::measure(&options.plugins, &mut figures).await?;
    }
    if wanted("ingest") {
        eprintln!("bench: durable ingest and bare inserts, in turns (about half a minute)");
        ingest::measure(&mut figures).await?;
    }
    if wanted("claims") {
        eprintln!("bench: claims from a short queue and a long one, in turns (about a minute, to fill the long one)");
        claims::measure(&mut figures).await?;
    }
    if wanted("lanes") {
        eprintln!(
            "bench: events through the whole host, with few destinations and with many, in turns (about two minutes)"
        );
        lanes::measure(&options.plugins, &mut figures).await?;
    }
    if wanted("neighbours") {
        eprintln!("bench: latency beside dead destinations and beside none, in turns (about two minutes)");
        neighbours::measure(&options.plugins, &mut figures).await?;
    }
    if wanted("start") {
        eprintln!("bench: cold starts");
        process::cold_start(&options.plugins, &mut figures)?;
    }
    if wanted("memory") {
        eprintln!("bench: memory of an idle host with 10,000 destinations");
        process::idle_memory(&options.plugins, &mut figures).await?;
    }
    if wanted("portal") {
        eprintln!("bench: the portal's first paint in a browser, with 10,000 destinations (about a minute)");
        portal::measure(&options.plugins, &mut figures).await?;
    }
    if wanted("kafka") {
        eprintln!("bench: records through the Kafka plugin and by librdkafka, in turns (about a minute)");
        kafka::measure(&options.plugins, &mut figures).await?;
    }
    if wanted("bigquery") {
        eprintln!("bench: rows into an emulator of BigQuery");
        bigquery::measure(&options.plugins, &mut figures).await?;
    }
    Ok(figures)
}
