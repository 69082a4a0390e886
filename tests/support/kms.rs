//! moto: an AWS KMS that shares no code with AWS, and checks signatures, policies and encryption contexts.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::certificates::Authority;
use crate::guarded::Guarded;
use crate::patience::until;
use crate::trouble::{Result, While, trouble};
use crate::{api, peers, places};

const PACKAGE: &str = "moto[server]==5.2.5";
/// Questions of `setup.py`, which nobody needs to sign.
const UNSIGNED: &str = "6";

/// A running moto with a key and a user who may use it. It ends when dropped.
pub struct Kms {
    endpoint: String,
    made: Value,
    // Ends before its folder goes.
    _process: Guarded,
    folder: tempfile::TempDir,
}

impl Kms {
    /// Starts it. `None`, and a word why, where it cannot be had.
    ///
    /// # Errors
    /// When it can be had and does not start.
    pub async fn start() -> Result<Option<Kms>> {
        let package = peers::python_environment("moto-5.2.5", "python3".as_ref(), &[PACKAGE]);
        let Some(package) = peers::if_it_can_be_had(package, "AWS KMS")? else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let authority = Authority::new("moto")?;
        let own = authority.server()?;
        let write = |name: &str, text: &str| -> Result<PathBuf> {
            std::fs::write(folder.path().join(name), text)?;
            Ok(folder.path().join(name))
        };
        let ca = write("ca.pem", &authority.root())?;
        let (certificate, key) = (write("server.pem", &own.certificate)?, write("server.key", &own.key)?);
        let port = peers::free_port()?;
        let mut command = Command::new("sh");
        // Its process id is known, so that it can be stopped for a while.
        command.args(["-c", "echo $$ >pid; exec \"$@\"", "sh"]).arg(package.join("bin/moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string(), "-c"]).arg(certificate).arg("-k").arg(key);
        command.env("INITIAL_NO_AUTH_ACTION_COUNT", UNSIGNED).current_dir(folder.path());
        let mut process = Guarded::start(&command, &File::create(folder.path().join("log.txt"))?)?;
        until("moto to listen", Duration::from_secs(60), async || {
            if process.ended()?.is_some() {
                let log = std::fs::read_to_string(folder.path().join("log.txt"))?;
                return Err(trouble(format!("moto ended instead of serving: {log}")));
            }
            Ok(peers::listens(port).then_some(()))
        })
        .await?;
        let endpoint = format!("https://127.0.0.1:{port}");
        let mut setup = Command::new(package.join("bin/python"));
        setup.arg(places::root().join("tests/support/kms/setup.py")).arg(&endpoint).arg(ca);
        let output = setup.output().while_doing("setting moto up")?;
        let made = serde_json::from_slice(&output.stdout)
            .map_err(|_| trouble(format!("moto was not set up: {}", String::from_utf8_lossy(&output.stderr))))?;
        Ok(Some(Kms { endpoint, made, _process: process, folder }))
    }

    /// The ARN of the key that `alias/freehold` stands for.
    ///
    /// # Errors
    /// When there is none.
    pub fn arn(&self) -> Result<String> {
        api::text(&self.made, "arn")
    }

    /// The user's access key: its id and its secret.
    ///
    /// # Errors
    /// When there is none.
    pub fn access_key(&self) -> Result<(String, String)> {
        Ok((api::text(&self.made, "id")?, api::text(&self.made, "secret")?))
    }

    /// Its address.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The file with the root of its certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// What a host is told about it.
    ///
    /// # Errors
    /// When there is no access key.
    pub fn settings(&self) -> Result<Vec<(String, String)>> {
        let (id, secret) = self.access_key()?;
        let settings = [
            ("FREEHOLD_AWS_KMS_ENDPOINT", self.endpoint.clone()),
            ("FREEHOLD_AWS_KMS_REGION", "eu-west-1".to_owned()),
            ("FREEHOLD_AWS_KMS_CA_FILE", self.ca_file().to_string_lossy().into_owned()),
            ("AWS_ACCESS_KEY_ID", id),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ];
        Ok(settings.map(|(name, value)| (name.to_owned(), value)).to_vec())
    }

    /// Makes it answer nothing, while connections go on being taken; or lets it go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn hang(&self, hangs: bool) -> Result {
        let pid = std::fs::read_to_string(self.folder.path().join("pid"))?;
        let signal = if hangs { "-STOP" } else { "-CONT" };
        let status = Command::new("kill").args([signal, pid.trim()]).status()?;
        if status.success() { Ok(()) } else { Err(trouble("moto does not run")) }
    }
}
