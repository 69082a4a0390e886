//! ClickHouse: the server that Debian has (18.16), and with all peers the engine of today (chdb), behind a front of ours.
//!
//! The old server checks users and passwords, and parses rows; it knows no deduplication token. Debian's packages are unpacked
//! into a folder, so that nothing is installed into the machine. Today's engine comes without a server: `clickhouse/front.py`
//! gives it the HTTP interface, and asks nobody who they are.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::guarded::Guarded;
use crate::patience::until;
use crate::trouble::{Result, While, trouble};
use crate::{peers, places};

const START: Duration = Duration::from_secs(120);

const ENGINE: &str = "chdb-core==26.9.0";

/// The password of every user.
pub const PASSWORD: &str = "planted-clickhouse-password";

/// A running ClickHouse. It ends when dropped.
pub struct ClickHouse {
    port: u16,
    // Ends before its folder goes.
    _process: Guarded,
    _folder: tempfile::TempDir,
}

impl ClickHouse {
    /// Starts Debian's server, with the users `writer` and `reader`. `None`, and a word why, where it cannot be had.
    ///
    /// # Errors
    /// When it can be had and does not start.
    pub async fn start() -> Result<Option<ClickHouse>> {
        let Some(packages) = peers::if_it_can_be_had(server(), "ClickHouse")? else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let port = peers::free_port()?;
        let below = |name: &str| folder.path().join(name);
        let (data, users) = (below("data").display().to_string(), below("users.xml").display().to_string());
        std::fs::write(below("users.xml"), users_file())?;
        std::fs::write(below("config.xml"), config_file(&data, &users, port, peers::free_port()?))?;
        let mut command = Command::new(packages.join("usr/sbin/clickhouse-server"));
        command.arg(format!("--config-file={}", below("config.xml").display()));
        let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"].map(|name| packages.join(name));
        command.env("LD_LIBRARY_PATH", std::env::join_paths(libraries).while_doing("naming libraries")?);
        command.env("HOME", folder.path()).current_dir(folder.path());
        ClickHouse::serve(&command, folder, port).await.map(Some)
    }

    /// Starts today's engine, behind the front. `None` unless all peers are wanted: it is large.
    ///
    /// # Errors
    /// When it is wanted and does not start.
    pub async fn start_engine() -> Result<Option<ClickHouse>> {
        if !peers::all_are_wanted() {
            return Ok(None);
        }
        let environment = peers::python_environment("chdb-core-26.9.0", Path::new("python3"), &[ENGINE])?;
        let folder = tempfile::tempdir()?;
        let port = peers::free_port()?;
        let mut command = Command::new(environment.join("bin/python"));
        command.arg(places::root().join("tests/support/clickhouse/front.py")).arg(port.to_string());
        command.arg(folder.path().join("data")).current_dir(folder.path());
        ClickHouse::serve(&command, folder, port).await.map(Some)
    }

    async fn serve(command: &Command, folder: tempfile::TempDir, port: u16) -> Result<ClickHouse> {
        let log = folder.path().join("log.txt");
        let mut process = Guarded::start(command, &File::create(&log)?)?;
        let ping = format!("http://127.0.0.1:{port}/ping");
        let client = reqwest::Client::new();
        until("ClickHouse to answer", START, async || {
            if process.ended()?.is_some() {
                let said = std::fs::read_to_string(&log)?;
                return Err(trouble(format!("ClickHouse ended instead of serving: {said}")));
            }
            let answer = client.get(&ping).send().await;
            Ok(answer.ok().filter(|answer| answer.status().is_success()).map(drop))
        })
        .await?;
        Ok(ClickHouse { port, _process: process, _folder: folder })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Loses the answer to an insert, after this many others: what it writes is written. Only the front can.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn lose_an_answer(&self, after: usize) -> Result {
        let request = reqwest::Client::new().post(format!("{}/front/lose", self.url())).body(after.to_string());
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// Runs a statement as the writer.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn run(&self, statement: &str) -> Result<String> {
        let request = reqwest::Client::new().post(self.url()).header("x-clickhouse-user", "writer");
        let answer = request.header("x-clickhouse-key", PASSWORD).body(statement.to_owned()).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if status.is_success() { Ok(text) } else { Err(trouble(format!("ClickHouse answered {status}: {text}"))) }
    }

    /// The rows that a query gives.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn rows(&self, query: &str) -> Result<Vec<Value>> {
        let text = self.run(&format!("{query} FORMAT JSONEachRow")).await?;
        text.lines().map(|line| serde_json::from_str(line).while_doing("reading a row")).collect()
    }
}

/// A folder with the server and the libraries that this machine lacks, from Debian's own packages.
fn server() -> Result<PathBuf> {
    const WANTED: &str = "clickhouse-server";
    peers::installed("clickhouse-debian", WANTED, |folder| {
        let listed = Command::new("apt-get")
            .args(["install", "--print-uris", "-y", "-qq", "--no-install-recommends", WANTED])
            .stdin(Stdio::null())
            .output()
            .while_doing("asking apt-get what clickhouse-server needs")?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        // `'address' file_version_architecture.deb size hash`
        let files = listed.lines().filter_map(|line| line.split_whitespace().nth(1));
        let packages: Vec<&str> = files.filter_map(|file| file.split('_').next()).collect();
        if !packages.contains(&WANTED) {
            return Err(trouble("apt-get knows no clickhouse-server that it could fetch (apt-get update may help)"));
        }
        let mut download = Command::new("apt-get");
        let output = download.arg("download").args(&packages).current_dir(folder).stdin(Stdio::null()).output()?;
        if !output.status.success() {
            return Err(trouble(format!("apt-get fetched nothing: {}", String::from_utf8_lossy(&output.stderr))));
        }
        for entry in std::fs::read_dir(folder)? {
            let file = entry?.path();
            if file.extension().is_some_and(|extension| extension == "deb") {
                let unpacked = Command::new("dpkg").arg("-x").arg(&file).arg(folder).status()?;
                if !unpacked.success() {
                    return Err(trouble(format!("dpkg cannot unpack {}", file.display())));
                }
                std::fs::remove_file(&file)?;
            }
        }
        Ok(())
    })
}

fn config_file(data: &str, users: &str, http: u16, tcp: u16) -> String {
    format!(
        "<yandex><logger><level>warning</level><console>1</console></logger>\
         <http_port>{http}</http_port><tcp_port>{tcp}</tcp_port><listen_host>127.0.0.1</listen_host>\
         <path>{data}/</path><tmp_path>{data}/tmp/</tmp_path><user_files_path>{data}/files/</user_files_path>\
         <users_config>{users}</users_config><default_profile>default</default_profile>\
         <default_database>default</default_database><mark_cache_size>67108864</mark_cache_size></yandex>"
    )
}

fn users_file() -> String {
    let user = |name: &str, profile: &str| {
        format!(
            "<{name}><password>{PASSWORD}</password><networks><ip>127.0.0.1</ip></networks>\
             <profile>{profile}</profile><quota>default</quota></{name}>"
        )
    };
    format!(
        "<yandex><profiles><default></default><readonly><readonly>2</readonly></readonly></profiles>\
         <users>{}{}</users><quotas><default></default></quotas></yandex>",
        user("writer", "default"),
        user("reader", "readonly")
    )
}
