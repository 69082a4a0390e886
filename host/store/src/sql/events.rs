//! The SQL of events as people look at them.

use crate::sql::connection::{Connection, SqlRow};
use freehold_model::Scope;
use freehold_model::event::{Event, EventId, EventType};
use freehold_model::page::{Page, PageRequest};

use crate::sql::listing::Listing;
use crate::sql::row::Row;
use crate::sql::statement::scoped;
use crate::{EventFilter, StoreError};

pub(crate) fn read(row: &SqlRow) -> Result<Event, StoreError> {
    let row = Row::new(row, "events", "event_id");
    Ok(Event {
        tenant: row.parsed("tenant_id", |text| text.parse().ok())?,
        customer: row.parsed("customer_id", |text| text.parse().ok())?,
        id: row.parsed("event_id", |text| EventId::parse(text).ok())?,
        event_type: row.parsed("event_type", |text| EventType::parse(text).ok())?,
        time: row.time("time")?,
        data: row.get("data")?,
        metadata: row.json("metadata")?,
        accepted_at: row.time("accepted_at")?,
    })
}

pub(crate) async fn find(
    connection: &mut Connection,
    scope: &Scope,
    id: &EventId,
) -> Result<Option<Event>, StoreError> {
    let sql = "SELECT tenant_id, customer_id, event_id, event_type, time, data, metadata, accepted_at FROM events
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND event_id = $3";
    scoped(sql, scope).bind(id.as_str()).fetch_optional(connection).await?.as_ref().map(read).transpose()
}

pub(crate) async fn list(
    connection: &mut Connection,
    scope: &Scope,
    filter: &EventFilter,
    page: &PageRequest,
) -> Result<Page<Event>, StoreError> {
    let select = "SELECT tenant_id, customer_id, event_id, event_type, time, data, metadata, accepted_at,
        accepted_at AS page_moment, seq AS page_seq FROM events WHERE tenant_id = ";
    Listing::new(select, scope, ("accepted_at", "seq"), page)?
        .filter(" AND customer_id = ", scope.customer().map(|customer| customer.as_str()))
        .filter(" AND customer_id = ", filter.customer.as_ref().map(|customer| customer.as_str()))
        .filter(" AND event_type = ", filter.event_type.as_ref().map(|event_type| event_type.as_str()))
        .between(filter.from, filter.to)
        .fetch(connection, read)
        .await
}
