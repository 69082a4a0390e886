//! Who gives out tokens for a client's id and secret? oidc-provider, a server that is not ours, with a key that brokers know.

use std::fs::File;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::guarded::Guarded;
use crate::patience::until;
use crate::tokens::Issuer;
use crate::trouble::{Result, trouble};
use crate::{chance, peers, places};

const PACKAGE: &str = "oidc-provider@9.13.3";

/// A running identity provider with one client. It ends when dropped.
pub struct Oidc {
    port: u16,
    secret: String,
    // Ends before its folder goes.
    _process: Guarded,
    _folder: tempfile::TempDir,
}

impl Oidc {
    /// Starts one that signs as `issuer`, for `audience`. `None`, and a word why, where it cannot be had.
    ///
    /// # Errors
    /// When it can be had and does not start.
    pub async fn start(issuer: &Issuer, client: &str, audience: &str) -> Result<Option<Oidc>> {
        let package = peers::node_package(PACKAGE);
        let Some(package) = peers::if_it_can_be_had(package, "OAUTHBEARER")? else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let secret = chance::word()?;
        let input = folder.path().join("input.json");
        let wanted = json!({
            "issuer": issuer.name(), "key": issuer.key(), "client": client, "secret": secret, "audience": audience,
        });
        std::fs::write(&input, wanted.to_string())?;
        let mut command = Command::new("sh");
        // A guarded server has no stdin of its own.
        command.args(["-c", "exec node \"$1\" <\"$2\"", "sh"]);
        command.arg(places::root().join("tests/support/oidc/provider.mjs")).arg(&input).current_dir(package);
        let log = folder.path().join("log.txt");
        let mut process = Guarded::start(&command, &File::create(&log)?)?;
        let port = until("the identity provider to be ready", Duration::from_secs(60), async || {
            let text = std::fs::read_to_string(&log)?;
            if process.ended()?.is_some() {
                return Err(trouble(format!("the identity provider ended instead of serving: {text}")));
            }
            let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            Ok(whole.filter_map(|line| line.strip_prefix("port ")).find_map(|port| port.trim().parse().ok()))
        })
        .await?;
        Ok(Some(Oidc { port, secret, _process: process, _folder: folder }))
    }

    /// Where tokens are asked for.
    pub fn token_url(&self) -> String {
        format!("http://127.0.0.1:{}/token", self.port)
    }

    /// The client's secret.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}
