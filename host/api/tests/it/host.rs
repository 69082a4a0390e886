//! A host without a network: the router, and below it a store in a folder that goes when the test ends.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use freehold_api::{ApiState, Readiness};
use freehold_catalogue::Catalogue;
use freehold_control::{Caller, Control, KeyDraft, Parts};
use freehold_model::api_key::KeyKind;
use freehold_model::permission::Permission;
use freehold_model::{Clock, Entropy, Sources, Timestamp};
use freehold_pipeline::{Pipeline, PipelineConfig, PipelineParts};
use freehold_sandbox::{Limits, Sandbox, SandboxConfig};
use freehold_store::Store;
use freehold_vault::{Kek, Keyring, Vault};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

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

/// The host.
pub(crate) struct Host {
    pub(crate) control: Control,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) readiness: Readiness,
    router: Router,
    tenants: AtomicU64,
    _folder: tempfile::TempDir,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// One tenant's way to ask.
pub(crate) struct Client<'a> {
    host: &'a Host,
    pub(crate) key: String,
    pub(crate) operator: Caller,
}

impl Host {
    pub(crate) async fn start() -> Host {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(1_795_471_200_000)));
        let sources = Sources { clock: clock.clone(), entropy: Arc::new(Sequence(Mutex::new(1))) };
        let store = Store::open(&folder.path().join("freehold.db"), sources.clone()).await.unwrap();
        let vault = Arc::new(Vault::new(Keyring::new(Kek::generate(&sources), Vec::new()), sources.clone()));
        let limits = Limits { instances: 1, ..Limits::default() };
        let config = SandboxConfig { limits, ..SandboxConfig::default() };
        let sandbox = Sandbox::new(config, vault.derive_key("code"), sources.clone()).unwrap();
        let catalogue = Catalogue::new(freehold_catalogue::Parts {
            store: store.clone(),
            sandbox: sandbox.clone(),
            vault: vault.clone(),
            trust: freehold_catalogue::Trust::default(),
        });
        let registry = prometheus::Registry::new();
        let pipeline = Pipeline::start(PipelineParts {
            store: store.clone(),
            vault: vault.clone(),
            sandbox: sandbox.clone(),
            catalogue: catalogue.clone(),
            sources: sources.clone(),
            config: PipelineConfig::default(),
            registry: registry.clone(),
        })
        .await
        .unwrap();
        let lanes = pipeline.listener();
        let control = Control::new(Parts { store, vault, sandbox: Arc::new(sandbox), catalogue, lanes, sources });
        let readiness = Readiness::default();
        let state = ApiState::new(control.clone(), pipeline, registry, readiness.clone());
        let tenants = AtomicU64::new(1);
        Host { control, clock, readiness, router: freehold_api::router(state), tenants, _folder: folder }
    }

    /// A new tenant, asking with its first key.
    pub(crate) async fn tenant(&self) -> Client<'_> {
        let name = format!("tenant-{}", self.tenants.fetch_add(1, Ordering::SeqCst));
        let made = self.control.create_tenant(&name).await.unwrap();
        let operator = self.control.operator(made.tenant.id);
        Client { host: self, key: made.key.text.show().to_owned(), operator }
    }

    /// Asks with these headers and this body, and no others.
    pub(crate) async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_vec())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

impl Client<'_> {
    /// The same tenant with another key.
    pub(crate) async fn with_scopes(&self, scopes: &[Permission], expires_at: Option<Timestamp>) -> Client<'_> {
        let scopes = scopes.iter().copied().collect();
        let draft = KeyDraft { name: "another".to_owned(), scopes, kind: KeyKind::Test, expires_at };
        let made = self.host.control.create_key(&self.operator, draft).await.unwrap();
        Client { host: self.host, key: made.text.show().to_owned(), operator: self.operator.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], b"").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &[("content-type", "application/json")], body.to_string().as_bytes()).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let key = format!("Bearer {}", self.key);
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain([("authorization", key.as_str())]).collect();
        self.host.ask(method, path, &headers, body).await
    }
}
