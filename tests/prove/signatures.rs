//! Webhook signatures are right: the shipped component, in the real sandbox, signs as published vectors say, and what it
//! sends is accepted by the published libraries.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_model::delivery::ClaimedDelivery;
use freehold_model::event::{Event, EventId, EventType};
use freehold_model::secret::SecretFields;
use freehold_model::{
    BatchId, CustomerId, DeliveryId, DestinationId, Failure, Outcome, Secret, Sources, TenantId, Timestamp,
};
use freehold_sandbox::{Assignment, DestinationType, InstanceKey, Sandbox, SandboxConfig};
use freehold_tests::clock::{self, TestClock};
use freehold_tests::webhook::WebhookReceiver;
use freehold_tests::{Result, While, chance, peers, places, trouble};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Wish;
use crate::proof::Proof;

/// A published signature.
#[derive(Deserialize)]
struct Vector {
    name: String,
    secret: String,
    webhook_id: String,
    webhook_timestamp: i64,
    body_base64: String,
    webhook_signature: String,
    valid: bool,
}

/// The shipped webhook type in a sandbox of this program.
struct Signer {
    sandbox: Sandbox,
    webhook: Arc<DestinationType>,
    sources: Sources,
}

/// What is to be sent.
struct Message<'a> {
    url: &'a str,
    secret: &'a str,
    id: &'a str,
    body: &'a [u8],
}

pub(crate) async fn prove(wish: &Wish) -> Result<Proof> {
    let mut proof = Proof::of("signatures");
    let file = wish.vectors.clone().unwrap_or_else(|| places::data("webhook-vectors.json"));
    let text = std::fs::read(&file).while_doing(&format!("reading {}", file.display()))?;
    let vectors: Vec<Vector> = serde_json::from_slice(&text).while_doing(&format!("reading {}", file.display()))?;
    check_vectors(&vectors, &mut proof).await?;
    proof.figure("vectors", vectors.len());
    check_libraries(&mut proof).await?;
    Ok(proof)
}

async fn check_vectors(vectors: &[Vector], proof: &mut Proof) -> Result {
    let clock = TestClock::default();
    let signer = Signer::new(clock::at(&clock)).await?;
    let receiver = WebhookReceiver::start().await?;
    for (index, vector) in vectors.iter().enumerate() {
        clock.set_seconds(vector.webhook_timestamp);
        let mailbox = receiver.mailbox(&format!("/{index}"), None);
        let body = STANDARD.decode(&vector.body_base64).while_doing(&vector.name)?;
        let message = Message { url: mailbox.url(), secret: &vector.secret, id: &vector.webhook_id, body: &body };
        let outcome = signer.send(&message).await?;
        let produced = mailbox.received().first().and_then(|got| got.header("webhook-signature").map(str::to_owned));
        let listed: Vec<&str> = vector.webhook_signature.split(' ').collect();
        let (valid, why) = match (&produced, outcome) {
            (Some(produced), _) if produced.split(' ').any(|token| listed.contains(&token)) => (true, "as signed here"),
            (Some(_), _) => (false, "signed otherwise here"),
            (None, Err(_)) => (false, "the secret is refused"),
            (None, Ok(())) => return Err(trouble(format!("{}: delivered, but nothing arrived", vector.name))),
        };
        let said = if valid { "valid" } else { "invalid" };
        proof.case(format!("vector {}", vector.name), valid == vector.valid, format!("{said}: {why}"));
    }
    Ok(())
}

async fn check_libraries(proof: &mut Proof) -> Result {
    let signer = Signer::new(clock::system()).await?;
    let (right, wrong) = (chance::webhook_secret()?, chance::webhook_secret()?);

    let receiver = WebhookReceiver::start().await?;
    let mailbox = receiver.mailbox("/rust", Some(&right));
    let mut tried = vec!["rust"];
    library(proof, "rust: standardwebhooks", &signer, mailbox.url(), (&right, &wrong)).await?;

    let scripts = places::root().join("tests/prove/receivers");
    match peers::python_package("standardwebhooks==1.1.0") {
        Ok(environment) => {
            let python = environment.join("bin/python");
            let receiver = Script::start(&python, &scripts.join("receiver.py"), &environment, &right)?;
            library(proof, "python: standardwebhooks 1.1.0", &signer, &receiver.url, (&right, &wrong)).await?;
            tried.push("python");
        }
        Err(why) => eprintln!("the Python library is left out: {why}"),
    }
    match peers::node_package("standardwebhooks@1.1.1") {
        Ok(folder) => {
            let script = scripts.join("receiver.mjs");
            let receiver = Script::start(Path::new("node"), &script, &folder, &right)?;
            library(proof, "javascript: standardwebhooks 1.1.1", &signer, &receiver.url, (&right, &wrong)).await?;
            tried.push("javascript");
        }
        Err(why) => eprintln!("the JavaScript library is left out: {why}"),
    }
    proof.figure("libraries", tried);
    Ok(())
}

