//! moto: an AWS that shares no code with AWS, and checks signatures and policies. KMS, queues and streams are its own parts.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Mutex;

use crate::guarded::Guarded;
use crate::patience::until;
use crate::trouble::{Result, While, trouble};
use crate::{api, peers, places};

const PACKAGE: &str = "moto[server]==5.2.5";

/// The region that everything is in.
pub const REGION: &str = "eu-west-1";

/// A running moto with what its set-up made. It ends when dropped.
pub struct Moto {
    environment: PathBuf,
    endpoint: String,
    /// What the set-up says that it made.
    pub made: Value,
    // Ends before its folder goes.
    _process: Guarded,
    folder: tempfile::TempDir,
}

/// How a moto is started.
pub struct Start<'a> {
    /// What is not tried where it cannot be had.
    pub what: &'a str,
    /// The script below tests/support that sets it up, with this many questions, which nobody needs to sign.
    pub setup: &'a str,
    /// The number of these questions.
    pub unsigned: u32,
    /// The certificate and the key that it serves with, and what else the script is given; plain HTTP without.
    pub tls: Option<(&'a Path, &'a Path, &'a Path)>,
}

impl Moto {
    /// Starts it. `None`, and a word why, where it cannot be had.
    ///
    /// # Errors
    /// When it can be had and does not start.
    pub async fn start(start: Start<'_>) -> Result<Option<Moto>> {
        let environment = peers::python_environment("moto-5.2.5", "python3".as_ref(), &[PACKAGE]);
        let Some(environment) = peers::if_it_can_be_had(environment, start.what)? else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let port = peers::free_port()?;
        let mut command = Command::new("sh");
        // Its process id is known, so that it can be stopped for a while.
        command.args(["-c", "echo $$ >pid; exec \"$@\"", "sh"]).arg(environment.join("bin/moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        if let Some((certificate, key, _)) = start.tls {
            command.arg("-c").arg(certificate).arg("-k").arg(key);
        }
        command.env("INITIAL_NO_AUTH_ACTION_COUNT", start.unsigned.to_string()).current_dir(folder.path());
        let mut process = Guarded::start(&command, &File::create(folder.path().join("log.txt"))?)?;
        until("moto to listen", Duration::from_secs(60), async || {
            if process.ended()?.is_some() {
                let log = std::fs::read_to_string(folder.path().join("log.txt"))?;
                return Err(trouble(format!("moto ended instead of serving: {log}")));
            }
            Ok(peers::listens(port).then_some(()))
        })
        .await?;
        let scheme = if start.tls.is_some() { "https" } else { "http" };
        let endpoint = format!("{scheme}://127.0.0.1:{port}");
        let mut setup = Command::new(environment.join("bin/python"));
        setup.arg(places::root().join("tests/support").join(start.setup)).arg(&endpoint);
        setup.args(start.tls.map(|(_, _, more)| more));
        let output = setup.output().while_doing("setting moto up")?;
        let made = serde_json::from_slice(&output.stdout)
            .map_err(|_| trouble(format!("moto was not set up: {}", String::from_utf8_lossy(&output.stderr))))?;
        Ok(Some(Moto { environment, endpoint, made, _process: process, folder }))
    }

    /// The one with queues and streams that runs, or a new one: tests side by side share it. `None`, and a word why, where it
    /// cannot be had.
    ///
    /// # Errors
    /// When it can be had and does not start.
    pub async fn shared() -> Result<Option<Arc<Moto>>> {
        static RUNNING: Mutex<Weak<Moto>> = Mutex::const_new(Weak::new());
        let mut running = RUNNING.lock().await;
        if let Some(moto) = running.upgrade() {
            return Ok(Some(moto));
        }
        let start = Start { what: "Amazon SQS and Kinesis", setup: "moto/setup.py", unsigned: 9, tls: None };
        let started = Moto::start(start).await?.map(Arc::new);
        *running = started.as_ref().map(Arc::downgrade).unwrap_or_default();
        Ok(started)
    }

    /// Its address.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The credential of the user who may send, and nothing else.
    pub fn sender(&self) -> Value {
        self.made["sender"].clone()
    }

    /// The credential of a user who may do nothing.
    pub fn stranger(&self) -> Value {
        self.made["stranger"].clone()
    }

    /// Has boto3 do something with a service, as the owner of the account.
    ///
    /// # Errors
    /// When the service refuses.
    pub async fn ask(&self, service: &str, operation: &str, arguments: Value) -> Result<Value> {
        let owner = &self.made["owner"];
        let question = json!({ "service": service, "operation": operation, "arguments": arguments, "owner": owner });
        let mut child = tokio::process::Command::new(self.environment.join("bin/python"))
            .arg(places::root().join("tests/support/moto/client.py"))
            .arg(&self.endpoint)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(question.to_string().as_bytes()).await?;
        }
        let output = child.wait_with_output().await?;
        serde_json::from_slice(&output.stdout).map_err(|_| {
            let said = String::from_utf8_lossy(&output.stderr);
            trouble(format!("boto3 cannot {operation}: {}", said.lines().last().unwrap_or_default()))
        })
    }

    /// Makes a queue; answers with its address.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn make_queue(&self, name: &str, attributes: Value) -> Result<String> {
        let made = self.ask("sqs", "create_queue", json!({ "QueueName": name, "Attributes": attributes })).await?;
        let url = api::text(&made, "QueueUrl")?;
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        Ok(format!("{}/{path}", self.endpoint))
    }

    /// Takes all messages out of a queue, in the order in which it gives them. Those of tests are left out.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub async fn messages(&self, queue: &str) -> Result<Vec<Value>> {
        let found = self.ask("sqs", "drain", json!({ "QueueUrl": queue })).await?;
        let is_test = |message: &Value| message["MessageAttributes"]["type"]["StringValue"] == "freehold.test";
        Ok(found.as_array().into_iter().flatten().filter(|message| !is_test(message)).cloned().collect())
    }

    /// The folder of its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
