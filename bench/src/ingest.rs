//! Durable ingest: events per second accepted from many clients, and the same rows inserted barely.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use freehold_model::audit::{Actor, ActorKind, AuditEntry};
use freehold_model::customer::{Customer, Tenant};
use freehold_model::destination::{DeliverySettings, Destination, DestinationState};
use freehold_model::event::{Event, EventId, EventType};
use freehold_model::retry::RetryPolicy;
use freehold_model::subscription::EventPattern;
use freehold_model::{CustomerId, DeliveryId, DestinationId, Scope, Sources, TenantId};
use freehold_store::{IngestRequest, Store, Subscriber};
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, QueryBuilder, SqliteConnection};
use tokio::task::JoinSet;

use crate::figures::{Aim, Better, Figures, median};
use crate::stage::rate;
use crate::{Failed, sources};

/// Clients that publish at the same time, each one event after the other; also the rows of one bare insert.
const CLIENTS: usize = 64;
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;
const EVENT_BYTES: usize = 512;

/// A tenant with a customer who wants everything.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) scope: Scope,
    pub(crate) tenant: TenantId,
    pub(crate) customer: CustomerId,
    pub(crate) sources: Sources,
}

pub(crate) async fn measure(figures: &mut Figures) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let house = Arc::new(House::build(&folder.path().join("ingest.db")).await?);
    let bare_house = House::build(&folder.path().join("bare.db")).await?;
    house.add_destination().await?;
    let destination = bare_house.add_destination().await?;
    let mut bare = bare_connection(&folder.path().join("bare.db")).await?;
    let mut ratios = Vec::new();
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let before = bare_inserts(&mut bare, &bare_house, &destination).await?;
        let ingest = ingest(&house).await?;
        let after = bare_inserts(&mut bare, &bare_house, &destination).await?;
        let base = f64::midpoint(before, after);
        ratios.push(ingest / base);
        rates.push(json!({ "ingest": ingest.round(), "bare": base.round() }));
    }
    let detail = json!({ "events_per_second": rates, "clients": CLIENTS, "rows_per_bare_transaction": CLIENTS });
    let aim = Aim { better: Better::Higher, floor: 0.3, goal: 0.7 };
    figures.add("durable_ingest", "× bare inserts", median(ratios), Some(&aim), &detail);
    house.store.close().await;
    bare_house.store.close().await;
    Ok(())
}

impl House {
    pub(crate) async fn build(path: &Path) -> Result<House, Failed> {
        let sources = sources::machine();
        let store = Store::open(path, sources.clone()).await?;
        let tenant = Tenant { id: TenantId::generate(&sources), name: "bench".into(), created_at: sources.now() };
        store.create_tenant_across_tenants(&tenant, &entry("tenant.create")).await?;
        let scope = Scope::authenticated(tenant.id.clone());
        let customer = Customer {
            id: CustomerId::generate(&sources),
            tenant: tenant.id.clone(),
            external_id: None,
            name: "bench".into(),
            created_at: sources.now(),
        };
        store.create_customer(&scope, &customer, &entry("customer.create")).await?;
        Ok(House { store, scope, tenant: tenant.id, customer: customer.id, sources })
    }

    /// Adds a destination that wants everything.
    pub(crate) async fn add_destination(&self) -> Result<DestinationId, Failed> {
        let now = self.sources.now();
        let destination = Destination {
            id: DestinationId::generate(&self.sources),
            tenant: self.tenant.clone(),
            customer: self.customer.clone(),
            name: "bench".into(),
            type_name: "webhook".into(),
            component_digest: None,
            former_digest: None,
            config: json!({ "url": "https://hooks.example.com/" }),
            config_version: 1,
            credential_version: None,
            subscription: vec![EventPattern::parse("*")?],
            settings: DeliverySettings {
                batch_events: 0,
                batch_bytes: 0,
                batch_age_ms: 0,
                concurrency: 0,
                retry: RetryPolicy::default(),
            },
            state: DestinationState::Active,
            created_at: now,
            updated_at: now,
        };
        self.store.create_destination(&self.scope, &destination, None, &entry("destination.create")).await?;
        Ok(destination.id)
    }

