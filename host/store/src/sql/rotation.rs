//! The SQL of rotation: loads what the rules need, lets them decide, and writes their decision down.

pub(crate) mod drain;
pub(crate) mod expiry;

use crate::sql::connection::SqlRow;
use freehold_model::audit::AuditEntry;
use freehold_model::credential::SealedCredential;
use freehold_model::destination::{Destination, Pause, PauseReason};
use freehold_model::rotation::{CutOver, Rotation, Step, Version, VersionState};
use freehold_model::{DestinationId, Scope, Timestamp};
use serde_json::{Value, json};

use crate::credentials::{CredentialVersion, Verification};
use crate::engine::Tx;
use crate::rotation::Rotated;
use crate::sql::row::Row;
use crate::sql::statement::{run_all, scoped};
use crate::sql::{audit, credentials, destinations};
use crate::{Conflict, StoreError};

const LOAD: &str = "SELECT destination_id, credential_epoch, previous_credential_version,
            coalesce((SELECT max(version) FROM credentials AS c
                WHERE c.tenant_id = d.tenant_id AND c.destination_id = d.destination_id), 0) AS newest
        FROM destinations AS d
        WHERE d.tenant_id = $1 AND ($2 IS NULL OR d.customer_id = $2) AND d.destination_id = $3;
    SELECT destination_id, version, state, verified_component, drain_until
        FROM credentials INDEXED BY credentials_live
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3 AND blob IS NOT NULL";

async fn load(tx: &mut Tx, scope: &Scope, id: &DestinationId) -> Result<Rotation, StoreError> {
    let answers = run_all(&mut tx.connection, scoped(LOAD, scope).bind(id.as_str())).await?;
    let rows = |place: usize| answers.get(place).map_or(&[][..], |answer| answer.rows.as_slice());
    let row = rows(0).first().ok_or(StoreError::NotFound)?;
    let row = Row::new(row, "destinations", "destination_id");
    Ok(Rotation {
        epoch: u64::from(row.number("credential_epoch")?),
        newest: row.number("newest")?,
        previous: row.maybe_number("previous_credential_version")?,
        versions: rows(1).iter().map(read).collect::<Result<_, _>>()?,
    })
}

fn read(row: &SqlRow) -> Result<Version, StoreError> {
    let row = Row::new(row, "credentials", "destination_id");
    Ok(Version {
        number: row.number("version")?,
        state: row.parsed("state", VersionState::parse)?,
        verified_with: row.get("verified_component")?,
        drain_until: row.maybe_time("drain_until")?,
    })
}

const CHANGE: &str = "UPDATE credentials SET state = $5, drain_until = $6, overlap_until = $7,
        activated_at = CASE $5 WHEN 'active' THEN $8 ELSE activated_at END,
        blob = CASE $9 WHEN 1 THEN NULL ELSE blob END, destroyed_at = CASE $9 WHEN 1 THEN $8 END
    WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3 AND version = $4";

/// Writes down what a rule decided.
async fn write(tx: &mut Tx, scope: &Scope, id: &DestinationId, step: &Step) -> Result<(), StoreError> {
    for change in &step.changes {
        scoped(CHANGE, scope)
            .bind(id.as_str())
            .bind(change.number)
            .bind(change.to.as_str())
            .bind(change.drain_until.map(Timestamp::millis))
            .bind(change.overlap_until.map(Timestamp::millis))
            .bind(tx.now().millis())
            .bind(change.to.is_ended())
            .execute(&mut tx.connection)
            .await?;
    }
    let sql = "UPDATE destinations SET credential_version = $4, previous_credential_version = $5,
            credential_epoch = $6, updated_at = CASE credential_epoch WHEN $6 THEN updated_at ELSE $7 END
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3";
    scoped(sql, scope)
        .bind(id.as_str())
        .bind(step.active)
        .bind(step.previous)
        .bind(i64::try_from(step.epoch).unwrap_or(i64::MAX))
        .bind(tx.now().millis())
        .execute(&mut tx.connection)
        .await?;
    Ok(())
}

