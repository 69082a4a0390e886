//! An OCI registry: Distribution, the one that most of the others were made of, as Debian packages it.

mod fake;
mod tokens;

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

pub use self::fake::{Asked, FakeRegistry, Said};
use self::tokens::TokenServer;
use crate::guarded::Guarded;
use crate::patience::until;
use crate::peers;
use crate::trouble::Result;

/// Debian's package, and the program in it.
const PACKAGE: &str = "docker-registry";
/// The only user, and the password.
pub const USER: &str = "ci";
/// The user's password.
pub const PASSWORD: &str = "open sesame";
/// The same as the registry keeps it: bcrypt, of the least cost.
const HASHED: &str = "$2b$04$YLzTVd0JOAZpWUzZRVrEB.a9x3EeWWR9774tTWeJELXyz6Frxi06m";

/// Whom it lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doors {
    /// Everybody.
    Open,
    /// [`USER`], by HTTP Basic.
    Basic,
    /// [`USER`], by tokens that another server hands out.
    Tokens,
}

/// A running registry. It ends when dropped.
pub struct Registry {
    port: u16,
    folder: tempfile::TempDir,
    _process: Guarded,
    _tokens: Option<TokenServer>,
}

impl Registry {
    /// Starts it. `None`, and a word why, where it cannot be had.
    ///
    /// # Errors
    /// When it can be had and does not start.
    pub async fn start(doors: Doors) -> Result<Option<Registry>> {
        let Some(program) = peers::if_it_can_be_had(peers::debian_program(PACKAGE), "an OCI registry")? else {
            return Ok(None);
        };
        let (folder, port) = (tempfile::tempdir()?, peers::free_port()?);
        let at = |name: &str| folder.path().join(name);
        let tokens = if doors == Doors::Tokens { Some(TokenServer::start().await?) } else { None };
        std::fs::write(at("htpasswd"), format!("{USER}:{HASHED}\n"))?;
        let auth = match &tokens {
            Some(tokens) => {
                std::fs::write(at("root.pem"), tokens.certificate())?;
                tokens.configuration(&at("root.pem"))
            }
            None if doors == Doors::Basic => {
                format!("auth:\n  htpasswd:\n    realm: registry\n    path: {}\n", at("htpasswd").display())
            }
            None => String::new(),
        };
        let configuration = format!(
            "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    \
             rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n  secret: not-much-of-one\n{auth}",
            at("data").display()
        );
        std::fs::write(at("config.yml"), configuration)?;
        let mut command = Command::new(program);
        command.arg("serve").arg(at("config.yml")).env("OTEL_TRACES_EXPORTER", "none");
        let process = Guarded::start(&command, &File::create(at("log"))?)?;
        until("the registry to listen", Duration::from_secs(60), async || Ok(peers::listens(port).then_some(())))
            .await?;
        Ok(Some(Registry { port, folder, _process: process, _tokens: tokens }))
    }

    /// The reference to `name`, such as `acme/collector:1.0.0`, in this registry.
    pub fn reference(&self, name: &str) -> String {
        format!("127.0.0.1:{}/{name}", self.port)
    }

    /// An address of its API.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/v2/{path}", self.port)
    }

    /// The file in which it keeps the bytes of a digest.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let digits = digest.trim_start_matches("sha256:");
        let folder = self.folder.path().join("data/docker/registry/v2/blobs/sha256");
        folder.join(digits.get(..2).unwrap_or_default()).join(digits).join("data")
    }
}
