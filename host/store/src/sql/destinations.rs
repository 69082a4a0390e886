//! The SQL of destinations.

use crate::sql::connection::{Connection, SqlRow};
use freehold_model::audit::AuditEntry;
use freehold_model::credential::SealedCredential;
use freehold_model::destination::{Destination, DestinationChange, DestinationState, Pause, PauseReason};
use freehold_model::page::{Page, PageRequest};
use freehold_model::rotation::VersionState;
use freehold_model::{CustomerId, DestinationId, Scope};

use crate::engine::Tx;
use crate::sql::failure::conflict;
use crate::sql::listing::Listing;
use crate::sql::row::{Row, to_json};
use crate::sql::statement::{query, run_all, scoped};
use crate::sql::{audit, cancel, credentials, customers, rotation};
use crate::{Conflict, StoreError};

pub(crate) fn read(row: &SqlRow) -> Result<Destination, StoreError> {
    let row = Row::new(row, "destinations", "destination_id");
    Ok(Destination {
        id: row.parsed("destination_id", |text| text.parse().ok())?,
        tenant: row.parsed("tenant_id", |text| text.parse().ok())?,
        customer: row.parsed("customer_id", |text| text.parse().ok())?,
        name: row.get("name")?,
        type_name: row.get("type_name")?,
        component_digest: row.get("component_digest")?,
        former_digest: row.get("former_digest")?,
        config: row.json("config")?,
        config_version: row.number("config_version")?,
        credential_version: row.maybe_number("credential_version")?,
        subscription: row.json("subscription")?,
        settings: row.json("settings")?,
        state: read_state(&row)?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

fn read_state(row: &Row<'_>) -> Result<DestinationState, StoreError> {
    let Some(since) = row.maybe_time("paused_at")? else { return Ok(DestinationState::Active) };
    let reason = row.parsed("pause_reason", reason)?;
    Ok(DestinationState::Paused(Pause { reason, message: row.get("pause_message")?, since }))
}

fn reason(text: &str) -> Option<PauseReason> {
    [PauseReason::Requested, PauseReason::Auth, PauseReason::Config]
        .into_iter()
        .find(|reason| reason_text(*reason) == text)
}

fn reason_text(reason: PauseReason) -> &'static str {
    match reason {
        PauseReason::Requested => "requested",
        PauseReason::Auth => "auth",
        PauseReason::Config => "config",
    }
}

pub(crate) async fn create(
    tx: &mut Tx,
    scope: &Scope,
    destination: &Destination,
    credential: Option<&SealedCredential>,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    if customers::find(&mut tx.connection, scope, &destination.customer).await?.is_none() {
        return Err(StoreError::NotFound);
    }
    let sql = "INSERT INTO destinations
        (tenant_id, customer_id, destination_id, name, type_name, config, config_version, credential_version,
            subscription, settings, created_at, updated_at, component_digest)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    query(sql)
        .bind(scope.tenant().as_str())
        .bind(destination.customer.as_str())
        .bind(destination.id.as_str())
        .bind(&destination.name)
        .bind(&destination.type_name)
        .bind(to_json(&destination.config)?)
        .bind(destination.config_version)
        .bind(credential.map(|credential| credential.context.version))
        .bind(to_json(&destination.subscription)?)
        .bind(to_json(&destination.settings)?)
        .bind(destination.created_at.millis())
        .bind(destination.updated_at.millis())
        .bind(&destination.component_digest)
        .execute(&mut tx.connection)
        .await
        .map_err(|error| conflict(error, &[("destinations.", Conflict::Id)]))?;
    if let Some(credential) = credential {
        let place = (&destination.customer, &destination.id);
        credentials::insert(tx, place, credential, (VersionState::Active, None)).await?;
    }
    if let DestinationState::Paused(pause) = &destination.state {
        set_pause(tx, scope, &destination.id, pause).await?;
    }
    audit::record(tx, scope.tenant(), entry).await
}

pub(crate) async fn find(
    connection: &mut Connection,
    scope: &Scope,
    id: &DestinationId,
) -> Result<Option<Destination>, StoreError> {
    let sql = "SELECT * FROM destinations
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3 AND deleted_at IS NULL";
    scoped(sql, scope).bind(id.as_str()).fetch_optional(connection).await?.as_ref().map(read).transpose()
}

/// Like [`find`], for changes: a destination that is not there is an error.
pub(crate) async fn get(tx: &mut Tx, scope: &Scope, id: &DestinationId) -> Result<Destination, StoreError> {
    find(&mut tx.connection, scope, id).await?.ok_or(StoreError::NotFound)
}

pub(crate) async fn list(
    connection: &mut Connection,
    scope: &Scope,
    customer: Option<&CustomerId>,
    page: &PageRequest,
) -> Result<Page<Destination>, StoreError> {
    let select = "SELECT *, created_at AS page_moment, seq AS page_seq FROM destinations
        WHERE deleted_at IS NULL AND tenant_id = ";
    Listing::new(select, scope, ("created_at", "seq"), page)?
        .filter(" AND customer_id = ", scope.customer().map(|customer| customer.as_str()))
        .filter(" AND customer_id = ", customer.map(|customer| customer.as_str()))
        .fetch(connection, read)
        .await
}

pub(crate) async fn of_customer(
    connection: &mut Connection,
    scope: &Scope,
    customer: &CustomerId,
) -> Result<Vec<DestinationId>, StoreError> {
    let sql = "SELECT destination_id FROM destinations
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND customer_id = $3 AND deleted_at IS NULL";
    let rows = scoped(sql, scope).bind(customer.as_str()).fetch_all(connection).await?;
    let id = |row| Row::new(row, "destinations", "destination_id").parsed("destination_id", |text| text.parse().ok());
    rows.iter().map(id).collect()
}

pub(crate) async fn update(
    tx: &mut Tx,
    scope: &Scope,
    id: &DestinationId,
    change: &DestinationChange,
    entry: &AuditEntry,
) -> Result<Destination, StoreError> {
    let before = get(tx, scope, id).await?;
    let sql = "UPDATE destinations SET name = coalesce($4, name), config = coalesce($5, config),
            config_version = config_version + CASE WHEN $5 IS NULL THEN 0 ELSE 1 END, subscription = coalesce($6, subscription),
            settings = coalesce($7, settings), updated_at = $8
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3";
    scoped(sql, scope)
        .bind(id.as_str())
        .bind(&change.name)
        .bind(change.config.as_ref().map(to_json).transpose()?)
        .bind(change.subscription.as_ref().map(to_json).transpose()?)
        .bind(change.settings.as_ref().map(to_json).transpose()?)
        .bind(tx.now().millis())
        .execute(&mut tx.connection)
        .await?;
    let mut entry = entry.clone();
    if change.config.is_some() {
        end_pause(tx, scope, &before, Some(PauseReason::Config)).await?;
        if rotation::void_verification(tx, scope, id).await? {
            entry.details["verification_voided"] = true.into();
        }
    }
    audit::record(tx, scope.tenant(), &entry).await?;
    get(tx, scope, id).await
}

pub(crate) async fn pause(
    tx: &mut Tx,
    scope: &Scope,
    id: &DestinationId,
    pause: &Pause,
    entry: &AuditEntry,
) -> Result<Destination, StoreError> {
    get(tx, scope, id).await?;
    set_pause(tx, scope, id, pause).await?;
    audit::record(tx, scope.tenant(), entry).await?;
    get(tx, scope, id).await
}

pub(crate) async fn set_pause(tx: &mut Tx, scope: &Scope, id: &DestinationId, pause: &Pause) -> Result<(), StoreError> {
    let sql = "UPDATE destinations SET pause_reason = $4, pause_message = $5,
            paused_at = coalesce(paused_at, $6), updated_at = $7
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3";
    scoped(sql, scope)
        .bind(id.as_str())
        .bind(reason_text(pause.reason))
        .bind(&pause.message)
        .bind(pause.since.millis())
        .bind(tx.now().millis())
        .execute(&mut tx.connection)
        .await?;
    Ok(())
}

pub(crate) async fn resume(
    tx: &mut Tx,
    scope: &Scope,
    id: &DestinationId,
    entry: &AuditEntry,
) -> Result<Destination, StoreError> {
    let before = get(tx, scope, id).await?;
    if before.state.is_active() {
        return Ok(before);
    }
    if rotation::has_lost_its_credential(tx, scope, id).await? {
        return Err(Conflict::NoCredential.into());
    }
    end_pause(tx, scope, &before, None).await?;
    audit::record(tx, scope.tenant(), entry).await?;
    get(tx, scope, id).await
}

/// Ends a pause, or only one for this reason.
pub(crate) async fn end_pause(
    tx: &mut Tx,
    scope: &Scope,
    destination: &Destination,
    only: Option<PauseReason>,
) -> Result<(), StoreError> {
    let DestinationState::Paused(pause) = &destination.state else { return Ok(()) };
    if only.is_some_and(|reason| reason != pause.reason) {
        return Ok(());
    }
    // The time of the pause does not count against the retries of the batches that had to wait it out.
    let sql = "UPDATE destinations SET pause_reason = NULL, pause_message = NULL, paused_at = NULL, updated_at = $4
            WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3;
        UPDATE batches INDEXED BY batches_open
            SET first_attempt_at = CASE WHEN first_attempt_at >= $5 OR first_attempt_at + ($4 - $5) > $4 THEN $4
                WHEN $4 > $5 THEN first_attempt_at + ($4 - $5) ELSE first_attempt_at END
            WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3 AND open = 1";
    let statement = scoped(sql, scope).bind(destination.id.as_str()).bind(tx.now().millis()).bind(pause.since.millis());
    run_all(&mut tx.connection, statement).await?;
    Ok(())
}

pub(crate) async fn delete(
    tx: &mut Tx,
    scope: &Scope,
    id: &DestinationId,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    get(tx, scope, id).await?;
    cancel::end(tx, scope, id).await?;
    audit::record(tx, scope.tenant(), entry).await
}
