//! Databases from before there were chains.

use freehold_model::audit::{Chain, Digest};
use freehold_store::Store;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, SqlSafeStr};

use crate::support::{Engine, Home};

const BEGINNING: &str = include_str!("../../migrations/sqlite/0001_beginning.sql");

const TENANT: &str = "ten_01hzzzzzzzzzzzzzzzzzzzzzzz";

#[tokio::test]
async fn the_rows_of_an_older_database_are_chained_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("freehold.db");
    let mut old = SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap();
    let first = Migration::new(1, "beginning".into(), MigrationType::Simple, BEGINNING.into_sql_str(), false);
    Migrator::with_migrations(vec![first]).run_direct(None, &mut old, false).await.unwrap();
    old.execute(
        "INSERT INTO tenants VALUES ('ten_01hzzzzzzzzzzzzzzzzzzzzzzz', 'acme', 1);
        INSERT INTO audit VALUES
            (1, 'ten_01hzzzzzzzzzzzzzzzzzzzzzzz', 'aud_01hzzzzzzzzzzzzzzzzzzzzzz1', 1, '{\"kind\":\"operator\",\"id\":\"cli\"}',
                'tenant.create', 'tenant', 'ten_01hzzzzzzzzzzzzzzzzzzzzzzz', NULL, '{\"name\":\"acme\"}'),
            (7, 'ten_01hzzzzzzzzzzzzzzzzzzzzzzz', 'aud_01hzzzzzzzzzzzzzzzzzzzzzz2', 2, '{\"kind\":\"operator\",\"id\":\"cli\"}',
                'api-key.revoke', 'api-key', 'key_1', NULL, '{}')",
    )
    .await
    .unwrap();
    old.close().await.unwrap();
    let sources = Home::new(Engine::Sqlite).await.sources;

    let store = Store::open(&path, sources.clone()).await.unwrap();
    store.close().await;
    let store = Store::open(&path, sources).await.unwrap();

    let chain = Chain::Tenant(TENANT.parse().unwrap());
    let records = store.audit_after_across_tenants(&chain, 0, 10).await.unwrap();
    let told: Vec<(u64, &str, &str)> =
        records.iter().map(|record| (record.seq, record.id.as_str(), record.action.as_str())).collect();
    assert_eq!(
        told,
        [
            (1, "aud_01hzzzzzzzzzzzzzzzzzzzzzz1", "tenant.create"),
            (2, "aud_01hzzzzzzzzzzzzzzzzzzzzzz2", "api-key.revoke")
        ]
    );
    assert_eq!((records[0].prev, records[1].prev), (Digest::ZERO, records[0].hash));
    assert_eq!(records[0].full_details()["name"], "acme");
}
