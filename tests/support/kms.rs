//! moto: an AWS KMS that shares no code with AWS, and checks signatures, policies and encryption contexts.

use std::path::PathBuf;
use std::process::Command;

use crate::api;
use crate::certificates::Authority;
use crate::moto::{Moto, Start};
use crate::trouble::{Result, trouble};

/// Questions of `setup.py`, which nobody needs to sign.
const UNSIGNED: u32 = 6;

/// A running moto with a key and a user who may use it. It ends when dropped.
pub struct Kms {
    moto: Moto,
    folder: tempfile::TempDir,
}

impl Kms {
    /// Starts it. `None`, and a word why, where it cannot be had.
    ///
    /// # Errors
    /// When it can be had and does not start.
    pub async fn start() -> Result<Option<Kms>> {
        let folder = tempfile::tempdir()?;
        let authority = Authority::new("moto")?;
        let own = authority.server()?;
        let write = |name: &str, text: &str| -> Result<PathBuf> {
            std::fs::write(folder.path().join(name), text)?;
            Ok(folder.path().join(name))
        };
        let ca = write("ca.pem", &authority.root())?;
        let (certificate, key) = (write("server.pem", &own.certificate)?, write("server.key", &own.key)?);
        let tls = Some((certificate.as_path(), key.as_path(), ca.as_path()));
        let start = Start { what: "AWS KMS", setup: "kms/setup.py", unsigned: UNSIGNED, tls };
        Ok(Moto::start(start).await?.map(|moto| Kms { moto, folder }))
    }

    /// The ARN of the key that `alias/freehold` stands for.
    ///
    /// # Errors
    /// When there is none.
    pub fn arn(&self) -> Result<String> {
        api::text(&self.moto.made, "arn")
    }

    /// The user's access key: its id and its secret.
    ///
    /// # Errors
    /// When there is none.
    pub fn access_key(&self) -> Result<(String, String)> {
        Ok((api::text(&self.moto.made, "id")?, api::text(&self.moto.made, "secret")?))
    }

    /// Its address.
    pub fn endpoint(&self) -> &str {
        self.moto.endpoint()
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
            ("FREEHOLD_AWS_KMS_ENDPOINT", self.endpoint().to_owned()),
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
        let pid = std::fs::read_to_string(self.moto.folder().join("pid"))?;
        let signal = if hangs { "-STOP" } else { "-CONT" };
        let status = Command::new("kill").args([signal, pid.trim()]).status()?;
        if status.success() { Ok(()) } else { Err(trouble("moto does not run")) }
    }
}