/// The entry with what only the transaction knows.
fn with(entry: &AuditEntry, known: Value) -> AuditEntry {
    let mut entry = entry.clone();
    if let (Value::Object(details), Value::Object(known)) = (&mut entry.details, known) {
        details.extend(known);
    }
    entry
}

async fn version(tx: &mut Tx, scope: &Scope, id: &DestinationId, number: u32) -> Result<CredentialVersion, StoreError> {
    credentials::version(&mut tx.connection, scope, id, number).await?.ok_or(StoreError::NotFound)
}

/// The destination, if it has a version of this number: one that never was is not found rather than refused.
async fn destination_with(
    tx: &mut Tx,
    scope: &Scope,
    (id, number): (&DestinationId, u32),
) -> Result<Destination, StoreError> {
    let destination = destinations::get(tx, scope, id).await?;
    version(tx, scope, id, number).await?;
    Ok(destination)
}

pub(crate) async fn add(
    tx: &mut Tx,
    scope: &Scope,
    credential: &SealedCredential,
    expires_at: Option<Timestamp>,
    entry: &AuditEntry,
) -> Result<CredentialVersion, StoreError> {
    let id = &credential.context.destination;
    let destination = destinations::get(tx, scope, id).await?;
    if destination.customer != credential.context.customer {
        return Err(StoreError::NotFound);
    }
    let next = load(tx, scope, id).await?.add().map_err(Conflict::Rotation)?;
    if credential.context.version != next {
        return Err(Conflict::CredentialVersion { next }.into());
    }
    let stored = (VersionState::Stored, expires_at);
    credentials::insert(tx, (&destination.customer, id), credential, stored).await?;
    audit::record(tx, scope.tenant(), entry).await?;
    version(tx, scope, id, next).await
}

pub(crate) async fn verify(
    tx: &mut Tx,
    scope: &Scope,
    (id, number): (&DestinationId, u32),
    (config_version, verification): (u32, &Verification),
    entry: &AuditEntry,
) -> Result<CredentialVersion, StoreError> {
    let destination = destination_with(tx, scope, (id, number)).await?;
    let step = load(tx, scope, id).await?.verify(number).map_err(Conflict::Rotation)?;
    if destination.config_version != config_version {
        return Err(Conflict::ConfigChanged.into());
    }
    write(tx, scope, id, &step).await?;
    let sql = "UPDATE credentials SET verified_at = $5, verified_config = $6, verified_component = $7
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3 AND version = $4";
    scoped(sql, scope)
        .bind(id.as_str())
        .bind(number)
        .bind(verification.at.millis())
        .bind(&verification.config)
        .bind(&verification.component)
        .execute(&mut tx.connection)
        .await?;
    audit::record(tx, scope.tenant(), entry).await?;
    version(tx, scope, id, number).await
}

pub(crate) async fn reject(
    tx: &mut Tx,
    scope: &Scope,
    (id, number): (&DestinationId, u32),
    entry: &AuditEntry,
) -> Result<CredentialVersion, StoreError> {
    destination_with(tx, scope, (id, number)).await?;
    let step = load(tx, scope, id).await?.reject(number).map_err(Conflict::Rotation)?;
    write(tx, scope, id, &step).await?;
    audit::record(tx, scope.tenant(), entry).await?;
    version(tx, scope, id, number).await
}

pub(crate) async fn cut_over(
    tx: &mut Tx,
    scope: &Scope,
    (id, number): (&DestinationId, u32),
    terms: &CutOver,
    entry: &AuditEntry,
) -> Result<Rotated, StoreError> {
    let before = destination_with(tx, scope, (id, number)).await?;
    let rotation = load(tx, scope, id).await?;
    let step = rotation.cut_over(number, terms, tx.now()).map_err(Conflict::Rotation)?;
    let verified = rotation.versions.iter().any(|version| {
        version.number == number
            && version.state == VersionState::Verified
            && version.verified_with.as_deref() == Some(&terms.component)
    });
    let known = json!({ "epoch": step.epoch, "replaces": rotation.active(), "verified": verified });
    take_over(tx, scope, &before, &step, &with(entry, known)).await
}

