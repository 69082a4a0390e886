//! Durable ingest: events per second accepted from many clients, and the same rows inserted barely.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use freehold_model::event::Event;
use freehold_model::{DeliveryId, DestinationId};
use freehold_store::{IngestRequest, Subscriber};
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, QueryBuilder, SqliteConnection};
use tokio::task::JoinSet;

use crate::Failed;
use crate::figures::{Aim, Better, Figures};
use crate::house::House;
use crate::stage::rate;
use crate::turns::in_turns;

/// Clients that publish at the same time, each one event after the other; also the rows of one bare insert.
const CLIENTS: usize = 64;
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;

pub(crate) async fn measure(figures: &mut Figures) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let house = Arc::new(House::build(&folder.path().join("ingest.db")).await?);
    let bare_house = House::build(&folder.path().join("bare.db")).await?;
    house.add_destination().await?;
    let destination = bare_house.add_destination().await?;
    let mut bare = bare_connection(&folder.path().join("bare.db")).await?;
    let measured = in_turns(
        ROUNDS,
        ("bare", async || bare_inserts(&mut bare, &bare_house, &destination).await),
        ("ingest", async || ingest(&house).await),
    )
    .await?;
    let detail =
        json!({ "events_per_second": measured.rounds, "clients": CLIENTS, "rows_per_bare_transaction": CLIENTS });
    let aim = Aim { better: Better::Higher, floor: 0.3, goal: 0.7 };
    figures.add("durable_ingest", "× bare inserts", measured.ratio, Some(&aim), &detail);
    house.store.close().await;
    bare_house.store.close().await;
    Ok(())
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
