//! The SQL of installed destination types.

use freehold_model::audit::{AuditEntry, Chain};
use freehold_model::destination::Destination;
use freehold_model::installed_type::{InstalledType, Origin, Repin, Running};
use freehold_model::{Scope, TenantId};

use crate::StoreError;
use crate::destination_types::{StoredComponent, TypeChange};
use crate::engine::Tx;
use crate::sql::connection::{Connection, SqlRow};
use crate::sql::row::{Row, to_json};
use crate::sql::statement::{query, scoped};
use crate::sql::{audit, destinations};

/// What a version has in the place of a tenant when it is installed for the whole deployment.
const DEPLOYMENT: &str = "";

fn owner(tenant: Option<&TenantId>) -> &str {
    tenant.map_or(DEPLOYMENT, TenantId::as_str)
}

fn chain(tenant: Option<&TenantId>) -> Chain {
    tenant.cloned().map_or(Chain::Deployment, Chain::Tenant)
}

fn read(row: &SqlRow) -> Result<InstalledType, StoreError> {
    let row = Row::new(row, "destination_types", "digest");
    let tenant = row.parsed("tenant_id", |text| match text {
        DEPLOYMENT => Some(None),
        tenant => tenant.parse().ok().map(Some),
    });
    Ok(InstalledType {
        tenant: tenant?,
        name: row.get("name")?,
        version: row.get("version")?,
        digest: row.get("digest")?,
        manifest: row.get("manifest")?,
        imports: row.json("imports")?,
        bytes: row.number("bytes")?,
        origin: row.parsed("origin", Origin::parse)?,
        signed_by: row.maybe("signed_by", |text| serde_json::from_str(text).ok())?,
        installed_by: row.get("installed_by")?,
        installed_at: row.time("installed_at")?,
        is_disabled: row.number("disabled")? == 1,
        is_current: row.number("is_current")? == 1,
        former: row.get("former")?,
    })
}

const ALL_ACROSS_TENANTS: &str =
    "SELECT tenant_id, name, version, digest, manifest, imports, bytes, origin, signed_by, installed_by,
        installed_at, disabled, is_current, former
    FROM destination_types ORDER BY name, tenant_id, seq";

pub(crate) async fn all_across_tenants(connection: &mut Connection) -> Result<Vec<InstalledType>, StoreError> {
    query(ALL_ACROSS_TENANTS).fetch_all(connection).await?.iter().map(read).collect()
}

pub(crate) async fn component_across_tenants(
    connection: &mut Connection,
    tenant: Option<&TenantId>,
    digest: &str,
) -> Result<Option<StoredComponent>, StoreError> {
    let sql = "SELECT digest, signature, mark, component FROM destination_types WHERE tenant_id = $1 AND digest = $2";
    let row = query(sql).bind(owner(tenant)).bind(digest).fetch_optional(connection).await?;
    let Some(row) = row else { return Ok(None) };
    let row = Row::new(&row, "destination_types", "digest");
    Ok(Some(StoredComponent {
        component: row.get("component")?,
        signature: row.get("signature")?,
        mark: row.get("mark")?,
    }))
}

pub(crate) async fn install(
    tx: &mut Tx,
    installed: &InstalledType,
    stored: StoredComponent,
    entry: &AuditEntry,
) -> Result<bool, StoreError> {
    let owner = owner(installed.tenant.as_ref());
    let known = "SELECT digest FROM destination_types WHERE tenant_id = $1 AND digest = $2";
    if query(known).bind(owner).bind(&installed.digest).fetch_optional(&mut tx.connection).await?.is_some() {
        prove(tx, installed, &stored, entry).await?;
        return Ok(false);
    }
    let former = current(tx, owner, &installed.name).await?;
    query("UPDATE destination_types SET is_current = 0 WHERE tenant_id = $1 AND name = $2 AND is_current = 1")
        .bind(owner)
        .bind(&installed.name)
        .execute(&mut tx.connection)
        .await?;
    let sql =
        "INSERT INTO destination_types (tenant_id, name, version, digest, manifest, imports, bytes, origin, signed_by,
            installed_by, installed_at, disabled, is_current, former, signature, mark, component)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, 1, $12, $13, $14, $15)";
    query(sql)
        .bind(owner)
        .bind(&installed.name)
        .bind(&installed.version)
        .bind(&installed.digest)
        .bind(&installed.manifest)
        .bind(to_json(&installed.imports)?)
        .bind(installed.bytes)
        .bind(installed.origin.as_str())
        .bind(installed.signed_by.as_ref().map(to_json).transpose()?)
        .bind(&installed.installed_by)
        .bind(tx.now().millis())
        .bind(former)
        .bind(stored.signature)
        .bind(stored.mark)
        .bind(stored.component)
        .execute(&mut tx.connection)
        .await?;
    audit::record_in(tx, &chain(installed.tenant.as_ref()), entry).await?;
    Ok(true)
}

