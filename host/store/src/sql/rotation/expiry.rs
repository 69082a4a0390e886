//! When versions stop working, and who is to hear of it before.

use crate::sql::connection::{Connection, SqlRow};
use freehold_model::audit::{Actor, AuditEntry};
use freehold_model::lane::Lane;
use freehold_model::rotation::Refused;
use freehold_model::{DestinationId, Scope, Timestamp};
use serde_json::json;

use crate::credentials::CredentialVersion;
use crate::engine::Tx;
use crate::rotation::Expiring;
use crate::sql::row::Row;
use crate::sql::statement::{query, scoped};
use crate::sql::{audit, destinations, rotation};
use crate::{Conflict, StoreError};

const DAY_MS: u64 = 24 * 3_600_000;

// Only the nearest of the days that have come counts: after a long time off nobody is reminded four times at once.
const DUE_ACROSS_TENANTS: &str = "SELECT * FROM (SELECT tenant_id, customer_id, destination_id, version, expires_at,
            reminded_days, CAST(CASE WHEN expires_at <= $1 THEN 0 WHEN expires_at <= $2 THEN 1 WHEN expires_at <= $3 THEN 7
                WHEN expires_at <= $4 THEN 14 ELSE 30 END AS BIGINT) AS days
        FROM credentials INDEXED BY credentials_expiring
        WHERE expires_at <= $5 AND expires_at IS NOT NULL AND blob IS NOT NULL
            AND state IN ('stored', 'verified', 'active')) AS expiring
    WHERE days < coalesce(reminded_days, 31) LIMIT 100";

pub(crate) async fn due_across_tenants(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<Vec<Expiring>, StoreError> {
    let mut statement = query(DUE_ACROSS_TENANTS).bind(now.millis());
    for days in [1, 7, 14, 30] {
        statement = statement.bind(now.plus_millis(days * DAY_MS).millis());
    }
    statement.fetch_all(connection).await?.iter().map(read).collect()
}

fn read(row: &SqlRow) -> Result<Expiring, StoreError> {
    let row = Row::new(row, "credentials", "destination_id");
    Ok(Expiring {
        lane: Lane {
            tenant: row.parsed("tenant_id", |text| text.parse().ok())?,
            customer: row.parsed("customer_id", |text| text.parse().ok())?,
            destination: row.parsed("destination_id", |text| text.parse().ok())?,
        },
        version: row.number("version")?,
        expires_at: row.time("expires_at")?,
        days: row.number("days")?,
    })
}

pub(crate) async fn remind_across_tenants(tx: &mut Tx) -> Result<Vec<Expiring>, StoreError> {
    let now = tx.now();
    let due = due_across_tenants(&mut tx.connection, now).await?;
    for expiring in &due {
        let sql = "UPDATE credentials SET reminded_days = $4
            WHERE tenant_id = $1 AND destination_id = $2 AND version = $3";
        query(sql)
            .bind(expiring.lane.tenant.as_str())
            .bind(expiring.lane.destination.as_str())
            .bind(expiring.version)
            .bind(expiring.days)
            .execute(&mut tx.connection)
            .await?;
        let entry = AuditEntry {
            actor: Actor::engine(),
            action: if expiring.days == 0 { "credential.expired" } else { "credential.expiring" },
            target: ("destination", expiring.lane.destination.to_string()),
            customer: Some(expiring.lane.customer.clone()),
            details: json!({
                "version": expiring.version, "expires_at": expiring.expires_at, "days": expiring.days,
            }),
        };
        audit::record(tx, &expiring.lane.tenant, &entry).await?;
    }
    Ok(due)
}

pub(crate) async fn set(
    tx: &mut Tx,
    scope: &Scope,
    (id, number): (&DestinationId, u32),
    expires_at: Option<Timestamp>,
    entry: &AuditEntry,
) -> Result<CredentialVersion, StoreError> {
    destinations::get(tx, scope, id).await?;
    if rotation::version(tx, scope, id, number).await?.state.is_ended() {
        return Err(Conflict::Rotation(Refused::Ended(number)).into());
    }
    let sql = "UPDATE credentials SET expires_at = $5, reminded_days = NULL
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3 AND version = $4";
    scoped(sql, scope)
        .bind(id.as_str())
        .bind(number)
        .bind(expires_at.map(Timestamp::millis))
        .execute(&mut tx.connection)
        .await?;
    audit::record(tx, scope.tenant(), entry).await?;
    rotation::version(tx, scope, id, number).await
}
