//! A host without a network: the router of the pages, and below it a store in a folder that goes when the test ends.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use freehold_catalogue::Catalogue;
use freehold_control::{Caller, Control, CustomerDraft, DestinationDraft, Parts, SessionDraft, SettingsDraft};
use freehold_model::page::PageRequest;
use freehold_model::permission::Permission;
use freehold_model::{Clock, Entropy, Sources, Timestamp};
use freehold_pipeline::{Draft, Pipeline, PipelineConfig, PipelineParts, Submission};
use freehold_portal::PortalState;
use freehold_sandbox::{Limits, Sandbox, SandboxConfig};
use freehold_store::{DeliveryFilter, Store};
use freehold_vault::{Kek, Keyring, Vault};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tower::ServiceExt;

/// The vendor's page in these tests.
pub(crate) const ORIGIN: &str = "https://app.vendor.example";

/// A clock that moves a millisecond at each look, and whenever the test says so.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// Different bytes on each call, the same in each run (SplitMix64, <https://prng.di.unimi.it/splitmix64.c>).
struct Sequence(Mutex<u64>);

impl Entropy for Sequence {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap();
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = *state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

/// The host, with one tenant.
pub(crate) struct Host {
    pub(crate) control: Control,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) operator: Caller,
    catalogue: Catalogue,
    pipeline: Pipeline,
    router: Router,
    customers: AtomicU64,
    _folder: tempfile::TempDir,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// What follows `before` up to `end`, at its first place.
    pub(crate) fn between(&self, before: &str, end: char) -> &str {
        let rest = self.text.split_once(before).map(|(_, rest)| rest).unwrap_or_default();
        rest.split(end).next().unwrap_or_default()
    }

    fn cookies(&self) -> Vec<String> {
        let all = self.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        all.map(|line| line.split(';').next().unwrap_or_default().to_owned()).collect()
    }
}

/// A session that is not open yet.
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) code: String,
}

/// A browser with one session open.
pub(crate) struct Browser<'a> {
    host: &'a Host,
    pub(crate) session: String,
    pub(crate) cookie: String,
}

