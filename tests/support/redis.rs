//! A customer's Redis: one that speaks TLS alone and knows users, and that can be ended and started again.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::certificates::Authority;
use crate::guarded::Guarded;
use crate::patience::until;
use crate::trouble::{Result, While, trouble};
use crate::{chance, peers};

/// A user with the rights that the setup guide gives.
pub const USER: &str = "freehold";

const START: Duration = Duration::from_secs(60);
const MISSING: &str = "there is no redis-server on this machine: `apt-get install redis-server` on Debian and Ubuntu";

/// A running server. It ends when dropped.
pub struct Redis {
    port: u16,
    authority: Authority,
    password: String,
    process: Option<Guarded>,
    folder: tempfile::TempDir,
}

/// An entry of a stream, as redis-cli reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The fields and their values, in their order.
    pub fields: Vec<(String, String)>,
}

impl Entry {
    /// The value of a field; empty when there is none.
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

impl Redis {
    /// Starts a server whose user may use the keys that `keys` says, as in `~events ~{events}:freehold`. `None`, and a word why,
    /// where there is no Redis.
    ///
    /// # Errors
    /// When there is one and it does not start.
    pub async fn start(keys: &str) -> Result<Option<Redis>> {
        let found = Command::new("redis-server").arg("--version").output();
        let found = found.map(drop).map_err(|_| trouble(MISSING));
        if peers::if_it_can_be_had(found, "Redis as a destination")?.is_none() {
            return Ok(None);
        }
        let mut server = Redis {
            port: peers::free_port()?,
            authority: Authority::new("the customer's own")?,
            password: chance::word()?,
            process: None,
            folder: tempfile::tempdir()?,
        };
        server.prepare(keys)?;
        server.start_again().await?;
        Ok(Some(server))
    }

    fn prepare(&self, keys: &str) -> Result {
        let own = self.authority.server()?;
        for (name, text) in [("ca.pem", self.authority.root()), ("own.pem", own.certificate), ("own.key", own.key)] {
            std::fs::write(self.path(name), text)?;
        }
        let (folder, port, password) = (self.folder.path().display(), self.port, &self.password);
        let commands =
            "+xadd +type +watch +unwatch +multi +exec +discard +zadd +zscore +zrem +zremrangebyscore +expire";
        // Written to disk before it is confirmed, so that it can be killed and nothing is lost.
        let config = format!(
            "bind 127.0.0.1\nport 0\ntls-port {port}\ndir {folder}\nsave \"\"\nappendonly yes\nappendfsync always\n\
             unixsocket {folder}/socket\ntls-cert-file {folder}/own.pem\ntls-key-file {folder}/own.key\n\
             tls-ca-cert-file {folder}/ca.pem\ntls-auth-clients optional\n\
             user default on >{password} ~* &* +@all\n\
             user {USER} on >{password} resetchannels {keys} -@all {commands}\n\
             user adder on >{password} resetchannels {keys} -@all +xadd\n\
             user reader on >{password} resetchannels {keys} -@all +xrange +type\n"
        );
        Ok(std::fs::write(self.path("redis.conf"), config)?)
    }

    /// Starts it after it ended, at the same address and with what it had.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_again(&mut self) -> Result {
        let mut command = Command::new("redis-server");
        command.arg(self.path("redis.conf"));
        let log = File::options().create(true).append(true).open(self.path("log"))?;
        self.process = Some(Guarded::start(&command, &log)?);
        until("Redis to answer", START, async || match self.process.as_mut().map(Guarded::ended) {
            Some(Ok(None)) => Ok(self.run(&["PING"]).ok().filter(|answer| answer == "PONG").map(drop)),
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

    /// The password of every user.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Runs a command as an administrator, with redis-cli. Returns the answer as JSON.
    ///
    /// # Errors
    /// What the server says.
    pub fn run(&self, command: &[&str]) -> Result<Value> {
        let output = Command::new("redis-cli")
            .args(["-e", "--json", "-s"])
            .arg(self.path("socket"))
            .args(command)
            .env("REDISCLI_AUTH", &self.password)
            .output()?;
        if !output.status.success() {
            return Err(trouble(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        serde_json::from_slice(&output.stdout).while_doing(&String::from_utf8_lossy(&output.stdout))
    }

    /// The entries of a stream, in their order.
    ///
    /// # Errors
    /// What the server says.
    pub fn entries(&self, stream: &str) -> Result<Vec<Entry>> {
        let found = self.run(&["XRANGE", stream, "-", "+"])?;
        Ok(found.as_array().into_iter().flatten().map(|entry| Entry { fields: pairs(&entry[1]) }).collect())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn pairs(names_and_values: &Value) -> Vec<(String, String)> {
    let texts: Vec<&str> = names_and_values.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    texts.chunks_exact(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect()
}