/// Adds what proves that an installed component may run, if that is news: a trusted signature, or the deployment's mark.
async fn prove(
    tx: &mut Tx,
    installed: &InstalledType,
    stored: &StoredComponent,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    // A signature by nobody who is trusted must not take the place of one by somebody.
    let signed_by = installed.signed_by.as_ref().map(to_json).transpose()?;
    let signature = signed_by.as_ref().and(stored.signature.as_ref());
    let sql = "UPDATE destination_types
        SET signature = coalesce($3, signature), signed_by = coalesce($4, signed_by), mark = coalesce($5, mark)
        WHERE tenant_id = $1 AND digest = $2
            AND (($3 IS NOT NULL AND (signature IS NULL OR signature <> $3)) OR ($5 IS NOT NULL AND (mark IS NULL OR mark <> $5)))";
    let changed = query(sql)
        .bind(owner(installed.tenant.as_ref()))
        .bind(&installed.digest)
        .bind(signature.cloned())
        .bind(signed_by)
        .bind(stored.mark.clone())
        .execute(&mut tx.connection)
        .await?;
    if changed > 0 {
        audit::record_in(tx, &chain(installed.tenant.as_ref()), entry).await?;
    }
    Ok(())
}

async fn current(tx: &mut Tx, owner: &str, name: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT digest FROM destination_types WHERE tenant_id = $1 AND name = $2 AND is_current = 1";
    let row = query(sql).bind(owner).bind(name).fetch_optional(&mut tx.connection).await?;
    row.as_ref().map(|row| Row::new(row, "destination_types", "digest").get("digest")).transpose()
}

pub(crate) async fn change(
    tx: &mut Tx,
    tenant: Option<&TenantId>,
    name: &str,
    digests: &[String],
    change: &TypeChange,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let owner = owner(tenant);
    match change {
        TypeChange::Disabled(disabled) => {
            let sql = "UPDATE destination_types SET disabled = $4
                WHERE tenant_id = $1 AND name = $2 AND digest IN (SELECT value FROM json_each($3))";
            let statement = query(sql).bind(owner).bind(name).bind(to_json(&digests)?).bind(*disabled);
            let changed = statement.execute(&mut tx.connection).await?;
            if changed != u64::try_from(digests.len()).unwrap_or(u64::MAX) {
                return Err(StoreError::NotFound);
            }
        }
        TypeChange::Current { digest, former } => {
            let sql =
                "UPDATE destination_types SET is_current = 0 WHERE tenant_id = $1 AND name = $2 AND is_current = 1";
            query(sql).bind(owner).bind(name).execute(&mut tx.connection).await?;
            // A rollback tells of none: how to go further back stays known.
            let sql = "UPDATE destination_types SET is_current = 1, former = coalesce($4, former)
                WHERE tenant_id = $1 AND name = $2 AND digest = $3";
            let statement = query(sql).bind(owner).bind(name).bind(digest).bind(former.as_deref());
            if statement.execute(&mut tx.connection).await? == 0 {
                return Err(StoreError::NotFound);
            }
        }
    }
    audit::record_in(tx, &chain(tenant), entry).await
}

