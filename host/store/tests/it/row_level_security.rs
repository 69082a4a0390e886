//! What Postgres itself keeps apart, whatever a statement asks for: these ask for everything, without the store's own
//! filters.

use std::process::Command;

use freehold_model::delivery::Verdict;
use freehold_store::{POSTGRES_ROLES, Store, StoreError};
use freehold_test_postgres::Database;

use crate::support::{Engine, Home, audit, portal_session};

/// A database in which two tenants, and two customers of the first, have something in every table.
async fn furnished() -> (Home, Database, [String; 2], [String; 2]) {
    let home = Home::new(Engine::Postgres).await;
    let destination = home.destination().await;
    home.activate(&destination).await;
    home.publish(&["a", "b"]).await;
    let settled = home.claim_one(&destination).await;
    home.settle(&settled, vec![Verdict::Delivered]).await;
    home.claim_one(&destination).await;
    let session = portal_session(&home, &home.customer, 1);
    home.store.create_portal_session(&home.scope, &session, &audit("session.create")).await.unwrap();
    let sibling = home.sibling().await;
    let (stranger, _) = home.stranger().await;
    let database = home.database().clone();
    let tenants = [home.scope.tenant().to_string(), stranger.tenant().to_string()];
    let customers = [home.customer.to_string(), sibling.to_string()];
    (home, database, tenants, customers)
}

/// Tables with a tenant, by whether they have a customer as well.
fn tables(database: &Database, column: &str) -> Vec<String> {
    let sql = format!(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'freehold' AND column_name = '{column}'
            ORDER BY 1"
    );
    database.run(&sql).unwrap().lines().map(str::to_owned).collect()
}

/// Runs SQL as the role that Freehold logs in as.
fn as_login(database: &Database, sql: &str) -> Result<String, String> {
    let (options, url) = ("--options=-csearch_path=freehold", database.url());
    let output = Command::new(database.programs().join("psql"))
        .env("PGOPTIONS", options.trim_start_matches("--options="))
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", &url, "-c", sql])
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn as_tenant(tenant: &str, customer: &str) -> String {
    format!("SET ROLE freehold_app; SET freehold.tenant = '{tenant}'; SET freehold.customer = '{customer}';")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_its_own_rows_and_no_others() {
    if freehold_test_postgres::missing().is_some() {
        return;
    }
    let (_home, database, [tenant, stranger], _) = furnished().await;
    let tables = tables(&database, "tenant_id");
    assert!(tables.len() >= 14, "{tables:?}");

    for table in tables {
        let count = format!("SELECT count(*), count(*) FILTER (WHERE tenant_id = '{tenant}') FROM {table}");
        let own = as_login(&database, &format!("{} {count}", as_tenant(&tenant, ""))).unwrap();
        let foreign = as_login(&database, &format!("{} {count}", as_tenant(&stranger, ""))).unwrap();
        let nobody = as_login(&database, &format!("SET ROLE freehold_app; {count}")).unwrap();
        let whole =
            database.run(&format!("SELECT count(*) FROM freehold.{table} WHERE tenant_id = '{tenant}'")).unwrap();

        assert_eq!(own, format!("{whole}|{whole}"), "{table}");
        assert!(foreign.ends_with("|0"), "{table}: a stranger sees {foreign}");
        assert_eq!(nobody, "0|0", "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_sees_nothing_of_its_sibling() {
    if freehold_test_postgres::missing().is_some() {
        return;
    }
    let (_home, database, [tenant, _], [customer, sibling]) = furnished().await;
    let tables = tables(&database, "customer_id");
    assert!(tables.len() >= 9, "{tables:?}");

    for table in tables {
        let count = format!("SELECT count(*) FILTER (WHERE customer_id IS DISTINCT FROM '{sibling}') FROM {table}");
        let seen = as_login(&database, &format!("{} {count}", as_tenant(&tenant, &sibling))).unwrap();
        let owned = as_login(&database, &format!("{} SELECT count(*) FROM {table}", as_tenant(&tenant, &customer)));

        assert_eq!(seen, "0", "{table}");
        // The records of this suite name no customer.
        assert!(table == "audit" || owned.unwrap() != "0", "{table}: there is something to see");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_changes_nothing_of_another() {
    if freehold_test_postgres::missing().is_some() {
        return;
    }
    let (_home, database, [tenant, stranger], _) = furnished().await;
    let mut filled = 0;

    for table in tables(&database, "tenant_id") {
        let rows =
            database.run(&format!("SELECT count(*) FROM freehold.{table} WHERE tenant_id = '{tenant}'")).unwrap();
        let digest = format!("SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM freehold.{table} AS t");
        let before = database.run(&digest).unwrap();
        let foreign = as_tenant(&stranger, "");

        // What is not refused finds no row to change.
        let updated = as_login(
            &database,
            &format!(
                "{foreign} UPDATE {table} SET tenant_id = tenant_id
            WHERE tenant_id = '{tenant}'"
            ),
        );
        let deleted = as_login(&database, &format!("{foreign} DELETE FROM {table} WHERE tenant_id = '{tenant}'"));
        let taken =
            as_login(&database, &format!("{} UPDATE {table} SET tenant_id = '{stranger}'", as_tenant(&tenant, "")));

        assert_eq!(database.run(&digest).unwrap(), before, "{table}: {updated:?} {deleted:?}");
        assert!(rows == "0" || taken.is_err(), "{table}: rows were given to another tenant");
        filled += u32::from(rows != "0");
    }

    assert!(filled >= 9, "only {filled} tables have rows to give away");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_itself_may_do_nothing() {
    if freehold_test_postgres::missing().is_some() {
        return;
    }
    let (_home, database, _, _) = furnished().await;

    for table in tables(&database, "tenant_id") {
        let refused = as_login(&database, &format!("SELECT count(*) FROM freehold.{table}")).unwrap_err();

        assert!(refused.contains("permission denied"), "{table}: {refused}");
    }
}

async fn refusal(database: &Database, role: &str) -> String {
    let home = Home::new(Engine::Sqlite).await;
    match Store::connect(&database.url_as(role), "host", home.sources.clone()).await {
        Err(StoreError::Database(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_does_not_run_where_row_level_security_would_not_hold() {
    if freehold_test_postgres::missing().is_some() {
        return;
    }
    let database = Database::create(POSTGRES_ROLES).unwrap();
    assert!(refusal(&database, "admin").await.contains("admin is a superuser or has BYPASSRLS"));

    let home = Home::new(Engine::Postgres).await;
    let database = home.database();
    for (harm, repair, table) in [
        ("ALTER TABLE events NO FORCE ROW LEVEL SECURITY", "ALTER TABLE events FORCE ROW LEVEL SECURITY", "events"),
        ("ALTER TABLE audit DISABLE ROW LEVEL SECURITY", "ALTER TABLE audit ENABLE ROW LEVEL SECURITY", "audit"),
        (
            "DROP POLICY only_of_tenant ON tenants",
            "CREATE POLICY only_of_tenant ON tenants AS RESTRICTIVE TO freehold_app USING (false)",
            "tenants",
        ),
        ("ALTER TABLE batches OWNER TO admin", "ALTER TABLE batches OWNER TO freehold_owner", "batches"),
    ] {
        database.run(&format!("SET search_path = freehold; {harm}")).unwrap();

        let why = refusal(database, "freehold").await;

        assert!(why.contains(&format!("row-level security does not hold for the table {table}:")), "{harm}: {why}");
        database.run(&format!("SET search_path = freehold; {repair}")).unwrap();
    }
}
