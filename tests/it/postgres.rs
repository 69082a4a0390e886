//! Events in Postgres: a real server over TLS, and rows as psql reads them.

mod refusals;
mod rows;

use std::sync::Arc;

use freehold_tests::Result;
use freehold_tests::postgres::{Postgres, PostgresDatabase, USER};
use serde_json::{Value, json};

use crate::desk::Desk;

/// The table as the setup guide has it.
const TABLE: &str = "CREATE TABLE events (idempotency_key text PRIMARY KEY, id text NOT NULL, type text NOT NULL, \
     time timestamptz NOT NULL, customer text NOT NULL, data jsonb NOT NULL, metadata jsonb NOT NULL, \
     received_at timestamptz NOT NULL DEFAULT now())";
const GRANT: &str = "GRANT INSERT, SELECT (idempotency_key) ON events TO freehold";

/// A database of the server that tests share, with the table and what the user needs. `None` where there is no Postgres.
async fn shared() -> Result<Option<(Arc<Postgres>, PostgresDatabase, Desk)>> {
    let Some(server) = Postgres::shared().await? else { return Ok(None) };
    let database = PostgresDatabase::new(&server)?;
    database.run(TABLE)?;
    database.run(GRANT)?;
    Ok(Some((server, database, Desk::with("postgres").await?)))
}

/// A destination for everything, into the table.
fn body(server: &Postgres, database: &PostgresDatabase) -> Value {
    json!({
        "type": "postgres",
        "name": "table",
        "config": {
            "address": format!("127.0.0.1:{}", server.port()),
            "database": database.name(),
            "ca_certificate": server.root(),
        },
        "credential": { "username": USER, "password": server.password() },
        "subscription": ["*"],
    })
}

fn changed(mut body: Value, part: &str, name: &str, value: &Value) -> Value {
    body[part][name] = value.clone();
    body
}

/// The ids of the events in the table, as often as they are there.
fn ids(database: &PostgresDatabase) -> Result<Vec<String>> {
    Ok(database.run("SELECT id FROM events")?.lines().map(str::to_owned).collect())
}
