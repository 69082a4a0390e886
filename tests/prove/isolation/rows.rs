//! Does Postgres keep tenants and customers apart by itself? The same rows, asked for past every check of the host: as the
//! role that it takes, for everything.

use freehold_tests::Result;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::witness::{Witness, changes};
use super::world::World;
use crate::proof::Proof;

/// Asks on Postgres; SQLite knows no roles, so there is nothing to ask.
pub(super) async fn prove(world: &World, witness: &mut Witness, proof: &mut Proof) -> Result {
    let Some(database) = world.host.database() else { return Ok(()) };
    let mut login = PgConnection::connect(&database.url()).await?;
    sqlx::raw_sql("SET search_path = freehold").execute(&mut login).await?;
    let columns = witness.driver.columns().await?;
    let with = |column: &str| -> Vec<String> {
        let has = columns.iter().filter(|(_, columns)| columns.iter().any(|it| it == column));
        has.map(|(table, _)| table.clone()).collect()
    };
    let (tenant, stranger) = (&world.tenants[0].id, &world.tenants[1].id);
    let (own, sibling) = (&world.tenants[0].estates[0].owner.customer, &world.tenants[0].estates[1].owner.customer);

    let before = witness.look_again().await?;
    let (mut seen, mut siblings, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    for table in with("tenant_id") {
        let foreign = format!("SELECT count(*) FROM {table} WHERE tenant_id = '{stranger}'");
        let count = count(&mut login, (tenant, ""), &foreign).await?;
        seen.extend((count != 0).then(|| format!("{table}: {count} rows of another tenant")));
        for change in [
            format!("UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = '{stranger}'"),
            format!("DELETE FROM {table} WHERE tenant_id = '{stranger}'"),
        ] {
            // What is not refused finds no row.
            let found = as_tenant(&mut login, (tenant, ""), &change).await.unwrap_or(0);
            changed.extend((found != 0).then(|| format!("{change}: {found} rows")));
        }
    }
    for table in with("customer_id") {
        let foreign = format!("SELECT count(*) FROM {table} WHERE customer_id = '{sibling}'");
        let count = count(&mut login, (tenant, own), &foreign).await?;
        siblings.extend((count != 0).then(|| format!("{table}: {count} rows of a sibling")));
    }
    changed.extend(changes(&before, &witness.look_again().await?).iter().map(ToString::to_string));
    let (tables, of_customers) = (with("tenant_id").len(), with("customer_id").len());
    proof.group("row-level security alone: no tenant sees another's rows", tables, &seen);
    proof.group("row-level security alone: no customer sees a sibling's rows", of_customers, &siblings);
    proof.group("row-level security alone: no tenant changes another's rows", 2 * tables, &changed);
    Ok(())
}

fn taken(scope: (&str, &str)) -> String {
    let (tenant, customer) = scope;
    format!(
        "SET LOCAL ROLE freehold_app; SET LOCAL freehold.tenant = '{tenant}'; SET LOCAL freehold.customer = '{customer}'"
    )
}

async fn count(login: &mut PgConnection, scope: (&str, &str), sql: &str) -> Result<i64> {
    let mut transaction = login.begin().await?;
    sqlx::raw_sql(AssertSqlSafe(taken(scope))).execute(&mut *transaction).await?;
    Ok(sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut *transaction).await?)
}

/// How many rows a statement finds; it is taken back.
async fn as_tenant(login: &mut PgConnection, scope: (&str, &str), sql: &str) -> Result<u64> {
    let mut transaction = login.begin().await?;
    sqlx::raw_sql(AssertSqlSafe(taken(scope))).execute(&mut *transaction).await?;
    Ok(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *transaction).await?.rows_affected())
}
