//! A planted credential is found nowhere it should not be: random secrets are given to destinations that work, fail, echo
//! and are refused, and then everything that Freehold wrote or answered is searched for them in every form.

mod memory;
mod needles;

use std::collections::BTreeMap;
use std::path::Path;

use freehold_tests::api::text;
use freehold_tests::s3::{Bucket, S3Server};
use freehold_tests::webhook::{Mailbox, Reply, WebhookReceiver};
use freehold_tests::{Answer, Api, LONG, Result, Setup, TestHost, bodies, places, trouble, until};
use http::Method;
use serde_json::{Value, json};

use crate::Wish;
use crate::proof::Proof;
use needles::Needles;

/// Everything is logged, but for the code generator: it is done before there are secrets, and writes a gigabyte.
const LOG: &str =
    "trace,cranelift_codegen=info,cranelift_frontend=info,wasmtime_internal_cranelift=info,regalloc2=info";
/// Events for each destination.
const EVENTS: usize = 20;

/// Everything that Freehold has answered or written, by where it was.
type Haystack = Vec<(String, Vec<u8>)>;

/// What runs while secrets are planted.
struct Field {
    api: Api,
    customer: String,
    webhooks: WebhookReceiver,
    s3: S3Server,
    bucket: Bucket,
    needles: Needles,
    answers: Haystack,
    destinations: Vec<String>,
}

pub(crate) async fn prove(_wish: &Wish) -> Result<Proof> {
    let mut proof = Proof::of("secrets");
    let mut needles = Needles::default();
    let bucket_secret = needles.hex("the S3 secret key")?;
    let bucket = Bucket::new("events-of-acme", "AKIAPLANTED", bucket_secret.text());
    let s3 = S3Server::start(std::slice::from_ref(&bucket)).await?;
    let mut components = vec![places::plugin("webhook")?, places::plugin("s3")?];
    for guest in ["leaker", "echo-leaker", "memory-reader"] {
        components.push(places::guest(guest)?);
    }
    let environment = vec![("FREEHOLD_LOG".into(), LOG.into())];
    let setup = Setup { components, environment, ..Setup::default() };
    let mut host = TestHost::start_with(setup).await?;
    let api = host.tenant("acme")?;
    let customer = api.create_customer("customer-one").await?;
    needles.own_text("the API key", api.key());
    needles.own_text("the key file", std::fs::read_to_string(host.data().join("kek"))?.trim());
    let webhooks = WebhookReceiver::start().await?;
    let (answers, destinations) = (Vec::new(), Vec::new());
    let mut field = Field { api, customer, webhooks, s3, bucket, needles, answers, destinations };

    let mailboxes = field.plant_webhooks().await?;
    field.plant_buckets().await?;
    field.plant_leaks().await?;
    field.plant_mistakes().await?;
    field.traffic(&mailboxes).await?;
    let in_use = field.control(&mailboxes)?;
    proof.case(
        "control: the receivers got the planted secrets",
        in_use == 2,
        format!("{in_use} of 2 seen where they belong"),
    );
    memory::search(&field, &mut proof).await?;
    field.read_everything().await?;

    let mut haystack = std::mem::take(&mut field.answers);
    collect(&host.data(), "while serving: ", &mut haystack)?;
    host.stop().await?;
    collect(&host.data(), "after stopping: ", &mut haystack)?;
    haystack.push(("the log, at trace level".into(), host.log().into_bytes()));
    search(&field.needles, &haystack, &mut proof)?;
    Ok(proof)
}

impl Field {
    /// Webhooks whose receivers take it, echo it, refuse it, redirect it and fail.
    async fn plant_webhooks(&mut self) -> Result<Vec<Mailbox>> {
        let mut mailboxes = Vec::new();
        for (name, reply) in [
            ("good", Reply::Status(204)),
            ("echo-500", Reply::Echo(500)),
            ("echo-400", Reply::Echo(400)),
            ("refused", Reply::Echo(401)),
            ("redirect", Reply::Redirect("http://127.0.0.1:9/elsewhere".into())),
            ("gone", Reply::Echo(410)),
        ] {
            let secret = self.needles.webhook_secret(&format!("the signing secret of {name}"))?;
            let mailbox = self.webhooks.mailbox(&format!("/{name}"), Some(secret.text()));
            mailbox.otherwise(reply);
            let mut body = bodies::retrying_at_once(bodies::webhook(&mailbox, secret.text()));
            if name.contains("400") {
                let password = self.needles.base64(&format!("the password of {name}"))?;
                body["credential"]["username"] = json!("me");
                body["credential"]["password"] = json!(password.text());
                self.needles.basic("me", &password);
            } else {
                let token = self.needles.hex(&format!("the bearer token of {name}"))?;
                body["credential"]["bearer_token"] = json!(token.text());
            }
            self.create(&body).await?;
            mailboxes.push(mailbox);
        }
        Ok(mailboxes)
    }

