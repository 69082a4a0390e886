//! A store in a folder of its own, a clock that stands still until it is told to move, and dull default things.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use freehold_model::attempt::AttemptReport;
use freehold_model::audit::{Actor, ActorKind, AuditEntry};
use freehold_model::credential::{CredentialContext, SealedCredential, WrappedKey};
use freehold_model::customer::{Customer, Tenant};
use freehold_model::delivery::{ClaimedBatch, Verdict};
use freehold_model::destination::{DeliverySettings, Destination, DestinationState, Pause, PauseReason};
use freehold_model::event::{Event, EventId, EventType};
use freehold_model::page::PageRequest;
use freehold_model::permission::Permission;
use freehold_model::portal_session::PortalSession;
use freehold_model::retry::RetryPolicy;
use freehold_model::rotation::CutOver;
use freehold_model::subscription::EventPattern;
use freehold_model::time::{Clock, Entropy, Sources};
use freehold_model::{
    BatchId, CustomerId, DestinationId, ErrorKind, Failure, PortalSessionId, Scope, TenantId, Timestamp, VaultKeyId,
};
use freehold_store::{
    BatchLimits, Claim, ClaimRequest, IngestError, IngestRequest, Ingested, POSTGRES_ROLES, Rotated, Settled,
    Settlement, Store, StoreError, Subscriber,
};
use freehold_test_postgres::Database;

/// 2026-11-23T00:00:00Z.
const BEGINNING: i64 = 1_795_392_000_000;
pub(crate) const LEASE_MS: u64 = 60_000;

/// A clock that only moves when told to.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(crate) fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Splitmix64: the same numbers in each run, no two alike.
#[derive(Default)]
struct TestEntropy(AtomicU64);

impl Entropy for TestEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst).wrapping_add(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            chunk.copy_from_slice(&z.to_le_bytes()[..chunk.len()]);
        }
    }
}

/// The engines that the suite runs on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// A place for a database of this engine.
    fn place(self) -> Place {
        match self {
            Engine::Sqlite => Place::File(tempfile::tempdir().unwrap()),
            Engine::Postgres => Place::Server(Database::create(POSTGRES_ROLES).unwrap()),
        }
    }
}

/// Where a database is.
enum Place {
    File(tempfile::TempDir),
    Server(Database),
}

/// A store with one tenant and one customer in it.
pub(crate) struct Home {
    place: Place,
    pub(crate) clock: TestClock,
    pub(crate) sources: Sources,
    pub(crate) store: Store,
    pub(crate) scope: Scope,
    pub(crate) customer: CustomerId,
}

impl Home {
    pub(crate) async fn new(engine: Engine) -> Home {
        let place = engine.place();
        let clock = TestClock(Arc::new(AtomicI64::new(BEGINNING)));
        let sources = Sources { clock: Arc::new(clock.clone()), entropy: Arc::new(TestEntropy::default()) };
        let store = open(&place, &sources).await;
        let tenant = tenant(&sources, "acme");
        store.create_tenant_across_tenants(&tenant, &audit("tenant.create")).await.unwrap();
        let scope = Scope::authenticated(tenant.id.clone());
        let customer = customer(&sources, &tenant.id, None);
        store.create_customer(&scope, &customer, &audit("customer.create")).await.unwrap();
        Home { place, clock, sources, store, scope, customer: customer.id }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.sources.now()
    }

    /// The database file, for engines that have one.
    pub(crate) fn path(&self) -> std::path::PathBuf {
        match &self.place {
            Place::File(folder) => folder.path().join("freehold.db"),
            Place::Server(_) => panic!("Postgres has no file"),
        }
    }

    /// The database, for engines that have a server.
    pub(crate) fn database(&self) -> &Database {
        match &self.place {
            Place::Server(database) => database,
            Place::File(_) => panic!("SQLite has no server"),
        }
    }

