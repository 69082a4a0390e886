//! What the database already knows of the things that publish requests touch: one look-up for all of a tenant's.

use std::collections::{BTreeSet, HashMap};

use crate::sql::connection::SqlRow;
use freehold_model::event::EventId;
use freehold_model::{CustomerId, TenantId};

use crate::engine::Tx;
use crate::events::Subscriber;
use crate::sql::ingest::Prepared;
use crate::sql::row::{Row, to_json};
use crate::sql::statement::{query, run_all};
use crate::{IngestedEvent, StoreError};

/// What is stored already.
pub(crate) struct Known {
    /// Answers that were given under an idempotency key which is still remembered.
    pub(crate) answers: HashMap<String, StoredAnswer>,
    /// Content digests of events.
    pub(crate) events: HashMap<EventId, Vec<u8>>,
    /// The destinations of customers. One with a row that does not parse fails those who touch it, and nobody else.
    pub(crate) customers: HashMap<CustomerId, Result<Vec<Subscriber>, StoreError>>,
    /// The newest event of any tenant, or, in Postgres, of this one: more than its own events no transaction for a tenant sees
    /// there, and a number need only be unlike the tenant's others. The next one gets the number after it.
    pub(crate) newest_event: i64,
}

/// The answer to an earlier request.
pub(crate) struct StoredAnswer {
    pub(crate) fingerprint: Vec<u8>,
    pub(crate) events: Result<Vec<IngestedEvent>, StoreError>,
}

const LOOK_UP: &str = "SELECT key, fingerprint, result FROM idempotency
        WHERE tenant_id = $1 AND expires_at > $2 AND key IN (SELECT value FROM json_each($3));
    SELECT event_id, digest FROM events
        WHERE tenant_id = $1 AND event_id IN (SELECT value FROM json_each($4));
    SELECT c.customer_id, d.destination_id, d.subscription FROM customers AS c
        LEFT JOIN destinations AS d
            ON d.tenant_id = c.tenant_id AND d.customer_id = c.customer_id AND d.deleted_at IS NULL
        WHERE c.tenant_id = $1 AND c.customer_id IN (SELECT value FROM json_each($5)) AND c.deleted_at IS NULL;
    SELECT coalesce(max(seq), 0) AS newest FROM events";

impl Known {
    pub(crate) async fn look_up<'p>(
        tx: &mut Tx,
        tenant: &TenantId,
        requests: impl Iterator<Item = &'p Prepared>,
    ) -> Result<Known, StoreError> {
        let (mut keys, mut ids, mut customers) = (Vec::new(), Vec::new(), BTreeSet::new());
        for request in requests {
            keys.extend(request.idempotency.as_ref().map(|idempotency| idempotency.key.as_str()));
            ids.extend(request.events.iter().map(|prepared| prepared.event.id.as_str()));
            customers.extend(request.events.iter().map(|prepared| prepared.event.customer.as_str()));
        }
        let statement = query(LOOK_UP)
            .bind(tenant.as_str())
            .bind(tx.now().millis())
            .bind(to_json(&keys)?)
            .bind(to_json(&ids)?)
            .bind(to_json(&customers)?);
        let answers = run_all(&mut tx.connection, statement).await?;
        let rows = |place: usize| answers.get(place).map_or(&[][..], |answer| answer.rows.as_slice());
        Ok(Known {
            answers: rows(0).iter().map(read_answer).collect::<Result<_, _>>()?,
            events: rows(1).iter().map(read_event).collect::<Result<_, _>>()?,
            customers: read_customers(rows(2))?,
            newest_event: match rows(3) {
                [row] => Row::new(row, "events", "newest").get("newest")?,
                _ => 0,
            },
        })
    }
}

fn read_answer(row: &SqlRow) -> Result<(String, StoredAnswer), StoreError> {
    let row = Row::new(row, "idempotency", "key");
    Ok((row.get("key")?, StoredAnswer { fingerprint: row.get("fingerprint")?, events: row.json("result") }))
}

fn read_event(row: &SqlRow) -> Result<(EventId, Vec<u8>), StoreError> {
    let row = Row::new(row, "events", "event_id");
    Ok((row.parsed("event_id", |text| EventId::parse(text).ok())?, row.get("digest")?))
}

fn read_customers(rows: &[SqlRow]) -> Result<HashMap<CustomerId, Result<Vec<Subscriber>, StoreError>>, StoreError> {
    let mut customers: HashMap<CustomerId, Result<Vec<Subscriber>, StoreError>> = HashMap::new();
    for row in rows {
        let row = Row::new(row, "destinations", "destination_id");
        let customer: CustomerId = row.parsed("customer_id", |text| text.parse().ok())?;
        let subscribers = customers.entry(customer.clone()).or_insert_with(|| Ok(Vec::new()));
        match (read_subscriber(&row, customer), subscribers.as_mut()) {
            (Ok(subscriber), Ok(subscribers)) => subscribers.extend(subscriber),
            (Err(error), Ok(_)) => *subscribers = Err(error),
            (_, Err(_)) => {}
        }
    }
    Ok(customers)
}

/// The destination of the row, or none for a customer without destinations.
fn read_subscriber(row: &Row<'_>, customer: CustomerId) -> Result<Option<Subscriber>, StoreError> {
    let Some(destination) = row.maybe("destination_id", |text| text.parse().ok())? else { return Ok(None) };
    Ok(Some(Subscriber { destination, customer, patterns: row.json("subscription")? }))
}