    /// Buckets with the right key, a wrong one, and a session token that the store refuses.
    async fn plant_buckets(&mut self) -> Result {
        let right = bodies::retrying_at_once(bodies::s3(&self.s3, &self.bucket));
        self.create(&right).await?;
        let mut wrong = right.clone();
        let other = self.needles.hex("a wrong S3 secret key")?;
        wrong["credential"]["secret_access_key"] = json!(other.text());
        self.create(&wrong).await?;
        let mut with_token = right;
        let token = self.needles.base64("an S3 session token")?;
        with_token["credential"]["session_token"] = json!(token.text());
        self.create(&with_token).await?;
        Ok(())
    }

    /// Plugins that tell what they know: one may read its secret, the other has a server say it back.
    async fn plant_leaks(&mut self) -> Result {
        for guest in ["leaker", "echo-leaker"] {
            let mailbox = self.webhooks.mailbox(&format!("/{guest}"), None);
            mailbox.otherwise(Reply::Echo(200));
            let secret = self.needles.hex(&format!("the secret of {guest}"))?;
            let body = json!({
                "type": guest, "name": guest, "config": { "url": mailbox.url() }, "credential": { "secret": secret.text() },
            });
            self.create(&bodies::retrying_at_once(body)).await?;
        }
        Ok(())
    }

    /// Secrets in requests that are refused, and in a credential that is replaced.
    async fn plant_mistakes(&mut self) -> Result {
        let path = format!("/v1/customers/{}/destinations", self.customer);
        let strange = self.needles.hex("a secret in a field that does not exist")?;
        let malformed = self.needles.hex("a secret of a wrong form")?;
        let cut_off = self.needles.hex("a secret in broken JSON")?;
        let made = json!({ "type": "webhook", "name": "x", "config": { "url": "https://example.com/" } });
        for credential in [json!({ "passwort": strange.text() }), json!({ "secret": malformed.text() })] {
            let mut body = made.clone();
            body["credential"] = credential;
            let answer = self.api.post(&path, &body).await?;
            self.keep("an answer to a bad credential", &answer);
        }
        let broken = format!("{{\"type\":\"webhook\",\"credential\":{{\"secret\":\"{}\"", cut_off.text()).into_bytes();
        let answer = self.api.send(Method::POST, &path, &[("content-type", "application/json")], broken).await?;
        self.keep("an answer to broken JSON", &answer);
        let wrong_key = self.needles.hex("a made-up API key")?;
        let answer = self.api.with_key(wrong_key.text()).get("/v1/customers").await?;
        self.keep("an answer to a wrong key", &answer);

        let replacement = self.needles.webhook_secret("a replaced signing secret")?;
        let path = format!("/v1/destinations/{}/credential", self.destinations[0]);
        let mailbox_secret = json!({ "secret": replacement.text() });
        let answer = self.api.send_json(Method::PUT, &path, &mailbox_secret).await?;
        answer.ok()?;
        self.keep("the answer to a new credential", &answer);
        self.webhooks.mailbox("/good", Some(replacement.text()));
        Ok(())
    }

    async fn create(&mut self, body: &Value) -> Result {
        let path = format!("/v1/customers/{}/destinations", self.customer);
        let answer = self.api.post(&path, body).await?;
        self.destinations.push(text(&answer.ok()?, "id")?);
        self.keep("the answer to a new destination", &answer);
        Ok(())
    }

