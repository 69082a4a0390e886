//! The SQL of attempts as people look at them.

use crate::sql::connection::{Connection, SqlRow};
use freehold_model::attempt::{Attempt, AttemptState};
use freehold_model::page::{Page, PageRequest};
use freehold_model::{AttemptId, Scope};

use crate::sql::listing::Listing;
use crate::sql::row::Row;
use crate::sql::statement::scoped;
use crate::{AttemptFilter, StoreError};

fn read(row: &SqlRow) -> Result<Attempt, StoreError> {
    let row = Row::new(row, "attempts", "attempt_id");
    Ok(Attempt {
        id: row.parsed("attempt_id", |text| text.parse().ok())?,
        batch: row.parsed("batch_id", |text| text.parse().ok())?,
        destination: row.parsed("destination_id", |text| text.parse().ok())?,
        customer: row.parsed("customer_id", |text| text.parse().ok())?,
        number: row.number("number")?,
        state: row.parsed("state", AttemptState::parse)?,
        events: row.number("events")?,
        started_at: row.time("started_at")?,
        finished_at: row.maybe_time("finished_at")?,
        component_digest: row.get("component_digest")?,
        credential_version: row.maybe_number("credential_version")?,
        report: row.json("report")?,
    })
}

pub(crate) async fn find(
    connection: &mut Connection,
    scope: &Scope,
    id: &AttemptId,
) -> Result<Option<Attempt>, StoreError> {
    let sql = "SELECT * FROM attempts
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND attempt_id = $3";
    scoped(sql, scope).bind(id.as_str()).fetch_optional(connection).await?.as_ref().map(read).transpose()
}

pub(crate) async fn list(
    connection: &mut Connection,
    scope: &Scope,
    filter: &AttemptFilter,
    page: &PageRequest,
) -> Result<Page<Attempt>, StoreError> {
    let select = if filter.delivery.is_some() || filter.event.is_some() {
        // A delivery has few attempts: they are found by their batches, then sorted.
        "SELECT *, started_at AS page_moment, seq AS page_seq FROM attempts INDEXED BY attempts_of_batch
            WHERE tenant_id = "
    } else {
        "SELECT *, started_at AS page_moment, seq AS page_seq FROM attempts WHERE tenant_id = "
    };
    Listing::new(select, scope, ("started_at", "seq"), page)?
        .filter(" AND customer_id = ", scope.customer().map(|customer| customer.as_str()))
        .filter(" AND customer_id = ", filter.customer.as_ref().map(|customer| customer.as_str()))
        .filter(" AND destination_id = ", filter.destination.as_ref().map(|destination| destination.as_str()))
        .filter(" AND state = ", filter.state.map(AttemptState::as_str))
        .within(
            " AND batch_id IN (WITH RECURSIVE chain (tenant_id, batch_id) AS (
                SELECT tenant_id, batch_id FROM deliveries WHERE tenant_id = ",
            scope,
            " AND delivery_id = ",
            filter.delivery.as_ref().map(|delivery| delivery.as_str()),
            " UNION SELECT b.tenant_id, b.parent_id FROM chain
                JOIN batches AS b ON b.tenant_id = chain.tenant_id AND b.batch_id = chain.batch_id
            ) SELECT batch_id FROM chain)",
        )
        .within(
            " AND batch_id IN (WITH RECURSIVE chain (tenant_id, batch_id) AS (
                SELECT d.tenant_id, d.batch_id FROM events AS e
                JOIN deliveries AS d ON d.tenant_id = e.tenant_id AND d.event_seq = e.seq WHERE e.tenant_id = ",
            scope,
            " AND e.event_id = ",
            filter.event.as_ref().map(|event| event.as_str()),
            " UNION SELECT b.tenant_id, b.parent_id FROM chain
                JOIN batches AS b ON b.tenant_id = chain.tenant_id AND b.batch_id = chain.batch_id
            ) SELECT batch_id FROM chain)",
        )
        .between(filter.from, filter.to)
        .fetch(connection, read)
        .await
}