fn read_running(row: &SqlRow) -> Result<Running, StoreError> {
    let row = Row::new(row, "destinations", "type_name");
    Ok(Running {
        tenant: row.parsed("tenant_id", |text| text.parse().ok())?,
        name: row.get("type_name")?,
        digest: row.get("component_digest")?,
        destinations: u64::try_from(row.get::<i64>("destinations")?).unwrap_or_default(),
    })
}

const RUNNING_ACROSS_TENANTS: &str = "SELECT tenant_id, type_name, component_digest, count(*) AS destinations
    FROM destinations WHERE type_name IN (SELECT name FROM destination_types) AND deleted_at IS NULL
    GROUP BY tenant_id, type_name, component_digest";

pub(crate) async fn running_across_tenants(connection: &mut Connection) -> Result<Vec<Running>, StoreError> {
    query(RUNNING_ACROSS_TENANTS).fetch_all(connection).await?.iter().map(read_running).collect()
}

pub(crate) async fn running(
    connection: &mut Connection,
    scope: &Scope,
    name: &str,
) -> Result<Vec<Running>, StoreError> {
    let sql = "SELECT tenant_id, type_name, component_digest, count(*) AS destinations FROM destinations
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND type_name = $3 AND deleted_at IS NULL
        GROUP BY tenant_id, type_name, component_digest";
    scoped(sql, scope).bind(name).fetch_all(connection).await?.iter().map(read_running).collect()
}

const OF_TYPE_ACROSS_TENANTS: &str =
    "SELECT * FROM destinations WHERE type_name = $1 AND deleted_at IS NULL ORDER BY destination_id";

pub(crate) async fn destinations_across_tenants(
    connection: &mut Connection,
    name: &str,
) -> Result<Vec<Destination>, StoreError> {
    query(OF_TYPE_ACROSS_TENANTS).bind(name).fetch_all(connection).await?.iter().map(destinations::read).collect()
}

pub(crate) async fn destinations(
    connection: &mut Connection,
    scope: &Scope,
    name: &str,
) -> Result<Vec<Destination>, StoreError> {
    let sql = "SELECT * FROM destinations INDEXED BY destinations_of_type
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2)
            AND type_name = $3 AND deleted_at IS NULL ORDER BY destination_id";
    scoped(sql, scope).bind(name).fetch_all(connection).await?.iter().map(destinations::read).collect()
}

pub(crate) async fn repin(tx: &mut Tx, repins: Vec<(Repin, AuditEntry)>) -> Result<Vec<Repin>, StoreError> {
    let mut done = Vec::with_capacity(repins.len());
    for (repin, entry) in repins {
        let sql = "UPDATE destinations SET component_digest = $5, former_digest = $8, updated_at = $7
            WHERE tenant_id = $1 AND customer_id = $2 AND destination_id = $3 AND deleted_at IS NULL
                AND coalesce(component_digest, '') = coalesce($4, '') AND config_version = $6";
        let changed = query(sql)
            .bind(repin.tenant.as_str())
            .bind(repin.customer.as_str())
            .bind(repin.destination.as_str())
            .bind(&repin.from)
            .bind(&repin.to)
            .bind(repin.config_version)
            .bind(tx.now().millis())
            .bind(&repin.former)
            .execute(&mut tx.connection)
            .await?;
        if changed == 0 {
            continue;
        }
        audit::record(tx, &repin.tenant, &entry).await?;
        done.push(repin);
    }
    Ok(done)
}

const PIN_UNPINNED_ACROSS_TENANTS: &str = "UPDATE destinations SET component_digest = (
        SELECT t.digest FROM destination_types AS t
        WHERE t.name = destinations.type_name AND t.is_current = 1 AND t.tenant_id IN ('', destinations.tenant_id)
        ORDER BY t.tenant_id DESC LIMIT 1)
    WHERE type_name IN (SELECT name FROM destination_types) AND component_digest IS NULL AND deleted_at IS NULL";

pub(crate) async fn pin_unpinned_across_tenants(tx: &mut Tx) -> Result<u64, StoreError> {
    Ok(query(PIN_UNPINNED_ACROSS_TENANTS).execute(&mut tx.connection).await?)
}
