//! noida-db: a server that speaks Kafka's protocol and shares no code with Apache Kafka. It asks nobody who they are.

use std::fs::File;
use std::process::Command;
use std::time::Duration;

use crate::guarded::Guarded;
use crate::kafka::Librdkafka;
use crate::patience::until;
use crate::peers;
use crate::trouble::{Result, trouble};

const PACKAGE: &str = "noida-db==0.2.3";

/// A running noida-db. It ends when dropped.
pub struct Noida {
    address: String,
    client: Librdkafka,
    // Ends before its folder goes.
    _process: Guarded,
    _folder: tempfile::TempDir,
}

impl Noida {
    /// Starts it. `None`, and a word why, where it cannot be had.
    ///
    /// # Errors
    /// When it can be had and does not start.
    pub async fn start() -> Result<Option<Noida>> {
        let left_out = "noida-db, as a second implementation of Kafka's protocol,";
        let Some(package) = peers::if_it_can_be_had(peers::python_package(PACKAGE), left_out)? else { return Ok(None) };
        let Some(python) = peers::if_it_can_be_had(Librdkafka::install(), left_out)? else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let port = peers::free_port()?;
        let address = format!("127.0.0.1:{port}");
        // The wrapper script in bin/ would leave the server behind when it ends.
        let mut command = Command::new(peers::program_in(&package, "noida-db")?);
        command.arg("start").arg("--data-dir").arg(folder.path().join("data"));
        command.args(["--host", "127.0.0.1", "--only", "kafka", "--kafka-port", &port.to_string()]);
        let mut process = Guarded::start(&command, &File::create(folder.path().join("log.txt"))?)?;
        until("noida-db to answer", Duration::from_secs(60), async || {
            if process.ended()?.is_some() {
                return Err(trouble("noida-db ended instead of serving"));
            }
            Ok(peers::listens(port).then_some(()))
        })
        .await?;
        let client = Librdkafka::new(python, address.clone(), 1);
        Ok(Some(Noida { address, client, _process: process, _folder: folder }))
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The independent client.
    pub fn client(&self) -> &Librdkafka {
        &self.client
    }
}
