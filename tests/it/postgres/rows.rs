//! What stands in the table, and that each event is there once.

use std::sync::Arc;

use freehold_tests::cut::Cut;
use freehold_tests::postgres::{Postgres, PostgresDatabase};
use freehold_tests::{LONG, Result, until};
use serde_json::json;

use super::{GRANT, TABLE, body, changed, ids, shared};
use crate::desk::{Desk, assert_once};

#[tokio::test(flavor = "multi_thread")]
async fn a_row_holds_exactly_what_was_published_and_a_replay_adds_none() -> Result {
    let Some((server, database, desk)) = shared().await? else { return Ok(()) };
    let destination = desk.destination(body(&server, &database)).await?;
    assert_eq!(desk.test(&destination).await?["ok"], true);
    assert_eq!(database.run("SELECT count(*) FROM events")?, "0", "a test leaves nothing behind");

    let published = desk.publish("order", 700).await?;
    desk.delivered(&destination).await?;
    desk.replay(&destination).await?;
    desk.delivered(&destination).await?;

    assert_once(&ids(&database)?, &published);
    let rows = database.rows(
        "SELECT id, type, to_json(time AT TIME ZONE 'UTC') AS time, customer, data, metadata, \
         idempotency_key LIKE 'msg\\_%' AS is_key FROM events WHERE id = 'order-0042'",
    )?;
    let expected = json!([{
        "id": "order-0042", "type": "order.made", "time": "2026-02-03T04:05:06.789", "customer": desk.customer,
        "data": { "number": 42, "name": "Ünï ☕ 'quoted' \"twice\" \\" }, "metadata": { "region": "eu" }, "is_key": true,
    }]);
    assert_eq!(json!(rows), expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_other_names_and_types_is_filled_too() -> Result {
    let Some((server, database, desk)) = shared().await? else { return Ok(()) };
    database.run(
        "CREATE SCHEMA \"Ven\"\"dor\"; CREATE TABLE \"Ven\"\"dor\".\"acti; vity\" (\"the id\" uuid, at timestamp, \
         payload text, PRIMARY KEY (\"the id\", at)) PARTITION BY RANGE (at); \
         CREATE TABLE one PARTITION OF \"Ven\"\"dor\".\"acti; vity\" FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'); \
         GRANT USAGE ON SCHEMA \"Ven\"\"dor\" TO freehold; \
         GRANT INSERT, SELECT (\"the id\", at) ON \"Ven\"\"dor\".\"acti; vity\" TO freehold",
    )?;
    let mut wanted = body(&server, &database);
    for (name, value) in [
        ("schema", json!("Ven\"dor")),
        ("table", json!("acti; vity")),
        ("unique", json!("id_and_time")),
        (
            "columns",
            json!({
                "idempotency_key": "", "type": "", "customer": "", "metadata": "",
                "id": "the id", "time": "at", "data": "payload",
            }),
        ),
    ] {
        wanted["config"][name] = value;
    }
    let destination = desk.destination(wanted).await?;
    let id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";

    desk.publish_all(vec![desk.order(id, 1)]).await?;
    desk.delivered(&destination).await?;

    let rows = database.run("SELECT \"the id\", at, payload::jsonb->'number' FROM \"Ven\"\"dor\".\"acti; vity\"")?;
    assert_eq!(rows, format!("{id}|2026-02-03 04:05:06.789|1"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_whose_answer_was_lost_are_not_there_twice() -> Result {
    let Some((server, database, desk)) = shared().await? else { return Ok(()) };
    let cut = Cut::open(server.port()).await?;
    let mut wanted = changed(body(&server, &database), "config", "address", &json!(cut.address()));
    wanted["settings"]["batch_events"] = json!(50);
    let destination = desk.destination(wanted).await?;
    cut.lose_answers(5);

    let published = desk.publish("order", 300).await?;
    desk.delivered(&destination).await?;

    assert_eq!(cut.losses_left(), 0, "answers were lost, or the test shows nothing");
    assert_once(&ids(&database)?, &published);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_host_or_server_crashes_each_event_is_there_once() -> Result {
    // A server of its own, since it is ended.
    let Some(server) = Postgres::start().await? else { return Ok(()) };
    let mut server = Arc::new(server);
    let database = PostgresDatabase::new(&server)?;
    let name = database.name().to_owned();
    database.run(TABLE)?;
    database.run(GRANT)?;
    let mut desk = Desk::with("postgres").await?;
    let mut wanted = body(&server, &database);
    wanted["settings"]["batch_events"] = json!(20);
    let destination = desk.destination(wanted).await?;
    drop(database);

    let mut published = desk.publish("before", 400).await?;
    until(
        "the first rows",
        LONG,
        async || Ok((server.run(&name, "SELECT count(*) FROM events")? != "0").then_some(())),
    )
    .await?;
    let owned = Arc::get_mut(&mut server).ok_or_else(|| freehold_tests::trouble("the server is held elsewhere"))?;
    owned.crash().await?;
    published.extend(desk.publish("while-it-was-away", 50).await?);
    desk.host.kill();
    owned.start_again().await?;
    desk.host.start_again().await?;
    desk.api = desk.host.api(desk.api.key());
    desk.delivered(&destination).await?;

    let found: Vec<String> = server.run(&name, "SELECT id FROM events")?.lines().map(str::to_owned).collect();
    assert_once(&found, &published);
    Ok(())
}