    /// Another customer of the tenant.
    pub(crate) async fn sibling(&self) -> CustomerId {
        let customer = customer(&self.sources, self.scope.tenant(), None);
        self.store.create_customer(&self.scope, &customer, &audit("customer.create")).await.unwrap();
        customer.id
    }

    /// Closes the store properly and opens it again.
    pub(crate) async fn reopen(&mut self) {
        self.store.close().await;
        self.store = open(&self.place, &self.sources).await;
    }

    /// Opens the database again while the former store was never closed, as after a crash.
    pub(crate) async fn crash(&mut self) {
        self.store = open(&self.place, &self.sources).await;
        self.store.recover_leases_across_tenants().await.unwrap();
    }

    /// Another tenant with a customer of its own.
    pub(crate) async fn stranger(&self) -> (Scope, CustomerId) {
        let tenant = tenant(&self.sources, "stranger");
        self.store.create_tenant_across_tenants(&tenant, &audit("tenant.create")).await.unwrap();
        let scope = Scope::authenticated(tenant.id.clone());
        let customer = customer(&self.sources, &tenant.id, None);
        self.store.create_customer(&scope, &customer, &audit("customer.create")).await.unwrap();
        (scope, customer.id)
    }

    pub(crate) fn lane_scope(&self) -> Scope {
        self.scope.narrowed_to(&self.customer)
    }

    /// A destination of the customer, for every event, one event per batch.
    pub(crate) async fn destination(&self) -> DestinationId {
        self.destination_with(|_| {}).await
    }

    pub(crate) async fn destination_with(&self, change: impl FnOnce(&mut Destination)) -> DestinationId {
        let mut destination = destination(&self.sources, self.scope.tenant(), &self.customer);
        change(&mut destination);
        self.store.create_destination(&self.scope, &destination, None, &audit("destination.create")).await.unwrap();
        destination.id
    }

    pub(crate) fn event(&self, id: &str) -> Event {
        event(&self.sources, self.scope.tenant(), &self.customer, id)
    }

    pub(crate) async fn publish(&self, ids: &[&str]) -> Ingested {
        self.try_publish(ids.iter().map(|id| self.event(id)).collect()).await.unwrap()
    }

    pub(crate) async fn try_publish(&self, events: Vec<Event>) -> Result<Ingested, IngestError> {
        self.store.ingest(&self.scope, IngestRequest { events, idempotency: None }, matching).await
    }

    pub(crate) async fn claim(&self, destination: &DestinationId, batches_max: u32) -> Claim {
        self.store.claim(&self.lane_scope(), destination, &claim_request(batches_max)).await.unwrap()
    }

    /// The key of the customer's credentials, made when there is none.
    pub(crate) async fn key(&self) -> VaultKeyId {
        let made = wrapped_key(&self.sources, self.scope.tenant(), &self.customer);
        self.store.insert_customer_key(&self.scope, &made).await.unwrap().id
    }

    /// Gives the destination its next credential version, which stays pending.
    pub(crate) async fn add_version(&self, destination: &DestinationId) -> Result<u32, StoreError> {
        let version = self.store.next_credential_version(&self.scope, destination).await?;
        let credential = sealed(self, destination, &self.key().await, version);
        self.store.add_credential(&self.scope, &credential, None, &audit("credential.add")).await?;
        Ok(version)
    }

    /// Cuts over to a version, verified or not.
    pub(crate) async fn force(&self, destination: &DestinationId, version: u32) -> Result<Rotated, StoreError> {
        let entry = audit("credential.cutover");
        self.store.cut_over_credential(&self.scope, (destination, version), &cut_over(true), &entry).await
    }

    /// Gives the destination its next credential version, which is active at once.
    pub(crate) async fn activate(&self, destination: &DestinationId) -> Rotated {
        let version = self.add_version(destination).await.unwrap();
        self.force(destination, version).await.unwrap()
    }

