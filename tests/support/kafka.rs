//! Real Kafka brokers, of several ages, with every way to authenticate that they know.
//!
//! Apache Kafka is fetched from Maven Central: `org.apache.kafka:kafka_2.13` with what it depends on is a whole broker, which
//! `kafka.Kafka` starts. Version 4 keeps its metadata itself; version 2 needs the ZooKeeper that comes along as a dependency.
//! Where there is no Java or no Maven, [`Kafka::start`] says so and gives none.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::certificates::{Authority, Certified};
use crate::guarded::Guarded;
use crate::patience::until;
use crate::tokens::Issuer;
use crate::trouble::{Result, While, trouble};
use crate::{chance, peers};

mod detour;
mod librdkafka;
mod properties;
mod version;

pub use detour::Detour;
pub use librdkafka::{Leader, Librdkafka, Record};
pub use version::Version;

/// Who may write into the topics of [`Options::open`], by every mechanism: the user name, the subject of tokens, and the
/// common name of client certificates.
pub const USER: &str = "freehold";

/// The audience of the tokens that brokers take.
pub const AUDIENCE: &str = "kafka-of-acme";

/// How long brokers may take to start, and to elect leaders.
const START: Duration = Duration::from_secs(120);

/// Starts that may fail because another program took a port meanwhile.
const TRIES: usize = 3;

/// What a cluster is started with.
#[derive(Clone)]
pub struct Options {
    /// Which Kafka.
    pub version: Version,
    /// How many brokers; old versions have one.
    pub brokers: usize,
    /// Topics whose names begin so can be written to by [`USER`]; those that begin with `read-` can only be described.
    pub open: Vec<String>,
    /// Compiles for speed and takes more memory: for measurements. Without it the start is quicker.
    pub for_speed: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { version: Version::CURRENT, brokers: 1, open: vec!["open-".into()], for_speed: false }
    }
}

/// The ways into a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listener {
    /// No TLS, and nobody need say who they are: they may do everything.
    Plaintext,
    /// TLS, and nobody need say who they are: they may do everything.
    Tls,
    /// TLS with a client certificate.
    MutualTls,
    /// SASL inside TLS.
    SaslTls,
    /// SASL without TLS.
    SaslPlaintext,
    /// As the first, and the brokers say that they are where a [`Detour`] leads to them.
    Detour,
}

impl Listener {
    const ALL: [Listener; 6] = [
        Listener::Plaintext,
        Listener::Tls,
        Listener::MutualTls,
        Listener::SaslTls,
        Listener::SaslPlaintext,
        Listener::Detour,
    ];
}

/// A running cluster. It ends when dropped.
pub struct Kafka {
    options: Options,
    folder: tempfile::TempDir,
    libraries: PathBuf,
    keeper: Option<Guarded>,
    brokers: Vec<Broker>,
    authority: Authority,
    issuer: Issuer,
    password: String,
    client: Librdkafka,
}

struct Broker {
    /// From 1.
    number: usize,
    ports: BTreeMap<Listener, u16>,
    /// Where it says that it is, to those who come by [`Listener::Detour`].
    detour: u16,
    /// Where it speaks with the others about metadata, or with ZooKeeper.
    inner_port: u16,
    process: Option<Guarded>,
    starts: usize,
}

impl Kafka {
    /// The single broker of the current version that runs, or a new one: tests side by side share it, each with topics of
    /// its own. `None`, and a word why, where it cannot be had.
    ///
    /// # Errors
    /// When it can be had and does not start.
    pub async fn shared() -> Result<Option<Arc<Kafka>>> {
        static RUNNING: Mutex<Weak<Kafka>> = Mutex::const_new(Weak::new());
        let mut running = RUNNING.lock().await;
        if let Some(kafka) = running.upgrade() {
            return Ok(Some(kafka));
        }
        let started = Kafka::start(Options::default()).await?.map(Arc::new);
        *running = started.as_ref().map(Arc::downgrade).unwrap_or_default();
        Ok(started)
    }

