//! Databases from before credential versions had states.

use freehold_model::rotation::VersionState::{self, Active, Retired};
use freehold_model::{DestinationId, Scope};
use freehold_store::Store;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, SqlSafeStr};

use crate::support::{Engine, Home};

const BEGINNING: &str = include_str!("../../migrations/sqlite/0001_beginning.sql");

/// A destination that uses its second credential, and one that was deleted.
const ROWS: &str = "INSERT INTO tenants VALUES ('ten_01hzzzzzzzzzzzzzzzzzzzzzzz', 'acme', 1);
    INSERT INTO customers VALUES
        (1, 'ten_01hzzzzzzzzzzzzzzzzzzzzzzz', 'cus_01hzzzzzzzzzzzzzzzzzzzzzzz', NULL, 'one', 1, NULL);
    INSERT INTO vault_keys VALUES ('ten_01hzzzzzzzzzzzzzzzzzzzzzzz', 'cus_01hzzzzzzzzzzzzzzzzzzzzzzz',
        'vky_01hzzzzzzzzzzzzzzzzzzzzzzz', 'kek_0', x'01', 1, NULL);
    INSERT INTO destinations (seq, tenant_id, customer_id, destination_id, name, type_name, config, config_version,
            credential_version, subscription, settings, created_at, updated_at, deleted_at)
        SELECT value ->> 0, 'ten_01hzzzzzzzzzzzzzzzzzzzzzzz', 'cus_01hzzzzzzzzzzzzzzzzzzzzzzz', value ->> 1, 'n', 'webhook',
            '{}', 1, value ->> 2, '[\"*\"]', '{}', 1, 9, value ->> 3
        FROM json_each('[[1, \"dst_01hzzzzzzzzzzzzzzzzzzzzzz1\", 2, null], [2, \"dst_01hzzzzzzzzzzzzzzzzzzzzzz2\", 1, 9]]');
    INSERT INTO credentials
        SELECT 'ten_01hzzzzzzzzzzzzzzzzzzzzzzz', 'cus_01hzzzzzzzzzzzzzzzzzzzzzzz', value ->> 0, value ->> 1,
            'vky_01hzzzzzzzzzzzzzzzzzzzzzzz', iif(value ->> 2 IS NULL, x'07', NULL), 'fp', '[\"secret\"]', 3, 'key_1',
            value ->> 2
        FROM json_each('[[\"dst_01hzzzzzzzzzzzzzzzzzzzzzz1\", 1, null], [\"dst_01hzzzzzzzzzzzzzzzzzzzzzz1\", 2, null],
            [\"dst_01hzzzzzzzzzzzzzzzzzzzzzz2\", 1, 9]]')";

#[tokio::test]
async fn of_an_older_databases_credentials_the_used_one_is_active_and_the_rest_are_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("freehold.db");
    let mut old = SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap();
    let first = Migration::new(1, "beginning".into(), MigrationType::Simple, BEGINNING.into_sql_str(), false);
    Migrator::with_migrations(vec![first]).run_direct(None, &mut old, false).await.unwrap();
    old.execute(ROWS).await.unwrap();
    old.close().await.unwrap();

    let store = Store::open(&path, Home::new(Engine::Sqlite).await.sources).await.unwrap();

    let scope = Scope::authenticated("ten_01hzzzzzzzzzzzzzzzzzzzzzzz".parse().unwrap());
    let states = async |destination: &str| -> Vec<(u32, VersionState, bool)> {
        let id: DestinationId = destination.parse().unwrap();
        let mut states = Vec::new();
        for version in store.credentials(&scope, &id).await.unwrap() {
            let opens = store.credential(&scope, &id, version.version).await.unwrap().is_some();
            states.push((version.version, version.state, opens));
        }
        states
    };
    assert_eq!(states("dst_01hzzzzzzzzzzzzzzzzzzzzzz1").await, [(2, Active, true), (1, Retired, false)]);
    assert_eq!(states("dst_01hzzzzzzzzzzzzzzzzzzzzzz2").await, [(1, Retired, false)]);
}