/// A receiver that knows the `right` secret accepts what is signed with it, and nothing else.
async fn library(proof: &mut Proof, name: &str, signer: &Signer, url: &str, secrets: (&str, &str)) -> Result {
    let (right, wrong) = secrets;
    let body = "{\"total\":12,\"name\":\"Ünï ☕\"}".as_bytes();
    let accepted = signer.send(&Message { url, secret: right, id: "msg_right", body }).await?;
    let detail = accepted.as_ref().map_or_else(|failure| failure.message.clone(), |()| "accepted".into());
    proof.case(format!("{name}, right secret"), accepted.is_ok(), detail);
    let refused = signer.send(&Message { url, secret: wrong, id: "msg_wrong", body }).await?;
    let code = refused.map_or_else(|failure| failure.code, |()| "accepted".into());
    proof.case(format!("{name}, wrong secret"), code == "http-401", code);
    Ok(())
}

impl Signer {
    async fn new(sources: Sources) -> Result<Signer> {
        let mut config = SandboxConfig::default();
        config.egress.allow.push("127.0.0.0/8".parse()?);
        config.limits.instances = 16;
        let sandbox = Sandbox::new(config, Secret::new(vec![0; 32]), sources.clone())?;
        let component = std::fs::read(places::plugin("webhook")?)?;
        let webhook = Arc::new(sandbox.load(component).await?);
        Ok(Signer { sandbox, webhook, sources })
    }

    /// Sends one message from an instance of its own. The inner error is why it was not delivered.
    async fn send(&self, message: &Message<'_>) -> Result<std::result::Result<(), Failure>> {
        let mut fields = SecretFields::default();
        fields.insert("secret", Secret::new(message.secret.as_bytes().to_vec()));
        if let Some(violation) = self.webhook.check_credential(&fields).into_iter().next() {
            return Ok(Err(Failure::new(freehold_model::ErrorKind::Auth, "refused", violation.message)));
        }
        let config: Value = json!({ "url": message.url });
        let key = InstanceKey {
            tenant: TenantId::generate(&self.sources),
            customer: CustomerId::generate(&self.sources),
            destination: DestinationId::generate(&self.sources),
            config_version: 1,
            credential_version: Some(1),
            digest: self.webhook.digest().to_owned(),
        };
        let member = self.member(&key, message.body)?;
        let (destination_type, beside) = (self.webhook.clone(), Vec::new());
        let assignment = Assignment { key, destination_type, config: &config, credential: fields, beside };
        let mut instance = match self.sandbox.start(assignment).await {
            Ok(instance) => instance,
            Err(ended) => return Ok(Err(ended.failure)),
        };
        let batch = BatchId::generate(&self.sources);
        let (outcomes, _) = instance.deliver_under_keys(&batch, 1, &[member], vec![message.id.to_owned()]).await;
        Ok(outcomes.and_then(|outcomes| match outcomes.into_iter().next() {
            Some(Outcome::Failed(failure)) => Err(failure),
            _ => Ok(()),
        }))
    }

    fn member(&self, key: &InstanceKey, body: &[u8]) -> Result<ClaimedDelivery> {
        let event = Event {
            tenant: key.tenant.clone(),
            customer: key.customer.clone(),
            id: EventId::parse("evt-1")?,
            event_type: EventType::parse("vector")?,
            time: Timestamp::EPOCH,
            data: body.to_vec(),
            metadata: std::collections::BTreeMap::new(),
            accepted_at: Timestamp::EPOCH,
        };
        Ok(ClaimedDelivery { id: DeliveryId::generate(&self.sources), event })
    }
}

/// A receiver in another language: prints its port, answers 204 or 401.
struct Script {
    child: Child,
    url: String,
}

impl Script {
    fn start(program: &Path, script: &PathBuf, folder: &Path, secret: &str) -> Result<Script> {
        let mut command = Command::new(program);
        command.arg(script).current_dir(folder).env("WEBHOOK_SECRET", secret);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().while_doing("starting a receiver")?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let port: u16 = line.trim().parse().while_doing(&format!("the port that {} prints", script.display()))?;
        Ok(Script { child, url: format!("http://127.0.0.1:{port}/") })
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