    /// Starts a cluster. `None`, and a word why, where it cannot be had.
    ///
    /// # Errors
    /// When it can be had and does not start.
    pub async fn start(options: Options) -> Result<Option<Kafka>> {
        let left_out = format!("Apache Kafka {}", options.version.number());
        let Some(libraries) = peers::if_it_can_be_had(options.version.libraries(), &left_out)? else { return Ok(None) };
        let Some(python) = peers::if_it_can_be_had(Librdkafka::install(), &left_out)? else { return Ok(None) };
        let mut tries = 0;
        loop {
            tries += 1;
            let mut kafka = Kafka::prepare(options.clone(), libraries.clone(), python.clone())?;
            match kafka.start_all().await {
                Ok(()) => {
                    kafka.allow_the_user().await?;
                    return Ok(Some(kafka));
                }
                Err(why) if tries == TRIES => return Err(trouble(format!("{why}; it printed:\n{}", kafka.log_tail()))),
                Err(_) => {}
            }
        }
    }

    fn prepare(options: Options, libraries: PathBuf, python: PathBuf) -> Result<Kafka> {
        let brokers = (1..=options.brokers).map(Broker::new).collect::<Result<Vec<Broker>>>()?;
        let bootstrap = addresses(&brokers, Listener::Plaintext).join(",");
        let kafka = Kafka {
            folder: tempfile::tempdir()?,
            libraries,
            keeper: None,
            brokers,
            authority: Authority::new("Kafka of acme")?,
            issuer: Issuer::new("https://login.acme.example")?,
            password: chance::word()?,
            client: Librdkafka::new(python, bootstrap, options.brokers),
            options,
        };
        let server = kafka.authority.server()?;
        kafka.write("server.pem", &format!("{}{}", server.key, server.certificate))?;
        kafka.write("root.pem", &kafka.authority.root())?;
        kafka.write("jwks.json", &kafka.issuer.jwks().to_string())?;
        for broker in &kafka.brokers {
            kafka.write(&format!("broker-{}.properties", broker.number), &properties::of(&kafka, broker))?;
        }
        Ok(kafka)
    }

    async fn start_all(&mut self) -> Result {
        if self.options.version.needs_zookeeper() {
            self.write("zookeeper.properties", &properties::of_zookeeper(self))?;
            let mut command = self.java("org.apache.zookeeper.server.quorum.QuorumPeerMain");
            command.arg(self.path("zookeeper.properties"));
            self.keeper = Some(Guarded::start(&command, &File::create(self.path("zookeeper.log"))?)?);
        } else {
            for broker in &self.brokers {
                self.format(broker)?;
            }
        }
        for number in 1..=self.brokers.len() {
            self.launch(number)?;
        }
        for number in 1..=self.brokers.len() {
            self.until_started(number).await?;
        }
        Ok(())
    }