    async fn traffic(&mut self, mailboxes: &[Mailbox]) -> Result {
        let events: Vec<Value> = (0..EVENTS)
            .map(|number| json!({ "type": "order.made", "customer": self.customer, "data": { "number": number } }))
            .collect();
        let answer = self.api.publish(&json!(events)).await?;
        answer.ok()?;
        self.keep("the answer to publishing", &answer);
        for destination in self.destinations.clone() {
            let answer = self.api.post(&format!("/v1/destinations/{destination}/test"), &json!({})).await?;
            self.keep("the answer to a test", &answer);
            until("an attempt at each destination", LONG, async || {
                Ok(Some(self.api.attempts(&format!("destination={destination}")).await?)
                    .filter(|found| !found.is_empty()))
            })
            .await?;
        }
        for mailbox in mailboxes {
            mailbox.wait_for(1).await?;
        }
        Ok(())
    }

    /// How many of two secrets are found where they do belong: a search that finds nothing anywhere proves nothing.
    fn control(&self, mailboxes: &[Mailbox]) -> Result<usize> {
        let headers = mailboxes.iter().flat_map(Mailbox::received).map(|request| format!("{:?}", request.headers));
        let all: String = headers.collect();
        let names = self.needles.search()?.names_in(all.as_bytes());
        let found = |name: &str| names.iter().any(|found| found.starts_with(name));
        Ok(usize::from(found("the bearer token of echo-500")) + usize::from(found("a pair of user and password")))
    }

    /// Everything that can be read over HTTP.
    async fn read_everything(&mut self) -> Result {
        let mut paths: Vec<String> = ["/metrics", "/openapi.json", "/healthz", "/readyz"].map(str::to_owned).to_vec();
        for list in ["customers", "events", "deliveries", "attempts", "audit", "destination-types"] {
            paths.push(format!("/v1/{list}?limit=200"));
        }
        paths.push(format!("/v1/customers/{}", self.customer));
        paths.push(format!("/v1/customers/{}/destinations", self.customer));
        paths.extend(self.destinations.iter().map(|id| format!("/v1/destinations/{id}")));
        for kind in ["events", "deliveries", "attempts"] {
            for row in self.api.list(&format!("/v1/{kind}")).await? {
                paths.push(format!("/v1/{kind}/{}", text(&row, "id")?));
            }
        }
        for path in paths {
            let answer = self.api.get(&path).await?;
            if answer.status != 200 {
                return Err(trouble(format!("{path}: {} {}", answer.status, answer.text())));
            }
            self.keep(&format!("GET {path}"), &answer);
        }
        Ok(())
    }

    fn keep(&mut self, what: &str, answer: &Answer) {
        let mut bytes = format!("{:?}\n", answer.headers).into_bytes();
        bytes.extend_from_slice(&answer.body);
        self.answers.push((what.to_owned(), bytes));
    }
}

/// Every file below `folder`, but for the key file, which holds what it holds.
fn collect(folder: &Path, when: &str, haystack: &mut Haystack) -> Result {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, when, haystack)?;
        } else if path.file_name().is_some_and(|name| name != "kek") {
            let is_code = path.extension().is_some_and(|extension| extension == "code");
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let name = if is_code { "the code cache".to_owned() } else { name };
            haystack.push((format!("{when}{name}"), std::fs::read(&path)?));
        }
    }
    Ok(())
}

/// What was found in one kind of place.
#[derive(Default)]
struct Found {
    places: usize,
    bytes: usize,
    names: Vec<String>,
}

fn search(needles: &Needles, haystack: &Haystack, proof: &mut Proof) -> Result {
    let search = needles.search()?;
    let mut kinds: BTreeMap<String, Found> = BTreeMap::new();
    for (place, bytes) in haystack {
        let kind = if place.starts_with("GET /v1/") { "GET /v1/…" } else { place };
        let found = kinds.entry(kind.to_owned()).or_default();
        found.places += 1;
        found.bytes += bytes.len();
        found.names.extend(search.names_in(bytes).into_iter().map(|name| format!("{name} in {place}")));
    }
    for (kind, found) in &kinds {
        match found.names.first() {
            None => {
                proof.holds(kind, format!("nothing, {} × searched, {} KB", found.places, found.bytes.div_ceil(1000)))
            }
            Some(first) => proof.fails(kind, format!("{} found, such as {first}", found.names.len())),
        }
    }
    let files = haystack.iter().filter(|(place, _)| place.starts_with("after stopping")).count();
    proof.case("control: the data directory was read", files >= 3, format!("{files} files"));
    proof.figure("secrets", needles.planted());
    proof.figure("forms", needles.len());
    proof.figure("bytes_searched", kinds.values().map(|found| found.bytes).sum::<usize>());
    Ok(())
}
