//! The real `freehold`, as a child process on a folder of its own, that tests start, stop, kill and start again.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use freehold_test_postgres::Database;

use crate::api::Api;
use crate::patience::until;
use crate::places;
use crate::trouble::{Result, While, trouble};

/// What the ready line begins with; the address follows.
const READY: &str = "freehold: listening on ";

/// How long a start may take: the first one compiles the plugins.
const START: Duration = Duration::from_secs(120);

/// The shipped destination types that most stories are about. Each one more is compiled at each start of a host that is built
/// for development, for seconds.
pub const USUAL_TYPES: [&str; 2] = ["webhook", "s3"];

/// What a host is started with.
#[derive(Default)]
pub struct Setup {
    /// Where its data lives; without it, in a temporary folder.
    pub data: Option<PathBuf>,
    /// The components that it has as destination types; without any, [`USUAL_TYPES`].
    pub components: Vec<PathBuf>,
    /// The program; without it, the one of [`places::freehold`].
    pub binary: Option<PathBuf>,
    /// More environment variables.
    pub environment: Vec<(String, String)>,
    /// Addresses that it may reach beside public ones; without it, the loopback that the receivers are on.
    pub egress_allow: Option<String>,
    /// Which database it uses.
    pub database: Where,
}

/// Where a host keeps everything.
#[derive(Default)]
pub enum Where {
    /// As [`places::database`] says.
    #[default]
    Wherever,
    /// In a file.
    File,
    /// In a Postgres, maybe beside others.
    Server(Database),
    /// In a Postgres that is spoken to by another address than its own.
    Behind(Database, String),
}

/// A running `freehold serve`.
pub struct TestHost {
    child: Option<Child>,
    url: String,
    folder: PathBuf,
    binary: Option<PathBuf>,
    environment: Vec<(String, String)>,
    plugins: PathBuf,
    starts: usize,
    database: Option<Database>,
    // Removed with everything in it when the host goes.
    _temporary: Option<tempfile::TempDir>,
}

