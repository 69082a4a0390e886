//! A real Postgres for tests: one server for each test process, in a folder of its own on a free port, and a database for
//! whoever asks. Everything is gone when the process is, however it ends.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// What makes the roles, and the role that logs in.
const LOGIN: &str = "CREATE ROLE freehold LOGIN NOINHERIT;
    GRANT freehold_owner, freehold_app, freehold_worker TO freehold";
/// The database that the others are copies of.
const TEMPLATE: &str = "prepared";
/// How to get the programs.
const INSTALL: &str = "install Postgres 15 or newer first: `apt-get install postgresql` on Debian and Ubuntu, \
    `dnf install postgresql-server` on Fedora, `brew install postgresql` on a Mac";
/// The user that the server runs as where the tests run as root, which it refuses.
const NOBODY: u32 = 65_534;

/// A database with Freehold's roles and nothing else in it.
#[derive(Debug, Clone)]
pub struct Database {
    name: String,
    server: &'static Server,
}

#[derive(Debug)]
struct Server {
    programs: PathBuf,
    port: u16,
    /// Ends the server when it is closed, which happens with this process at the latest.
    _held: Child,
}

/// Why there is no Postgres here, if there is none: what needs one then has to be left out. Whoever wants every server of
/// others (`FREEHOLD_TEST_PEERS=all`) is not told so, and fails.
#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment of whoever runs them")]
pub fn missing() -> Option<String> {
    if std::env::var_os("FREEHOLD_TEST_PEERS").is_some_and(|wanted| wanted == "all") {
        return None;
    }
    programs().err()
}

impl Database {
    /// Makes a database. `roles` is the SQL that makes the roles; the first call of a process decides about it.
    ///
    /// # Errors
    /// When there is no Postgres on this machine, or it does not start; says what to do.
    pub fn create(roles: &str) -> Result<Database, String> {
        static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = SERVER.get_or_init(|| Server::start(roles)).as_ref().map_err(Clone::clone)?;
        let name = format!("freehold_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        server.run("postgres", &format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))?;
        Ok(Database { name, server })
    }

    /// Its address, for the role that Freehold logs in as.
    pub fn url(&self) -> String {
        self.url_as("freehold")
    }

    /// Its address, for another role.
    pub fn url_as(&self, role: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/{}", self.server.port, self.name)
    }

    /// The folder of the server's programs.
    pub fn programs(&self) -> &Path {
        &self.server.programs
    }

    /// Runs SQL as an administrator, whom no row-level security binds. Returns the rows, columns divided by `|`.
    ///
    /// # Errors
    /// What the server says.
    pub fn run(&self, sql: &str) -> Result<String, String> {
        self.server.run(&self.name, sql)
    }
}

impl Server {
    fn start(roles: &str) -> Result<Server, String> {
        let programs = programs()?;
        let folder = folder()?;
        let port = free_port()?;
        let mut command = as_nobody_if_root();
        command.args(["sh", "-c", include_str!("run.sh"), "postgres-for-tests"]);
        command.arg(&programs).arg(&folder).arg(port.to_string());
        let mut held = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("Postgres cannot be started: {error}"))?;
        let mut line = String::new();
        let said = held.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
        if line.trim() != "ready" {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            return Err(format!("Postgres did not start ({said:?}):\n{log}"));
        }
        let server = Server { programs, port, _held: held };
        server.run("postgres", &format!("CREATE DATABASE {TEMPLATE}"))?;
        server.run(TEMPLATE, roles)?;
        server.run(TEMPLATE, LOGIN)?;
        Ok(server)
    }

    fn run(&self, database: &str, sql: &str) -> Result<String, String> {
        let port = self.port.to_string();
        let output = Command::new(self.programs.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &port, "-U", "admin"])
            .args(["-d", database, "-c", sql])
            .output()
            .map_err(|error| format!("psql cannot be started: {error}"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

/// The folder of the programs of the newest Postgres on this machine.
///
/// # Errors
/// When there is none; says how to get it.
#[expect(clippy::disallowed_methods, reason = "the programs of a machine are where its search path says")]
pub fn programs() -> Result<PathBuf, String> {
    let packaged = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = packaged.map(|version| version.path().join("bin")).collect();
    folders.sort_by_key(|folder| version_of(folder));
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    let has_all = |folder: &&PathBuf| ["initdb", "pg_ctl", "psql"].iter().all(|name| folder.join(name).is_file());
    folders
        .iter()
        .rev()
        .find(has_all)
        .cloned()
        .ok_or_else(|| format!("there is no Postgres on this machine; {INSTALL}"))
}

fn version_of(folder: &Path) -> Option<u32> {
    folder.parent()?.file_name()?.to_str()?.parse().ok()
}

/// A folder that the server may write to.
fn folder() -> Result<PathBuf, String> {
    let folder = std::env::temp_dir().join(format!("freehold-postgres-{}", std::process::id()));
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(&folder).map_err(failed)?;
    give_to_server(&folder)?;
    Ok(folder)
}

/// Lets the user that servers run as own a file or folder, alone.
///
/// # Errors
/// When the file is not there.
pub fn give_to_server(path: &Path) -> Result<(), String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(failed)?;
        if is_root() {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).map_err(failed)?;
        }
    }
    Ok(())
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
}

/// What begins a command that runs as the user that servers run as: Postgres refuses to run as root.
pub fn as_nobody_if_root() -> Command {
    let nobody = NOBODY.to_string();
    match is_root() {
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups", "--"]);
            command
        }
        false => Command::new("env"),
    }
}

/// Whether this process runs as root, as the owner of what it makes says.
fn is_root() -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
    }
    #[cfg(not(unix))]
    false
}