pub(crate) async fn roll_back(
    tx: &mut Tx,
    scope: &Scope,
    (id, number): (&DestinationId, u32),
    lasting: (u64, u64),
    entry: &AuditEntry,
) -> Result<Rotated, StoreError> {
    let before = destination_with(tx, scope, (id, number)).await?;
    let rotation = load(tx, scope, id).await?;
    let step = rotation.roll_back(number, lasting, tx.now()).map_err(Conflict::Rotation)?;
    let known = json!({ "epoch": step.epoch, "replaces": rotation.active() });
    take_over(tx, scope, &before, &step, &with(entry, known)).await
}

/// Writes down that another version is active now. A version that had to go for it has a row of its own in the audit log.
async fn take_over(
    tx: &mut Tx,
    scope: &Scope,
    before: &Destination,
    step: &Step,
    entry: &AuditEntry,
) -> Result<Rotated, StoreError> {
    write(tx, scope, &before.id, step).await?;
    destinations::end_pause(tx, scope, before, Some(PauseReason::Auth)).await?;
    let ended = ended(step);
    for version in &ended {
        let details = json!({ "version": version, "forced": true });
        let retired = AuditEntry { action: drain::RETIRE, details, ..entry.clone() };
        audit::record(tx, scope.tenant(), &retired).await?;
    }
    audit::record(tx, scope.tenant(), entry).await?;
    Ok(Rotated { destination: destinations::get(tx, scope, &before.id).await?, epoch: step.epoch, ended })
}

fn ended(step: &Step) -> Vec<u32> {
    step.changes.iter().filter(|change| change.to.is_ended()).map(|change| change.number).collect()
}

pub(crate) async fn revoke(
    tx: &mut Tx,
    scope: &Scope,
    (id, number): (&DestinationId, u32),
    pause: &Pause,
    entry: &AuditEntry,
) -> Result<Rotated, StoreError> {
    let before = destination_with(tx, scope, (id, number)).await?;
    let rotation = load(tx, scope, id).await?;
    let step = rotation.revoke(number).map_err(Conflict::Rotation)?;
    write(tx, scope, id, &step).await?;
    let was_active = rotation.active() == Some(number);
    // A pause that somebody asked for stays as it is: resuming asks for a credential then.
    let keeps = matches!(&before.state, freehold_model::destination::DestinationState::Paused(pause)
        if pause.reason == PauseReason::Requested);
    if was_active && !keeps {
        destinations::set_pause(tx, scope, id, pause).await?;
    }
    let known = json!({ "epoch": step.epoch, "was_active": was_active });
    audit::record(tx, scope.tenant(), &with(entry, known)).await?;
    Ok(Rotated { destination: destinations::get(tx, scope, id).await?, epoch: step.epoch, ended: ended(&step) })
}

/// What was verified with a config that is another one now is only stored. Tells whether there was such a version.
pub(crate) async fn void_verification(tx: &mut Tx, scope: &Scope, id: &DestinationId) -> Result<bool, StoreError> {
    let sql = "UPDATE credentials SET state = 'stored', verified_at = NULL,
            verified_config = NULL, verified_component = NULL
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3 AND state = 'verified'";
    Ok(scoped(sql, scope).bind(id.as_str()).execute(&mut tx.connection).await? > 0)
}

/// Whether the destination had a credential, and has none any more.
pub(crate) async fn has_lost_its_credential(
    tx: &mut Tx,
    scope: &Scope,
    id: &DestinationId,
) -> Result<bool, StoreError> {
    let sql = "SELECT CAST(CASE WHEN credential_version IS NULL AND EXISTS (SELECT 1 FROM credentials AS c
            WHERE c.tenant_id = d.tenant_id AND c.destination_id = d.destination_id AND c.activated_at IS NOT NULL)
            THEN 1 ELSE 0 END AS BIGINT) AS lost
        FROM destinations AS d
        WHERE d.tenant_id = $1 AND ($2 IS NULL OR d.customer_id = $2) AND d.destination_id = $3";
    let row = scoped(sql, scope).bind(id.as_str()).fetch_optional(&mut tx.connection).await?;
    let lost = row.map(|row| Row::new(&row, "destinations", "destination_id").get::<i64>("lost")).transpose()?;
    Ok(lost == Some(1))
}
