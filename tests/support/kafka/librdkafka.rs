//! What do topics hold, by the word of librdkafka, a client that is not ours?

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::trouble::{Result, While, trouble};
use crate::{peers, places};

/// The wheel brings librdkafka along.
const PACKAGE: &str = "confluent-kafka==2.16.1";

/// librdkafka, connected to one cluster.
#[derive(Clone)]
pub struct Librdkafka {
    environment: PathBuf,
    bootstrap: String,
    replicas: usize,
}

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Record {
    /// The partition.
    pub partition: i32,
    /// Its place there.
    pub offset: i64,
    /// Its time, in milliseconds since 1970.
    pub time_ms: i64,
    /// The key, if it has one.
    pub key: Option<String>,
    /// The headers, in their order.
    pub headers: Vec<(String, Option<String>)>,
    /// The value, unless it is null.
    pub value: Option<String>,
}

impl Record {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).and_then(|(_, value)| value.as_deref())
    }

    /// The value as JSON; null when it is not.
    pub fn json(&self) -> Value {
        self.value.as_deref().and_then(|value| serde_json::from_str(value).ok()).unwrap_or_default()
    }
}

/// Who leads a partition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Leader {
    /// The partition.
    pub partition: i32,
    /// The broker that leads it; below zero when none does.
    pub leader: i32,
    /// The brokers that have all of it.
    pub in_sync: Vec<i32>,
}

impl Librdkafka {
    /// Installs it where it is not installed yet.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn install() -> Result<PathBuf> {
        peers::python_package(PACKAGE)
    }

    /// Connected to the cluster at `bootstrap`, from where it was [installed](Self::install). It makes topics with as many
    /// `replicas`.
    pub fn new(environment: PathBuf, bootstrap: String, replicas: usize) -> Librdkafka {
        Librdkafka { environment, bootstrap, replicas }
    }

    /// Makes a topic and waits until it can be written to.
    ///
    /// # Errors
    /// When the brokers refuse.
    pub async fn create(&self, topic: &str, partitions: usize, config: &Value) -> Result {
        self.create_with(topic, partitions, self.replicas, config).await
    }

    /// Makes a topic with another number of replicas.
    ///
    /// # Errors
    /// When the brokers refuse.
    pub async fn create_with(&self, topic: &str, partitions: usize, replicas: usize, config: &Value) -> Result {
        let arguments = json!({ "topic": topic, "partitions": partitions, "replicas": replicas, "config": config });
        self.ask::<Value>("create", &arguments).await.map(drop)
    }

    /// Lets a user do `operations` with all topics whose names begin with one of `prefixes`.
    ///
    /// # Errors
    /// When the brokers refuse.
    pub async fn allow(&self, prefixes: &[&str], user: &str, operations: &[&str]) -> Result {
        let arguments = json!({ "topics": prefixes, "principal": user, "operations": operations });
        self.ask::<Value>("allow", &arguments).await.map(drop)
    }

    /// Makes a user of SCRAM-SHA-512, or removes it when it is given no password.
    ///
    /// # Errors
    /// When the brokers refuse.
    pub async fn user(&self, name: &str, password: Option<&str>) -> Result {
        self.ask::<Value>("user", &json!({ "name": name, "password": password })).await.map(drop)
    }

    /// Everything in the topic now, partition by partition in their orders.
    ///
    /// # Errors
    /// When it cannot be read to its end.
    pub async fn read(&self, topic: &str) -> Result<Vec<Record>> {
        let mut records: Vec<Record> = self.ask("read", &json!({ "topic": topic })).await?;
        records.sort_by_key(|record| (record.partition, record.offset));
        Ok(records)
    }

    /// Who leads the partitions of a topic.
    ///
    /// # Errors
    /// When that cannot be known.
    pub async fn leaders(&self, topic: &str) -> Result<Vec<Leader>> {
        self.ask("leaders", &json!({ "topic": topic })).await
    }

    /// Gives each partition of a topic back to the broker that should lead it.
    ///
    /// # Errors
    /// When the brokers refuse.
    pub async fn elect_preferred(&self, topic: &str) -> Result {
        self.ask::<Value>("elect", &json!({ "topic": topic })).await.map(drop)
    }

    /// The partition that the Java client's way of hashing gives each key. Writes a record for each into the topic.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn place(&self, topic: &str, keys: &[String]) -> Result<BTreeMap<String, i32>> {
        #[derive(Deserialize)]
        struct Placed {
            key: String,
            partition: i32,
        }
        let placed: Vec<Placed> = self.ask("place", &json!({ "topic": topic, "keys": keys })).await?;
        Ok(placed.into_iter().map(|placed| (placed.key, placed.partition)).collect())
    }

    /// Writes a record with these settings of its own, and perhaps this token. Says the name of the error, if there is one.
    ///
    /// # Errors
    /// When librdkafka cannot be asked.
    pub async fn write(&self, topic: &str, settings: &Value, token: Option<&str>) -> Result<Option<String>> {
        let arguments = json!({ "topic": topic, "value": "by librdkafka", "more": settings, "token": token });
        let said: Vec<Value> = self.ask("write", &arguments).await?;
        Ok(said.first().and_then(|answer| answer["error"].as_str()).map(str::to_owned))
    }

    async fn ask<T: DeserializeOwned>(&self, command: &str, arguments: &Value) -> Result<Vec<T>> {
        let script = places::root().join("tests/support/kafka/librdkafka.py");
        let mut child = tokio::process::Command::new(self.environment.join("bin/python"))
            .arg(script)
            .args([&self.bootstrap, command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(arguments.to_string().as_bytes()).await?;
        }
        let output = child.wait_with_output().await?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
            return Err(trouble(format!("librdkafka cannot {command}: {last}")));
        }
        let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).while_doing("reading librdkafka's answer")).collect()
    }
}
