//! A customer's Postgres: one that asks for TLS and a password, and that can be ended and started again.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;

use crate::certificates::Authority;
use crate::guarded::Guarded;
use crate::patience::until;
use crate::trouble::{Result, While, trouble};
use crate::{chance, peers};

/// Who may sign in to every database, by a password, or as `certified` by a certificate.
pub const USER: &str = "freehold";

const START: Duration = Duration::from_secs(60);

/// Who may do what: an administrator over the socket, everyone else by a password over TLS.
const ACCESS: &str = "local all admin trust\n\
                      hostssl all certified 127.0.0.1/32 cert\n\
                      hostssl all md5er 127.0.0.1/32 md5\n\
                      hostssl all telling 127.0.0.1/32 password\n\
                      hostssl all all 127.0.0.1/32 scram-sha-256\n";

/// A running server. It ends when dropped.
pub struct Postgres {
    programs: PathBuf,
    port: u16,
    authority: Authority,
    password: String,
    process: Option<Guarded>,
    folder: tempfile::TempDir,
}

/// A database of it.
pub struct PostgresDatabase {
    server: Arc<Postgres>,
    name: String,
}

impl Postgres {
    /// The server that runs, or a new one: tests side by side share it, each with a database of its own. `None`, and a word why,
    /// where there is no Postgres.
    ///
    /// # Errors
    /// When there is one and it does not start.
    pub async fn shared() -> Result<Option<Arc<Postgres>>> {
        static RUNNING: Mutex<Weak<Postgres>> = Mutex::const_new(Weak::new());
        let mut running = RUNNING.lock().await;
        if let Some(server) = running.upgrade() {
            return Ok(Some(server));
        }
        let started = Postgres::start().await?.map(Arc::new);
        *running = started.as_ref().map(Arc::downgrade).unwrap_or_default();
        Ok(started)
    }

    /// Starts a server. `None`, and a word why, where there is no Postgres.
    ///
    /// # Errors
    /// When there is one and it does not start.
    pub async fn start() -> Result<Option<Postgres>> {
        let programs = freehold_test_postgres::programs().map_err(trouble);
        let Some(programs) = peers::if_it_can_be_had(programs, "Postgres as a destination")? else { return Ok(None) };
        let mut server = Postgres {
            programs,
            port: peers::free_port()?,
            authority: Authority::new("the customer's own")?,
            password: chance::word()?,
            process: None,
            folder: tempfile::tempdir()?,
        };
        server.prepare()?;
        server.start_again().await?;
        let password = server.password.clone();
        for (name, encryption) in
            [(USER, "scram-sha-256"), ("telling", "scram-sha-256"), ("certified", "scram-sha-256"), ("md5er", "md5")]
        {
            let role = format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'");
            server.run("postgres", &format!("SET password_encryption = '{encryption}'; {role}"))?;
        }
        Ok(Some(server))
    }

    fn prepare(&self) -> Result {
        let own = self.authority.server()?;
        for (name, text) in [("ca.pem", self.authority.root()), ("own.pem", own.certificate), ("own.key", own.key)] {
            std::fs::write(self.path(name), text)?;
        }
        freehold_test_postgres::give_to_server(self.folder.path()).map_err(trouble)?;
        let mut initdb = freehold_test_postgres::as_nobody_if_root();
        initdb.arg(self.programs.join("initdb")).arg("-D").arg(self.path("data"));
        initdb.args(["-U", "admin", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
        let made = initdb.current_dir(self.folder.path()).output()?;
        if !made.status.success() {
            return Err(trouble(String::from_utf8_lossy(&made.stderr).into_owned())).while_doing("making a cluster");
        }
        std::fs::write(self.path("data/pg_hba.conf"), ACCESS)?;
        // Postgres takes no key that others could read.
        freehold_test_postgres::give_to_server(&self.path("own.key")).map_err(trouble)
    }

    /// Starts it after it ended, at the same address and with what it had.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_again(&mut self) -> Result {
        let mut command = freehold_test_postgres::as_nobody_if_root();
        command.arg(self.programs.join("postgres")).arg("-D").arg(self.path("data"));
        command.args(["-p", &self.port.to_string(), "-h", "127.0.0.1", "-k"]).arg(self.folder.path());
        for setting in ["fsync=off", "ssl=on", "max_connections=100", "shared_buffers=32MB"] {
            command.args(["-c", setting]);
        }
        for (name, file) in [("ssl_cert_file", "own.pem"), ("ssl_key_file", "own.key"), ("ssl_ca_file", "ca.pem")] {
            command.arg("-c").arg(format!("{name}={}", self.path(file).display()));
        }
        command.current_dir(self.folder.path());
        let log = File::options().create(true).append(true).open(self.path("log"))?;
        self.process = Some(Guarded::start(&command, &log)?);
        until("Postgres to answer", START, async || match self.process.as_mut().map(Guarded::ended) {
            Some(Ok(None)) => Ok(self.run("postgres", "SELECT 1").ok().map(drop)),
            _ => Err(trouble(std::fs::read_to_string(self.path("log")).unwrap_or_default())),
        })
        .await
    }

    /// Ends it at once, with whatever was under way.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn crash(&mut self) -> Result {
        match self.process.take() {
            Some(process) => process.stop_by("QUIT").await,
            None => Ok(()),
        }
    }

    /// The port of the loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whom to trust so that its certificate is trusted, in PEM.
    pub fn root(&self) -> String {
        self.authority.root()
    }

    /// Who makes certificates that it trusts.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The password of [`USER`].
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Runs SQL as an administrator, over the socket. Returns the rows, columns divided by `|`.
    ///
    /// # Errors
    /// What the server says.
    pub fn run(&self, database: &str, sql: &str) -> Result<String> {
        let output = Command::new(self.programs.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h"])
            .arg(self.folder.path())
            .args(["-p", &self.port.to_string(), "-U", "admin", "-d", database, "-c", sql])
            .output()?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(trouble(String::from_utf8_lossy(&output.stderr).into_owned())),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl PostgresDatabase {
    /// A new database of a server.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(server: &Arc<Postgres>) -> Result<PostgresDatabase> {
        let name = format!("d{}", &chance::word()?[..12]);
        server.run("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(PostgresDatabase { server: server.clone(), name })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs SQL in it as an administrator.
    ///
    /// # Errors
    /// What the server says.
    pub fn run(&self, sql: &str) -> Result<String> {
        self.server.run(&self.name, sql)
    }

    /// The rows that `sql` selects, as objects.
    ///
    /// # Errors
    /// What the server says.
    pub fn rows(&self, sql: &str) -> Result<Vec<Value>> {
        let json = self.run(&format!("SELECT coalesce(json_agg(found), '[]') FROM ({sql}) found"))?;
        Ok(serde_json::from_str(&json)?)
    }
}