impl Host {
    pub(crate) async fn start() -> Host {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(1_795_471_200_000)));
        let sources = Sources { clock: clock.clone(), entropy: Arc::new(Sequence(Mutex::new(1))) };
        let store = Store::open(&folder.path().join("freehold.db"), sources.clone()).await.unwrap();
        let vault = Arc::new(Vault::new(Keyring::new(Kek::generate(&sources), Vec::new()), sources.clone()));
        let limits = Limits { instances: 2, ..Limits::default() };
        let config = SandboxConfig { limits, ..SandboxConfig::default() };
        let sandbox = Sandbox::new(config, vault.derive_key("code"), sources.clone()).unwrap();
        let catalogue = Catalogue::new(freehold_catalogue::Parts {
            store: store.clone(),
            sandbox: sandbox.clone(),
            vault: vault.clone(),
            trust: freehold_catalogue::Trust::default(),
        });
        let pipeline = Pipeline::start(PipelineParts {
            store: store.clone(),
            vault: vault.clone(),
            sandbox: sandbox.clone(),
            catalogue: catalogue.clone(),
            sources: sources.clone(),
            config: PipelineConfig::default(),
            registry: prometheus::Registry::new(),
        })
        .await
        .unwrap();
        let lanes = pipeline.listener();
        let parts = Parts { store, vault, sandbox: Arc::new(sandbox), catalogue: catalogue.clone(), lanes, sources };
        let control = Control::new(parts);
        let tenant = control.create_tenant("vendor").await.unwrap().tenant.id;
        let operator = control.operator(tenant);
        let pages = freehold_portal::router(PortalState::new(control.clone(), pipeline.clone()));
        let router = Router::new().nest("/portal", pages);
        let customers = AtomicU64::new(1);
        Host { control, clock, operator, catalogue, pipeline, router, customers, _folder: folder }
    }

    /// The same with the webhook type, as it is shipped.
    pub(crate) async fn with_webhooks() -> Host {
        let host = Host::start().await;
        let file = target().join("plugins/webhook.wasm");
        let bytes =
            std::fs::read(&file).unwrap_or_else(|_| panic!("{} is missing: run cargo xtask plugins", file.display()));
        let in_folder = host.catalogue.inspect_folder(file, bytes).await.unwrap();
        host.catalogue.install_from_folder(in_folder).await.unwrap();
        host.catalogue.look_around().await.unwrap();
        host
    }

    /// A new customer's external id.
    pub(crate) async fn customer(&self) -> String {
        let name = format!("customer-{}", self.customers.fetch_add(1, Ordering::SeqCst));
        let draft = CustomerDraft { name: Some(name.clone()), external_id: Some(name.clone()) };
        self.control.create_customer(&self.operator, draft).await.unwrap();
        name
    }

    /// A paused webhook of a customer's: paused, so that nothing is sent.
    pub(crate) async fn webhook(&self, customer: &str, name: &str) -> String {
        let draft = DestinationDraft {
            type_name: "webhook".to_owned(),
            name: name.to_owned(),
            config: json!({ "url": "https://receiver.example/hook" }),
            credential: None,
            subscription: None,
            settings: SettingsDraft::default(),
        };
        let made = self.control.create_destination(&self.operator, customer, draft).await.unwrap();
        let id = made.destination.id.to_string();
        self.control.pause_destination(&self.operator, &id, None).await.unwrap();
        id
    }

    /// A delivery of an event of a customer's, to the customer's newest destination: it waits, as the destination is paused.
    pub(crate) async fn delivery(&self, customer: &str) -> String {
        let draft = Draft {
            id: None,
            event_type: "order.made".to_owned(),
            time: None,
            customer: customer.to_owned(),
            data: b"1".to_vec(),
            metadata: std::collections::BTreeMap::new(),
        };
        let submission = Submission { events: vec![draft], idempotency_key: None };
        let scope = self.operator.require(Permission::Publish).unwrap();
        self.pipeline.publish(scope, submission).await.unwrap();
        let page = PageRequest { after: None, limit: 1 };
        let newest = self.pipeline.deliveries(scope, &DeliveryFilter::default(), &page).await.unwrap();
        newest.items[0].id.to_string()
    }

    pub(crate) async fn session(&self, customer: &str, scopes: &[Permission], origin: Option<&str>) -> Session {
        let draft = SessionDraft {
            scopes: Some(scopes.iter().copied().collect()),
            origin: origin.map(str::to_owned),
            lifetime_ms: None,
        };
        let made = self.control.create_portal_session(&self.operator, customer, draft).await.unwrap();
        Session { id: made.session.id.to_string(), code: made.code.show().to_owned() }
    }

    /// Sends what the bootstrap page sends.
    pub(crate) async fn open(&self, session: &str, body: &Value) -> Answer {
        let headers = [("sec-fetch-site", "same-origin"), ("content-type", "application/json")];
        self.ask("POST", &format!("/portal/{session}/open"), &headers, &body.to_string()).await
    }

    /// A browser with a new session of the customer's.
    pub(crate) async fn browser(&self, customer: &str, scopes: &[Permission]) -> Browser<'_> {
        let session = self.session(customer, scopes, Some(ORIGIN)).await;
        let opened = self.open(&session.id, &json!({ "code": session.code })).await;
        assert_eq!(opened.status, 200, "{}", opened.text);
        Browser { host: self, session: session.id, cookie: opened.cookies().join("; ") }
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8_lossy(&body).into_owned(),
        }
    }
}

impl Browser<'_> {
    /// What a form of this session would carry, made from its cookie as the host makes it.
    pub(crate) fn made_up_token(&self) -> String {
        let token = self.cookie.split(['=', ';']).nth(1).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(Sha256::new().chain_update(b"freehold portal form\0").chain_update(token).finalize())
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let path = format!("/portal/{}{path}", self.session);
        self.host.ask("GET", &path, &[("cookie", self.cookie.as_str())], "").await
    }

    /// What every form of this session carries.
    pub(crate) async fn form_token(&self) -> String {
        let page = self.get("/destinations/add/webhook").await;
        page.between("name=\"form_token\" value=\"", '"').to_owned()
    }

    /// Sends a form with the session's token.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.form_token().await;
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("form_token", token.as_str())]).collect();
        self.send(path, &fields, "same-origin").await
    }

    /// Sends a form as it is, from a page of `site`.
    pub(crate) async fn send(&self, path: &str, fields: &[(&str, &str)], site: &str) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let headers = [
            ("cookie", self.cookie.as_str()),
            ("sec-fetch-site", site),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        self.host.ask("POST", &format!("/portal/{}{path}", self.session), &headers, &body).await
    }
}

fn target() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    option_env!("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}
