//! Refuses to run where row-level security would not hold: as a superuser, as the owner of the tables, or without policies.

use sqlx::Row;
use sqlx::postgres::PgConnection;

use crate::StoreError;

/// What a host acts as.
const ROLES: [&str; 3] = ["freehold_owner", "freehold_app", "freehold_worker"];

/// Refuses roles that are missing, or that row-level security does not bind.
pub(super) async fn roles(connection: &mut PgConnection) -> Result<(), StoreError> {
    let sql = "SELECT rolname::text AS name, rolsuper OR rolbypassrls AS unbound,
            rolname = session_user AS is_login, pg_has_role(session_user, oid, 'MEMBER') AS is_ours
        FROM pg_roles WHERE rolname = session_user OR rolname = ANY($1)";
    let rows = sqlx::query(sql).bind(&ROLES[..]).fetch_all(&mut *connection).await?;
    for row in &rows {
        let name: String = row.try_get("name")?;
        if row.try_get("unbound")? {
            return Err(StoreError::Database(format!(
                "the role {name} is a superuser or has BYPASSRLS, so row-level security would not hold; use a role without"
            )));
        }
        if !row.try_get::<bool, _>("is_ours")? {
            let login = login(&mut *connection).await?;
            return Err(StoreError::Database(format!(
                "{login} is not a member of {name}; as an administrator: GRANT {name} TO {login}"
            )));
        }
    }
    let names: Vec<String> = rows.iter().map(|row| row.try_get("name")).collect::<Result<_, _>>()?;
    match ROLES.iter().find(|role| !names.iter().any(|name| name == *role)) {
        Some(missing) => Err(StoreError::Database(format!(
            "the role {missing} is missing; as an administrator, run what `freehold database roles` prints"
        ))),
        None => Ok(()),
    }
}

async fn login(connection: &mut PgConnection) -> Result<String, StoreError> {
    Ok(sqlx::query("SELECT session_user::text AS name").fetch_one(connection).await?.try_get("name")?)
}

/// Refuses tables that are open to whoever acts for a tenant.
pub(super) async fn row_level_security(connection: &mut PgConnection) -> Result<(), StoreError> {
    let sql = "SELECT c.relname::text AS name FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'freehold'
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
        WHERE c.relkind IN ('r', 'p') AND (NOT c.relrowsecurity OR NOT c.relforcerowsecurity
            OR pg_get_userbyid(c.relowner) <> 'freehold_owner'
            OR NOT EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND NOT p.polpermissive))
        ORDER BY 1 LIMIT 1";
    match sqlx::query(sql).fetch_optional(connection).await? {
        Some(row) => {
            let table: String = row.try_get("name")?;
            Err(StoreError::Database(format!(
                "row-level security does not hold for the table {table}: it must belong to freehold_owner, be forced, and \
                 have its restrictive policy; restore the schema before you start again"
            )))
        }
        None => Ok(()),
    }
}