    /// Ends the versions that have drained, as the engine does, and tells which.
    pub(crate) async fn retire_drained(&self) -> Vec<u32> {
        let mut ended = Vec::new();
        for (lane, version) in self.store.drained_across_tenants().await.unwrap() {
            let place = (&lane.destination, version);
            assert!(self.store.retire_credential(&self.lane_scope(), place).await.unwrap());
            assert!(!self.store.retire_credential(&self.lane_scope(), place).await.unwrap(), "it has ended already");
            ended.push(version);
        }
        ended
    }

    /// Claims exactly one batch.
    pub(crate) async fn claim_one(&self, destination: &DestinationId) -> ClaimedBatch {
        let mut claim = self.claim(destination, 1).await;
        assert_eq!(claim.batches.len(), 1, "one batch is claimable");
        claim.batches.remove(0)
    }

    pub(crate) async fn settle(&self, batch: &ClaimedBatch, verdicts: Vec<Verdict>) -> Settled {
        self.store.settle(&self.lane_scope(), &settlement(batch, verdicts)).await.unwrap()
    }
}

async fn open(place: &Place, sources: &Sources) -> Store {
    match place {
        Place::File(folder) => Store::open(&folder.path().join("freehold.db"), sources.clone()).await.unwrap(),
        Place::Server(database) => Store::connect(&database.url(), "host", sources.clone()).await.unwrap(),
    }
}

/// Matching as the pipeline does it: a subscriber of the event's customer, by pattern.
pub(crate) fn matching(event: &Event, subscribers: &[Subscriber]) -> Vec<usize> {
    let wants = |subscriber: &Subscriber| subscriber.patterns.iter().any(|pattern| pattern.matches(&event.event_type));
    (0..subscribers.len()).filter(|place| wants(&subscribers[*place])).collect()
}

pub(crate) fn claim_request(batches_max: u32) -> ClaimRequest {
    let limits = BatchLimits { events: 100, bytes: 1_000_000, age_ms: 0, concurrency: 100 };
    ClaimRequest { batches_max, lease_ms: LEASE_MS, limits }
}

pub(crate) fn settlement(batch: &ClaimedBatch, verdicts: Vec<Verdict>) -> Settlement {
    Settlement {
        batch: batch.id.clone(),
        lease_token: batch.lease_token,
        attempt: batch.attempt.clone(),
        verdicts: batch.members.iter().map(|member| member.id.clone()).zip(verdicts).collect(),
        report: AttemptReport::default(),
        component_digest: Some("sha256:00".into()),
        plugin_failed: false,
        split: false,
        pause: None,
    }
}

/// The component that runs in these tests.
pub(crate) const COMPONENT: &str = "sha256:00";
pub(crate) const DRAIN_MS: u64 = 600_000;

pub(crate) fn cut_over(force: bool) -> CutOver {
    CutOver { drain_ms: DRAIN_MS, overlap_ms: 0, force, component: COMPONENT.into() }
}

pub(crate) fn audit(action: &'static str) -> AuditEntry {
    AuditEntry {
        actor: Actor { kind: ActorKind::Operator, id: "cli".into(), request_id: None },
        action,
        target: ("thing", "thing_1".into()),
        customer: None,
        details: serde_json::json!({ "why": "test" }),
    }
}

pub(crate) fn tenant(sources: &Sources, name: &str) -> Tenant {
    Tenant { id: TenantId::generate(sources), name: name.into(), created_at: sources.now() }
}

pub(crate) fn customer(sources: &Sources, tenant: &TenantId, external_id: Option<&str>) -> Customer {
    Customer {
        id: CustomerId::generate(sources),
        tenant: tenant.clone(),
        external_id: external_id.map(str::to_owned),
        name: "a customer".into(),
        created_at: sources.now(),
    }
}