impl TestHost {
    /// Starts a host with the usual destination types.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start() -> Result<TestHost> {
        TestHost::start_with(Setup::default()).await
    }

    /// Starts a host with these shipped destination types.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_with_types(types: &[&str]) -> Result<TestHost> {
        TestHost::start_with(Setup { components: shipped(types)?, ..Setup::default() }).await
    }

    /// Starts a host.
    ///
    /// # Errors
    /// When it does not become ready, with what it printed.
    pub async fn start_with(setup: Setup) -> Result<TestHost> {
        let mut host = TestHost::prepare(setup)?;
        host.start_again().await?;
        Ok(host)
    }

    /// A host that has not been started yet.
    ///
    /// # Errors
    /// When its folders cannot be made.
    pub fn prepare(setup: Setup) -> Result<TestHost> {
        let temporary = if setup.data.is_none() { Some(tempfile::tempdir()?) } else { None };
        let folder = match (&setup.data, &temporary) {
            (Some(folder), _) => folder.clone(),
            (None, Some(temporary)) => temporary.path().to_path_buf(),
            (None, None) => return Err(trouble("a host needs a folder")),
        };
        std::fs::create_dir_all(&folder)?;
        let plugins = match setup.components.as_slice() {
            [] => collect(&folder, &shipped(&USUAL_TYPES)?)?,
            components => collect(&folder, components)?,
        };
        let (binary, mut environment) = (setup.binary, setup.environment);
        let allowed = setup.egress_allow.unwrap_or_else(|| "127.0.0.0/8".into());
        environment.push(("FREEHOLD_EGRESS_ALLOW".into(), allowed));
        let (database, address) = match setup.database {
            Where::Behind(database, address) => (Some(database), Some(address)),
            Where::Server(database) => (Some(database), None),
            Where::File => (None, None),
            Where::Wherever => (places::database()?, None),
        };
        let address = address.or(database.as_ref().map(Database::url));
        environment.extend(address.map(|address| ("FREEHOLD_DATABASE".into(), address)));
        Ok(TestHost {
            child: None,
            url: String::new(),
            folder,
            binary,
            environment,
            plugins,
            starts: 0,
            database,
            _temporary: temporary,
        })
    }

    /// Starts it, for the first time or after it ended, and waits until it is ready. The address changes.
    ///
    /// # Errors
    /// When it does not become ready, with what it printed.
    pub async fn start_again(&mut self) -> Result {
        self.kill();
        self.starts += 1;
        let log = File::create(self.log_path(self.starts))?;
        let plugins = self.plugins.clone();
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"])?;
        command.arg("--plugins").arg(plugins).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.child = Some(command.spawn().while_doing("starting freehold")?);
        let this = &mut *self;
        let url = until("freehold to print its address", START, async || this.printed_address()).await?;
        self.url = url;
        let client = reqwest::Client::new();
        let readyz = format!("{}/readyz", self.url);
        until("freehold to be ready", START, async || {
            let answer = client.get(&readyz).send().await;
            Ok(answer.ok().filter(|answer| answer.status().is_success()).map(drop))
        })
        .await
        .map_err(|why| trouble(format!("{why}; it printed:\n{}", self.log())))
    }

    fn printed_address(&mut self) -> Result<Option<String>> {
        let log = std::fs::read(self.log_path(self.starts))?;
        let log = String::from_utf8_lossy(&log);
        // Only whole lines: the last one may still be on its way.
        let whole = log.rfind('\n').map_or("", |end| &log[..end]);
        if let Some(address) = whole.lines().find_map(|line| line.split_once(READY).map(|(_, address)| address)) {
            return Ok(Some(address.trim().trim_end_matches('/').to_owned()));
        }
        match self.child.as_mut().map(Child::try_wait) {
            Some(Ok(None)) => Ok(None),
            _ => Err(trouble(format!("freehold ended instead of serving; it printed:\n{log}"))),
        }
    }

    /// A `freehold` command on this host's data.
    ///
    /// # Errors
    /// When the binary has not been built.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = match &self.binary {
            Some(binary) => without_settings(binary),
            None => bare_command()?,
        };
        command.args(arguments).envs(self.environment.iter().cloned()).env("FREEHOLD_DATA", self.data());
        command.current_dir(&self.folder);
        Ok(command)
    }

    /// Runs a `freehold` command on this host's data to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.command(arguments)?.stdin(Stdio::null()).output()?)
    }

    /// Makes a tenant and speaks for it.
    ///
    /// # Errors
    /// When the command refuses.
    pub fn tenant(&self, name: &str) -> Result<Api> {
        Ok(self.api(&self.tenant_key(name)?))
    }

    /// Makes a tenant and returns its API key.
    ///
    /// # Errors
    /// When the command refuses.
    pub fn tenant_key(&self, name: &str) -> Result<String> {
        let output = self.run(&["tenants", "create", name])?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let key = printed.split_whitespace().find(|word| word.starts_with("fh_live_"));
        match key {
            Some(key) if output.status.success() => Ok(key.to_owned()),
            _ => Err(trouble(format!(
                "`freehold tenants create {name}` gave no key: {printed}{}",
                String::from_utf8_lossy(&output.stderr)
            ))),
        }
    }

    /// The API, with this key.
    pub fn api(&self, key: &str) -> Api {
        Api::new(&self.url, key)
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder of its data.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Its database, where it is a Postgres.
    pub fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    /// Uses this database from the next start on.
    pub fn move_to(&mut self, database: Database) {
        self.environment.retain(|(name, _)| name != "FREEHOLD_DATABASE");
        self.environment.push(("FREEHOLD_DATABASE".into(), database.url()));
        self.database = Some(database);
    }

    /// Sets these variables from the next start on.
    pub fn set_environment(&mut self, variables: Vec<(String, String)>) {
        self.environment.extend(variables);
    }

    /// Another host on the same Postgres database, with the same key and types.
    ///
    /// # Errors
    /// When it does not become ready, or there is no such database.
    pub async fn beside(&self) -> Result<TestHost> {
        let database = self.database.clone().ok_or_else(|| trouble("only hosts on a Postgres can be several"))?;
        let mut environment = self.environment.clone();
        environment.push(("FREEHOLD_KEK_FILE".into(), self.data().join("kek").to_string_lossy().into_owned()));
        let components = std::fs::read_dir(&self.plugins)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        TestHost::start_with(Setup { components, environment, database: Where::Server(database), ..Setup::default() })
            .await
    }

    /// Sends its process a signal, such as `STOP`.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&self, name: &str) -> Result {
        let process = self.process().ok_or_else(|| trouble("freehold does not run"))?;
        let status = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status()?;
        if status.success() { Ok(()) } else { Err(trouble(format!("kill -{name} failed"))) }
    }

    /// Everything it has printed, over all starts.
    pub fn log(&self) -> String {
        let logs = (1..=self.starts).map(|start| std::fs::read(self.log_path(start)).unwrap_or_default());
        logs.map(|log| String::from_utf8_lossy(&log).into_owned()).collect()
    }

    /// Its process id, while it runs.
    pub fn process(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.as_mut().map(Child::try_wait), Some(Ok(None)))
    }

    /// Ends it as a power cut would: SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only when it has ended already, which is what is wanted.
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// When it does not end, or not well.
    pub async fn stop(&mut self) -> Result {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        Command::new("kill").args(["-TERM", &child.id().to_string()]).status().while_doing("asking freehold to end")?;
        let ended = until("freehold to end", Duration::from_secs(60), async || Ok(child.try_wait()?)).await;
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(trouble(format!("freehold ended with {status}:\n{}", self.log()))),
            Err(why) => {
                drop(child.kill());
                drop(child.wait());
                Err(why)
            }
        }
    }

    fn log_path(&self, start: usize) -> PathBuf {
        self.folder.join(format!("log-{start}.txt"))
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A `freehold` command that knows nothing of the environment's settings.
///
/// # Errors
/// When the binary has not been built.
pub fn bare_command() -> Result<Command> {
    Ok(without_settings(&places::freehold()?))
}

fn without_settings(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FREEHOLD_") {
            command.env_remove(name);
        }
    }
    command
}

/// The components of these shipped types.
fn shipped(types: &[&str]) -> Result<Vec<PathBuf>> {
    types.iter().map(|name| places::plugin(name)).collect()
}

/// A folder with just these components.
fn collect(folder: &Path, components: &[PathBuf]) -> Result<PathBuf> {
    let plugins = folder.join("plugins");
    std::fs::create_dir_all(&plugins)?;
    for component in components {
        let name = component.file_name().ok_or_else(|| trouble("a component is a file"))?;
        std::fs::copy(component, plugins.join(name)).while_doing(&format!("copying {}", component.display()))?;
    }
    Ok(plugins)
}
