//! BigQuery, as far as it can be had: an emulator that is not ours (local-bigquery), behind a front of ours.
//!
//! The emulator speaks the REST API and the Storage Write API, and asks nobody who they are; so `bigquery/front.py` stands
//! before it and does what Google's token endpoints do. What was written is read by Google's own client library.
//!
//! local-bigquery 0.3.2 needs Python 3.13 and stands on duckdb 1.5.5, whose extensions come from PyPI as well.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Mutex;

use crate::guarded::Guarded;
use crate::patience::until;
use crate::trouble::{Result, While, trouble};
use crate::{peers, places};

/// The project that everything is in.
pub const PROJECT: &str = "acme-analytics";

const PACKAGES: [&str; 8] = [
    "local-bigquery==0.3.2",
    "duckdb==1.5.5",
    "duckdb-extensions==1.5.5",
    "duckdb-extension-icu==1.5.5",
    "duckdb-extension-ducklake==1.5.5",
    "duckdb-extension-spatial==1.5.5",
    "google-cloud-bigquery==3.47.0",
    "pyjwt[crypto]==2.15.1",
];

/// Puts the extensions where duckdb finds them without the network.
const EXTENSIONS: &str = "import duckdb_extensions
for extension in ('icu', 'ducklake', 'spatial'): duckdb_extensions.import_extension(extension)";

const START: Duration = Duration::from_secs(120);

/// A running BigQuery. It ends when dropped.
pub struct BigQuery {
    environment: PathBuf,
    said: Said,
    // The processes end before their folder goes.
    _front: Guarded,
    _emulator: Guarded,
    folder: tempfile::TempDir,
}

/// What the front says when it is ready.
#[derive(Deserialize)]
struct Said {
    rest: u16,
    storage: u16,
    audience: String,
    word: String,
    writer: String,
}

/// The keys that there are.
#[derive(Debug, Clone, Copy)]
pub enum Key {
    /// May do everything.
    Writer,
    /// May change nothing.
    Reader,
    /// Says that it is the writer's, and never was.
    Stranger,
}

impl BigQuery {
    /// The one that runs, or a new one: tests side by side share it, each with a dataset of its own. `None`, and a word why,
    /// where it cannot be had.
    ///
    /// # Errors
    /// When it can be had and does not start.
    pub async fn shared() -> Result<Option<Arc<BigQuery>>> {
        static RUNNING: Mutex<Weak<BigQuery>> = Mutex::const_new(Weak::new());
        let mut running = RUNNING.lock().await;
        if let Some(bigquery) = running.upgrade() {
            return Ok(Some(bigquery));
        }
        let started = BigQuery::start().await?.map(Arc::new);
        *running = started.as_ref().map(Arc::downgrade).unwrap_or_default();
        Ok(started)
    }

    /// Starts it. `None`, and a word why, where it cannot be had.
    ///
    /// # Errors
    /// When it can be had and does not start.
    pub async fn start() -> Result<Option<BigQuery>> {
        let Some(environment) = peers::if_it_can_be_had(install(), "BigQuery")? else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let (rest, storage) = (peers::free_port()?, peers::free_port()?);
        let mut emulator = Command::new(environment.join("bin/local-bigquery"));
        emulator.args(["serve", "--host", "127.0.0.1", "--project", PROJECT, "--port", &rest.to_string()]);
        emulator.args(["--grpc-port", &storage.to_string(), "--data-dir"]).arg(folder.path().join("data"));
        emulator.env("HOME", environment.join("home")).current_dir(folder.path());
        let mut emulator = Guarded::start(&emulator, &File::create(folder.path().join("emulator.log"))?)?;
        for port in [rest, storage] {
            until("the emulator of BigQuery to answer", START, async || {
                still_runs(&mut emulator, folder.path(), "emulator")?;
                Ok(peers::listens(port).then_some(()))
            })
            .await?;
        }
        let mut front = Command::new(environment.join("bin/python"));
        front.arg(places::root().join("tests/support/bigquery/front.py"));
        front.args([rest.to_string(), storage.to_string()]).arg(folder.path());
        let mut front = Guarded::start(&front, &File::create(folder.path().join("front.log"))?)?;
        let said = until("the front of BigQuery to be ready", START, async || {
            still_runs(&mut front, folder.path(), "front")?;
            let log = std::fs::read_to_string(folder.path().join("front.log"))?;
            Ok(log.split_inclusive('\n').find_map(|line| serde_json::from_str(line).ok()))
        })
        .await?;
        Ok(Some(BigQuery { environment, said, _front: front, _emulator: emulator, folder }))
    }

    /// What takes the place of Google's addresses in a destination's config.
    pub fn endpoints(&self) -> Value {
        let (rest, storage) = (self.url(), format!("http://127.0.0.1:{}", self.said.storage));
        json!({ "bigquery": rest, "storage": storage, "token": rest, "sts": rest, "iamcredentials": rest })
    }