    /// Prepares a broker's folder, with the users of SCRAM in its metadata.
    fn format(&self, broker: &Broker) -> Result {
        let mut command = self.java("kafka.tools.StorageTool");
        command.args(["format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c"]);
        command.arg(self.path(&format!("broker-{}.properties", broker.number)));
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            command.arg("--add-scram").arg(format!("{mechanism}=[name={USER},password={}]", self.password));
        }
        let output = command.output().while_doing("formatting Kafka's folder")?;
        if output.status.success() {
            return Ok(());
        }
        Err(trouble(format!("Kafka's folder was not formatted: {}", String::from_utf8_lossy(&output.stderr))))
    }

    fn java(&self, class: &str) -> Command {
        let mut command = Command::new("java");
        let for_a_short_life = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
        command.args(if self.options.for_speed { &["-Xmx1g"][..] } else { &for_a_short_life[..] });
        command.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=info");
        // Kafka reads keys only from where its operator allows.
        command.arg(format!("-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={}", self.keys_url()));
        command.arg("-cp").arg(self.libraries.join("*")).arg(class).current_dir(self.folder.path());
        command
    }

    fn launch(&mut self, number: usize) -> Result {
        let mut command = self.java("kafka.Kafka");
        command.arg(self.path(&format!("broker-{number}.properties")));
        let broker = self.broker_mut(number)?;
        broker.starts += 1;
        let log = format!("broker-{number}-{}.log", broker.starts);
        let process = Guarded::start(&command, &File::create(self.path(&log))?)?;
        self.broker_mut(number)?.process = Some(process);
        Ok(())
    }

    async fn until_started(&mut self, number: usize) -> Result {
        let says = if self.options.version.needs_zookeeper() { "[KafkaServer id=" } else { "Kafka Server started" };
        let log = self.log_path(self.broker(number)?);
        let broker = self.broker_mut(number)?;
        until("Kafka to start", START, async || {
            let text = std::fs::read_to_string(&log)?;
            if text.lines().any(|line| line.contains(says) && line.ends_with("started")) {
                return Ok(Some(()));
            }
            match broker.process.as_mut().map(Guarded::ended) {
                Some(Ok(None)) => Ok(None),
                _ => Err(trouble("Kafka ended instead of starting")),
            }
        })
        .await
    }

    async fn allow_the_user(&self) -> Result {
        if self.options.version.needs_zookeeper() {
            return Ok(());
        }
        let open: Vec<&str> = self.options.open.iter().map(String::as_str).collect();
        self.client.allow(&open, USER, &["WRITE", "DESCRIBE"]).await?;
        self.client.allow(&["read-"], USER, &["DESCRIBE"]).await
    }

    /// Ends a broker in order: it hands its partitions over first.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop_broker(&mut self, number: usize) -> Result {
        match self.broker_mut(number)?.process.take() {
            Some(process) => process.stop().await,
            None => Ok(()),
        }
    }

    /// Ends a broker as a power cut would.
    ///
    /// # Errors
    /// When there is none of that number.
    pub fn kill_broker(&mut self, number: usize) -> Result {
        self.broker_mut(number)?.process.take().map(Guarded::kill).unwrap_or_default();
        Ok(())
    }

    /// Starts a broker again after it ended, at the same addresses.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_broker(&mut self, number: usize) -> Result {
        self.launch(number)?;
        self.until_started(number).await
    }

    /// Opens the detour to the first broker, and says where it begins.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn detour(&self) -> Result<(Detour, String)> {
        let broker = self.broker(1)?;
        let to = broker.ports.get(&Listener::Detour).copied().unwrap_or_default();
        Ok((Detour::open(broker.detour, to).await?, format!("127.0.0.1:{}", broker.detour)))
    }

    /// `host:port` of each broker.
    pub fn addresses(&self, listener: Listener) -> Vec<String> {
        addresses(&self.brokers, listener)
    }

    /// The independent client, connected without authentication and allowed everything.
    pub fn client(&self) -> &Librdkafka {
        &self.client
    }

    /// Whom to trust so that the brokers' certificates are trusted, in PEM.
    pub fn root(&self) -> String {
        self.authority.root()
    }

    /// A client's certificate that the brokers trust.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn certificate(&self, name: &str) -> Result<Certified> {
        self.authority.client(name)
    }

    /// The password of [`USER`].
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Who makes tokens that the brokers take.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The version.
    pub fn version(&self) -> Version {
        self.options.version
    }

    fn keys_url(&self) -> String {
        format!("file://{}", self.path("jwks.json").display())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> Result {
        std::fs::write(self.path(name), text).while_doing(name)
    }

    fn broker(&self, number: usize) -> Result<&Broker> {
        let found = self.brokers.iter().find(|broker| broker.number == number);
        found.ok_or_else(|| trouble(format!("there is no broker {number}")))
    }

    fn broker_mut(&mut self, number: usize) -> Result<&mut Broker> {
        let found = self.brokers.iter_mut().find(|broker| broker.number == number);
        found.ok_or_else(|| trouble(format!("there is no broker {number}")))
    }

    fn log_path(&self, broker: &Broker) -> PathBuf {
        self.path(&format!("broker-{}-{}.log", broker.number, broker.starts))
    }

    fn log_tail(&self) -> String {
        let logs = self.brokers.iter().map(|broker| std::fs::read_to_string(self.log_path(broker)).unwrap_or_default());
        let all: Vec<String> = logs.collect();
        let lines: Vec<&str> = all.iter().flat_map(|log| log.lines()).collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Broker {
    fn new(number: usize) -> Result<Broker> {
        let ports = Listener::ALL.into_iter().map(|listener| Ok((listener, peers::free_port()?)));
        let ports = ports.collect::<Result<BTreeMap<Listener, u16>>>()?;
        let (detour, inner_port) = (peers::free_port()?, peers::free_port()?);
        Ok(Broker { number, ports, detour, inner_port, process: None, starts: 0 })
    }

    fn address(&self, listener: Listener) -> String {
        format!("127.0.0.1:{}", self.ports.get(&listener).copied().unwrap_or_default())
    }
}

fn addresses(brokers: &[Broker], listener: Listener) -> Vec<String> {
    brokers.iter().map(|broker| broker.address(listener)).collect()
}
