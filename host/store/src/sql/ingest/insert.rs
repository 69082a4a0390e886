//! Inserts many rows with few statements: in chunks of fixed sizes, so that each size is prepared once.

use std::sync::{Arc, LazyLock};

use crate::sql::connection::Connection;
use sqlx::AssertSqlSafe;

use crate::StoreError;
use crate::engine::Tx;
use crate::sql::ingest::judge::{NewAnswer, NewDelivery, NewEvent, Staged};
use crate::sql::statement::{Statement, query};

/// Rows per statement, largest first. The largest keeps well below the 32766 parameters that SQLite takes.
const CHUNK_ROWS: [usize; 5] = [256, 64, 16, 4, 1];

static EVENTS: LazyLock<Chunks> = LazyLock::new(|| {
    Chunks::new(
        "INSERT INTO events
            (seq, tenant_id, customer_id, event_id, event_type, time, data, metadata, digest, accepted_at) VALUES ",
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "",
    )
});
static DELIVERIES: LazyLock<Chunks> = LazyLock::new(|| {
    Chunks::new(
        "INSERT INTO deliveries
            (tenant_id, customer_id, destination_id, delivery_id, event_seq, bytes, state, created_at) VALUES ",
        "(?, ?, ?, ?, ?, ?, 'queued', ?)",
        "",
    )
});
static ANSWERS: LazyLock<Chunks> = LazyLock::new(|| {
    Chunks::new(
        "INSERT INTO idempotency (tenant_id, key, fingerprint, result, expires_at) VALUES ",
        "(?, ?, ?, ?, ?)",
        // Only a key whose time is over can be there already.
        " ON CONFLICT (tenant_id, key) DO UPDATE SET
            fingerprint = excluded.fingerprint, result = excluded.result, expires_at = excluded.expires_at",
    )
});

/// One statement text per chunk size.
struct Chunks([Arc<str>; CHUNK_ROWS.len()]);

impl Chunks {
    fn new(head: &str, row: &str, tail: &str) -> Self {
        Chunks(CHUNK_ROWS.map(|rows| numbered(&format!("{head}{}{tail}", vec![row; rows].join(", "))).into()))
    }

    /// Inserts every row; `bind` adds one row's parameters.
    async fn insert<R>(
        &self,
        connection: &mut Connection,
        rows: Vec<R>,
        bind: impl Fn(Statement, R) -> Statement,
    ) -> Result<(), StoreError> {
        let mut left = rows.len();
        let mut rows = rows.into_iter();
        for (size, sql) in CHUNK_ROWS.iter().zip(&self.0) {
            while left >= *size {
                let statement = query(AssertSqlSafe(Arc::clone(sql)));
                rows.by_ref().take(*size).fold(statement, &bind).execute(&mut *connection).await?;
                left -= size;
            }
        }
        Ok(())
    }
}

/// Writes `$1`, `$2`, … for each `?`.
fn numbered(text: &str) -> String {
    let mut parts = text.split('?');
    let head = parts.next().unwrap_or_default().to_owned();
    parts.enumerate().fold(head, |text, (place, part)| text + &format!("${}{part}", place + 1))
}

/// Inserts all that was staged for a tenant.
pub(crate) async fn all(tx: &mut Tx, staged: Staged) -> Result<(), StoreError> {
    let tenant: Arc<str> = staged.tenant.as_str().into();
    let now = staged.now.millis();
    let connection = &mut tx.connection;
    EVENTS.insert(connection, staged.events, |statement, new| event(statement, &tenant, new)).await?;
    DELIVERIES.insert(connection, staged.deliveries, |statement, new| delivery(statement, &tenant, now, new)).await?;
    ANSWERS.insert(connection, staged.answers, |statement, new| answer(statement, &tenant, new)).await
}

fn event(statement: Statement, tenant: &Arc<str>, new: NewEvent) -> Statement {
    let event = new.prepared.event;
    statement
        .bind(new.seq)
        .bind(tenant)
        .bind(event.customer.as_str())
        .bind(event.id.as_str())
        .bind(event.event_type.as_str())
        .bind(event.time.millis())
        .bind(event.data)
        .bind(new.prepared.metadata)
        .bind(new.prepared.digest.as_slice())
        .bind(event.accepted_at.millis())
}

fn delivery(statement: Statement, tenant: &Arc<str>, now: i64, new: NewDelivery) -> Statement {
    statement
        .bind(tenant)
        .bind(new.customer.as_str())
        .bind(new.destination.as_str())
        .bind(new.id.as_str())
        .bind(new.event_seq)
        .bind(i64::try_from(new.bytes).unwrap_or(i64::MAX))
        .bind(now)
}

fn answer(statement: Statement, tenant: &Arc<str>, new: NewAnswer) -> Statement {
    statement
        .bind(tenant)
        .bind(new.idempotency.key)
        .bind(new.idempotency.fingerprint.as_slice())
        .bind(new.result)
        .bind(new.expires_at.millis())
}
