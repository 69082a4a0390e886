//! The SQL of deliveries as people look at them.

use crate::sql::connection::{Connection, SqlRow};
use freehold_model::delivery::{Delivery, DeliveryState};
use freehold_model::event::{EventId, EventType};
use freehold_model::page::{Page, PageRequest};
use freehold_model::{DeliveryId, Scope};

use crate::sql::listing::Listing;
use crate::sql::row::Row;
use crate::sql::statement::scoped;
use crate::{DeliveryFilter, StoreError};

fn read(row: &SqlRow) -> Result<Delivery, StoreError> {
    let row = Row::new(row, "deliveries", "delivery_id");
    let state = row.parsed("state", DeliveryState::parse)?;
    let queued = state == DeliveryState::Queued;
    let tried = row.maybe_number("batch_attempts")?.unwrap_or(0);
    let leased = row.maybe_time("batch_lease")?.is_some();
    Ok(Delivery {
        id: row.parsed("delivery_id", |text| text.parse().ok())?,
        customer: row.parsed("customer_id", |text| text.parse().ok())?,
        destination: row.parsed("destination_id", |text| text.parse().ok())?,
        event: row.parsed("event_id", |text| EventId::parse(text).ok())?,
        event_type: row.parsed("event_type", |text| EventType::parse(text).ok())?,
        state,
        attempts: if queued { tried } else { row.number("attempts")? },
        next_attempt_at: row.maybe_time("batch_next")?.filter(|_| queued && !leased),
        last_failure: row.maybe("last_failure", |text| serde_json::from_str(text).ok())?,
        replay_of: row.maybe("replay_of", |text| text.parse().ok())?,
        batch: row.maybe("batch_id", |text| text.parse().ok())?,
        created_at: row.time("created_at")?,
        settled_at: row.maybe_time("settled_at")?,
    })
}

pub(crate) async fn find(
    connection: &mut Connection,
    scope: &Scope,
    id: &DeliveryId,
) -> Result<Option<Delivery>, StoreError> {
    let sql = "SELECT d.*, e.event_id, e.event_type, b.attempts AS batch_attempts, b.next_at AS batch_next,
            b.lease_until AS batch_lease
        FROM deliveries AS d
        JOIN events AS e ON e.tenant_id = d.tenant_id AND e.seq = d.event_seq
        LEFT JOIN batches AS b ON b.tenant_id = d.tenant_id AND b.batch_id = d.batch_id
        WHERE d.tenant_id = $1 AND ($2 IS NULL OR d.customer_id = $2) AND d.delivery_id = $3";
    scoped(sql, scope).bind(id.as_str()).fetch_optional(connection).await?.as_ref().map(read).transpose()
}

pub(crate) async fn list(
    connection: &mut Connection,
    scope: &Scope,
    filter: &DeliveryFilter,
    page: &PageRequest,
) -> Result<Page<Delivery>, StoreError> {
    // CROSS JOIN keeps the order of the loops: from the deliveries, which an index has in order, to what they refer to.
    let select = "SELECT d.*, e.event_id, e.event_type, b.attempts AS batch_attempts, b.next_at AS batch_next,
            b.lease_until AS batch_lease, d.created_at AS page_moment, d.seq AS page_seq
        FROM deliveries AS d
        CROSS JOIN events AS e ON e.tenant_id = d.tenant_id AND e.seq = d.event_seq
        LEFT JOIN batches AS b ON b.tenant_id = d.tenant_id AND b.batch_id = d.batch_id
        WHERE d.tenant_id = ";
    let state = filter.state.map(|state| match state {
        // Written out, since a partial index is used only for a condition that can be read off the statement.
        DeliveryState::Queued => " AND d.state = 'queued'",
        DeliveryState::Delivered => " AND d.state = 'delivered'",
        DeliveryState::Dead => " AND d.state = 'dead'",
        DeliveryState::Cancelled => " AND d.state = 'cancelled'",
    });
    Listing::new(select, scope, ("d.created_at", "d.seq"), page)?
        .filter(" AND d.customer_id = ", scope.customer().map(|customer| customer.as_str()))
        .filter(" AND d.customer_id = ", filter.customer.as_ref().map(|customer| customer.as_str()))
        .filter(" AND d.destination_id = ", filter.destination.as_ref().map(|destination| destination.as_str()))
        .within(
            " AND d.event_seq = (SELECT seq FROM events WHERE tenant_id = ",
            scope,
            " AND event_id = ",
            filter.event.as_ref().map(|event| event.as_str()),
            ")",
        )
        .filter(" AND e.event_type = ", filter.event_type.as_ref().map(|event_type| event_type.as_str()))
        .only(state.unwrap_or(""))
        .between(filter.from, filter.to)
        .fetch(connection, read)
        .await
}