    /// The address of the REST API and of the token endpoints.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.said.rest)
    }

    /// The JSON of a service account's key.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn key(&self, key: Key) -> Result<String> {
        Ok(std::fs::read_to_string(self.key_path(key))?)
    }

    /// The JSON of a credential configuration for workload identity federation.
    pub fn external_account(&self) -> String {
        let impersonated =
            format!("https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{}", self.said.writer);
        json!({
            "type": "external_account",
            "audience": self.said.audience,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": "https://sts.googleapis.com/v1/token",
            "credential_source": {
                "url": self.subject_token_url(),
                "format": { "type": "json", "subject_token_field_name": "id_token" },
            },
            "service_account_impersonation_url": format!("{impersonated}:generateAccessToken"),
        })
        .to_string()
    }

    /// Where the customer's own identity provider gives out tokens.
    pub fn subject_token_url(&self) -> String {
        format!("{}/subject-token", self.url())
    }

    /// What it wants to see before it does.
    pub fn subject_token_authorization(&self) -> String {
        format!("Bearer {}", self.said.word)
    }

    /// Makes all tokens worthless that an account was given.
    ///
    /// # Errors
    /// When the front cannot be asked.
    pub async fn revoke_tokens(&self, account: &str) -> Result {
        self.tell_front("revoke", account).await.map(drop)
    }

    /// Loses the answer to the next writes into a dataset, as many as `times`: what they write is written.
    ///
    /// # Errors
    /// When the front cannot be asked.
    pub async fn lose_answers(&self, dataset: &str, times: usize) -> Result {
        self.tell_front("lose", &format!("{dataset} {times}")).await.map(drop)
    }

    async fn tell_front(&self, what: &str, about: &str) -> Result<Value> {
        let answer = reqwest::Client::new().post(format!("{}/front/{what}", self.url())).body(about.to_owned());
        Ok(answer.send().await?.error_for_status()?.json().await?)
    }

    /// How many tokens an account has been given.
    ///
    /// # Errors
    /// When the front cannot be asked.
    pub async fn tokens_given(&self, account: &str) -> Result<u64> {
        let answer = self.tell_front("count", account).await?;
        answer["tokens"].as_u64().ok_or_else(|| trouble("the front does not count its tokens"))
    }

    /// A key of a new account that may do everything, and the account's address.
    ///
    /// # Errors
    /// When the front cannot be asked.
    pub async fn new_account(&self) -> Result<(String, String)> {
        let key = self.tell_front("account", "").await?;
        let email = key["client_email"].as_str().unwrap_or_default().to_owned();
        Ok((key.to_string(), email))
    }

    /// Makes a dataset.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn make_dataset(&self, dataset: &str) -> Result {
        self.ask("make_dataset", &json!({ "dataset": dataset })).await.map(drop)
    }

    /// The rows that a query gives.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn query(&self, sql: &str) -> Result<Vec<Value>> {
        self.ask("query", &json!({ "sql": sql })).await
    }

    /// Columns, partitioning and clustering of `dataset.table`; `None` when it is not there.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn table(&self, table: &str) -> Result<Option<Value>> {
        Ok(self.ask("table", &json!({ "table": table })).await?.pop())
    }

    /// Makes `dataset.table` with these columns: name, type and mode of each.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn make_table(&self, table: &str, columns: &[(&str, &str, &str)]) -> Result {
        self.ask("make_table", &json!({ "table": table, "columns": columns })).await.map(drop)
    }

    fn key_path(&self, key: Key) -> PathBuf {
        self.folder.path().join(match key {
            Key::Writer => "writer.json",
            Key::Reader => "reader.json",
            Key::Stranger => "stranger.json",
        })
    }

    async fn ask(&self, command: &str, arguments: &Value) -> Result<Vec<Value>> {
        let mut child = tokio::process::Command::new(self.environment.join("bin/python"))
            .arg(places::root().join("tests/support/bigquery/client.py"))
            .arg(self.url())
            .arg(self.key_path(Key::Writer))
            .arg(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(arguments.to_string().as_bytes()).await?;
        }
        let output = child.wait_with_output().await?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            // The exception, without the way that led to it.
            let lines = said.lines().skip_while(|line| !line.starts_with("google."));
            return Err(trouble(format!("Google's client cannot {command}: {}", lines.collect::<Vec<_>>().join(" "))));
        }
        let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).while_doing("reading the answer of Google's client")).collect()
    }
}

fn still_runs(process: &mut Guarded, folder: &Path, name: &str) -> Result {
    if process.ended()?.is_none() {
        return Ok(());
    }
    let log = std::fs::read_to_string(folder.join(format!("{name}.log"))).unwrap_or_default();
    let last = log.lines().last().unwrap_or("it said nothing");
    Err(trouble(format!("the {name} of BigQuery ended instead of serving: {last}")))
}

/// A folder with the emulator, and with its extensions in `home`.
fn install() -> Result<PathBuf> {
    let environment = peers::python_environment("local-bigquery-0.3.2", &python()?, &PACKAGES)?;
    peers::installed("local-bigquery-0.3.2/home", EXTENSIONS, |home| {
        let output =
            Command::new(environment.join("bin/python")).args(["-c", EXTENSIONS]).env("HOME", home).output()?;
        if output.status.success() {
            Ok(())
        } else {
            Err(trouble("the extensions of duckdb are not where they should be"))
        }
    })?;
    Ok(environment)
}

/// A Python 3.13: the emulator runs on no older one, and was tried on no newer one.
fn python() -> Result<PathBuf> {
    let mut candidates = vec![PathBuf::from("python3.13"), PathBuf::from("python3")];
    if let Some(home) = places::environment("HOME") {
        let versions = std::fs::read_dir(Path::new(&home).join(".pyenv/versions")).into_iter().flatten().flatten();
        candidates.extend(versions.map(|version| version.path().join("bin/python3.13")));
    }
    let is_3_13 = |python: &PathBuf| {
        let asked = Command::new(python).args(["-c", "import sys; print(sys.version_info[:2] == (3, 13))"]).output();
        asked.is_ok_and(|output| output.stdout.starts_with(b"True"))
    };
    candidates.into_iter().find(is_3_13).ok_or_else(|| trouble("there is no Python 3.13, which the emulator needs"))
}