    /// An event for the customer.
    pub(crate) fn event(&self) -> Result<Event, Failed> {
        let filler = "x".repeat(EVENT_BYTES - 12);
        Ok(Event {
            tenant: self.tenant.clone(),
            customer: self.customer.clone(),
            id: EventId::generate(&self.sources),
            event_type: EventType::parse("bench.event")?,
            time: self.sources.now(),
            data: format!(r#"{{"data":"{filler}"}}"#).into_bytes(),
            metadata: BTreeMap::new(),
            accepted_at: self.sources.now(),
        })
    }
}

fn entry(action: &'static str) -> AuditEntry {
    AuditEntry {
        actor: Actor { kind: ActorKind::Operator, id: "bench".into(), request_id: None },
        action,
        target: ("bench", "bench".into()),
        customer: None,
        details: json!({}),
    }
}

fn everyone(_: &Event, subscribers: &[Subscriber]) -> Vec<usize> {
    (0..subscribers.len()).collect()
}

async fn ingest(house: &Arc<House>) -> Result<f64, Failed> {
    let accepted = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (house, accepted) = (house.clone(), accepted.clone());
        clients.spawn(async move {
            while began.elapsed() < ROUND {
                let request = IngestRequest { events: vec![house.event()?], idempotency: None };
                house.store.ingest(&house.scope, request, everyone).await?;
                accepted.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), Failed>(())
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    Ok(rate(accepted.load(Ordering::Relaxed), began.elapsed().as_secs_f64()))
}

/// A connection set as the store sets its own, to a database with the same tables and indexes.
async fn bare_connection(path: &Path) -> Result<SqliteConnection, Failed> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true);
    Ok(SqliteConnection::connect_with(&options).await?)
}

/// Inserts events and their deliveries, as many in a transaction as there are clients, with nothing checked.
async fn bare_inserts(
    connection: &mut SqliteConnection,
    house: &House,
    destination: &DestinationId,
) -> Result<f64, Failed> {
    let mut inserted = 0;
    let began = Instant::now();
    let mut seq: i64 =
        sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM events").fetch_one(&mut *connection).await?;
    while began.elapsed() < ROUND {
        let mut rows = Vec::with_capacity(CLIENTS);
        for _ in 0..CLIENTS {
            seq += 1;
            rows.push((seq, house.event()?, DeliveryId::generate(&house.sources)));
        }
        let mut transaction = connection.begin().await?;
        let mut events = QueryBuilder::new(
            "INSERT INTO events (seq, tenant_id, customer_id, event_id, event_type, time, data, metadata, digest, accepted_at) ",
        );
        events.push_values(&rows, |mut row, (seq, event, _)| {
            row.push_bind(*seq)
                .push_bind(event.tenant.as_str())
                .push_bind(event.customer.as_str())
                .push_bind(event.id.as_str())
                .push_bind(event.event_type.as_str())
                .push_bind(event.time.millis())
                .push_bind(event.data.as_slice())
                .push_bind("{}")
                .push_bind([0u8; 32].as_slice())
                .push_bind(event.accepted_at.millis());
        });
        events.build().execute(&mut *transaction).await?;
        let mut deliveries = QueryBuilder::new(
            "INSERT INTO deliveries (tenant_id, customer_id, destination_id, delivery_id, event_seq, bytes, state, created_at) ",
        );
        deliveries.push_values(&rows, |mut row, (seq, event, delivery)| {
            row.push_bind(event.tenant.as_str())
                .push_bind(event.customer.as_str())
                .push_bind(destination.as_str())
                .push_bind(delivery.as_str())
                .push_bind(*seq)
                .push_bind(i64::try_from(event.data.len()).unwrap_or(0))
                .push_bind("queued")
                .push_bind(event.accepted_at.millis());
        });
        deliveries.build().execute(&mut *transaction).await?;
        transaction.commit().await?;
        inserted += u64::try_from(rows.len())?;
    }
    Ok(rate(inserted, began.elapsed().as_secs_f64()))
}
