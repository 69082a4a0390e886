//! Records per second into a real Kafka: through the plugin, and by librdkafka with the same settings.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use freehold_model::BatchId;
use freehold_model::secret::SecretFields;
use freehold_sandbox::Instance;
use freehold_tests::kafka::{Kafka, Librdkafka, Listener, Options};
use freehold_tests::{LONG, until};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use crate::figures::{Aim, Better, Figures, median};
use crate::stage::{EVENT_BYTES, Stage, delivered, rate};
use crate::{Failed, told};

mod whole_host;

/// Records of a batch: the most that the plugin asks for.
const BATCH: usize = 500;
/// Bytes of the headers of a record by the plugin. librdkafka's batch call takes none, so its values are longer by as much.
const HEADER_BYTES: usize = 250;
const ROUND: Duration = Duration::from_secs(3);
const ROUNDS: usize = 5;

pub(crate) async fn measure(plugins: &Path, figures: &mut Figures) -> Result<(), Failed> {
    let options = Options { for_speed: true, ..Options::default() };
    let Some(kafka) = Kafka::start(options).await.map_err(told)? else { return Ok(()) };
    let bootstrap = kafka.addresses(Listener::Plaintext);
    kafka.client().create("open-bench", 1, &bounded()).await.map_err(told)?;
    let stage = Stage::set()?;
    let plugin = stage.load(plugins, "kafka").await?;
    let config = json!({ "brokers": bootstrap, "security": "plaintext", "topic": "open-bench" });
    let mut instance = stage.instance(&plugin, &config, SecretFields::default()).await?;
    // One batch at a time, as lanes are; and as it comes, with several under way.
    let mut same = Peer::start(&bootstrap.join(","), 1).await?;
    let mut free = Peer::start(&bootstrap.join(","), 5).await?;
    // A cluster that has just started gives out no producer ids yet.
    let first = async || Ok(through_the_plugin(&stage, &mut instance).await.ok());
    until("Kafka to take what the plugin writes", LONG, first).await.map_err(told)?;
    // The broker's own code is slow until it has run a while.
    same.write().await?;

    let (mut ratios, mut free_ratios, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let before = same.write().await?;
        let ours = through_the_plugin(&stage, &mut instance).await?;
        let base = f64::midpoint(before, same.write().await?);
        let theirs = free.write().await?;
        ratios.push(ours / base);
        free_ratios.push(ours / theirs);
        rates.push(json!({
            "plugin": ours.round(), "librdkafka": base.round(), "librdkafka_five_in_flight": theirs.round(),
        }));
    }
    let detail = json!({ "records_per_second": rates, "batch": BATCH, "event_bytes": EVENT_BYTES });
    let aim = Aim { better: Better::Higher, floor: 0.3, goal: 0.8 };
    figures.add("kafka_batches_of_500", "× librdkafka", median(ratios), Some(&aim), &detail);
    figures.add("kafka_against_five_in_flight", "× librdkafka", median(free_ratios), None, &detail);
    whole_host::measure(plugins, &kafka, &mut same, figures).await?;
    Ok(())
}

/// The config of a topic that keeps only the last of what is written: a run writes tens of gigabytes.
fn bounded() -> Value {
    json!({ "segment.bytes": "134217728", "retention.bytes": "268435456", "file.delete.delay.ms": "1000" })
}

/// One destination, one batch after the other.
async fn through_the_plugin(stage: &Stage, instance: &mut Instance) -> Result<f64, Failed> {
    let members = stage.members(BATCH)?;
    let began = Instant::now();
    let mut count = 0;
    while began.elapsed() < ROUND {
        let batch = BatchId::generate(&stage.sources);
        let (result, _) = instance.deliver(&batch, 1, &members).await;
        count += delivered(result)?;
    }
    Ok(rate(count, began.elapsed().as_secs_f64()))
}

/// librdkafka in a process of its own, which writes when it is told to.
struct Peer {
    _process: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    async fn start(bootstrap: &str, in_flight: u32) -> Result<Peer, Failed> {
        let record_bytes = EVENT_BYTES + HEADER_BYTES;
        let mut process = tokio::process::Command::new(Librdkafka::install().map_err(told)?.join("bin/python"))
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/kafka/librdkafka.py"))
            .args([bootstrap, "open-bench", &BATCH.to_string(), &in_flight.to_string(), &record_bytes.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let orders = process.stdin.take().ok_or("librdkafka has no standard input")?;
        let answers = process.stdout.take().ok_or("librdkafka has no standard output")?;
        let mut answers = BufReader::new(answers).lines();
        match answers.next_line().await?.as_deref() {
            Some("ready") => Ok(Peer { _process: process, orders, answers }),
            _ => Err("librdkafka did not start".into()),
        }
    }

    async fn write(&mut self) -> Result<f64, Failed> {
        self.orders.write_all(format!("{}\n", ROUND.as_secs_f64()).as_bytes()).await?;
        let answer = self.answers.next_line().await?.ok_or("librdkafka ended")?;
        let (count, seconds) = answer.split_once(' ').ok_or("librdkafka answered something else")?;
        Ok(rate(count.parse()?, seconds.parse()?))
    }
}