pub(crate) fn destination(sources: &Sources, tenant: &TenantId, customer: &CustomerId) -> Destination {
    Destination {
        id: DestinationId::generate(sources),
        tenant: tenant.clone(),
        customer: customer.clone(),
        name: "a destination".into(),
        type_name: "webhook".into(),
        component_digest: None,
        former_digest: None,
        config: serde_json::json!({ "url": "https://example.com/" }),
        config_version: 1,
        credential_version: None,
        subscription: vec![EventPattern::parse("*").unwrap()],
        settings: DeliverySettings {
            batch_events: 1,
            batch_bytes: 0,
            batch_age_ms: 0,
            concurrency: 0,
            retry: RetryPolicy::default(),
        },
        state: DestinationState::Active,
        created_at: sources.now(),
        updated_at: sources.now(),
    }
}

pub(crate) fn event(sources: &Sources, tenant: &TenantId, customer: &CustomerId, id: &str) -> Event {
    Event {
        tenant: tenant.clone(),
        customer: customer.clone(),
        id: EventId::parse(id).unwrap(),
        event_type: EventType::parse("invoice.paid").unwrap(),
        time: sources.now(),
        data: br#"{"amount":1}"#.to_vec(),
        metadata: BTreeMap::from([("source".to_owned(), "test".to_owned())]),
        accepted_at: sources.now(),
    }
}

pub(crate) fn portal_session(home: &Home, customer: &CustomerId, number: u8) -> PortalSession {
    PortalSession {
        id: PortalSessionId::generate(&home.sources),
        tenant: home.scope.tenant().clone(),
        customer: customer.clone(),
        scopes: [Permission::Read].into_iter().collect(),
        origin: Some("https://app.acme.com".into()),
        code_hash: [number; 32],
        code_expires_at: home.now().plus_millis(1_000),
        token_hash: None,
        created_at: home.now(),
        created_by: "cli".into(),
        expires_at: home.now().plus_millis(10_000),
        revoked_at: None,
    }
}

pub(crate) fn wrapped_key(sources: &Sources, tenant: &TenantId, customer: &CustomerId) -> WrappedKey {
    WrappedKey {
        id: VaultKeyId::generate(sources),
        tenant: tenant.clone(),
        customer: customer.clone(),
        kek_id: "kek_0123456789abcdef".into(),
        wrapped: vec![7; 60],
        created_at: sources.now(),
    }
}

pub(crate) fn sealed(home: &Home, destination: &DestinationId, key: &VaultKeyId, version: u32) -> SealedCredential {
    SealedCredential {
        context: CredentialContext {
            tenant: home.scope.tenant().clone(),
            customer: home.customer.clone(),
            destination: destination.clone(),
            version,
        },
        key: key.clone(),
        blob: format!("sealed bytes {version}").into_bytes(),
        fingerprint: format!("fp{version}"),
        field_names: vec!["token".into()],
        created_at: home.now(),
        created_by: "key_test".into(),
    }
}

pub(crate) fn failure(kind: ErrorKind) -> Failure {
    Failure::new(kind, "test", "it did not work")
}

pub(crate) fn retry(at: Timestamp) -> Verdict {
    Verdict::Retry { at, failure: failure(ErrorKind::Transient) }
}

pub(crate) fn hold() -> Verdict {
    Verdict::Hold { failure: failure(ErrorKind::Auth) }
}

pub(crate) fn dead() -> Verdict {
    Verdict::Dead { failure: failure(ErrorKind::Rejected) }
}

pub(crate) fn pause(home: &Home, reason: PauseReason) -> Pause {
    Pause { reason, message: "stopped".into(), since: home.now() }
}

pub(crate) fn first(limit: u32) -> PageRequest {
    PageRequest { after: None, limit }
}

pub(crate) fn member_ids(batch: &ClaimedBatch) -> Vec<String> {
    batch.members.iter().map(|member| member.event.id.as_str().to_owned()).collect()
}

pub(crate) fn batch_ids(claim: &Claim) -> Vec<BatchId> {
    claim.batches.iter().map(|batch| batch.id.clone()).collect()
}
