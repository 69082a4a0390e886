//! What the shipped ClickHouse type writes into a server that we did not write, as that server reads it back.

use freehold_tests::clickhouse::{ClickHouse, PASSWORD};
use freehold_tests::{Api, Result, TestHost, api, bodies};
use serde_json::{Value, json};

const TABLE: &str = "CREATE TABLE events (id String, type String, time DateTime, customer String, data String, \
                     metadata String, size UInt8) ENGINE = MergeTree ORDER BY id";

/// A row with a number, which not every event has.
const ROW: &str = r#"{"id": {{id}}, "type": {{type}}, "time": {{time}}, "customer": {{customer}}, "data": "{{data}}",
                      "metadata": "{{metadata}}", "size": {{data.size}}}"#;

/// A host with one customer, and the customer's ClickHouse with a table.
struct Warehouse {
    _host: TestHost,
    api: Api,
    customer: String,
    server: ClickHouse,
}

impl Warehouse {
    /// `None` where there is no ClickHouse.
    async fn begin() -> Result<Option<Warehouse>> {
        let Some(server) = ClickHouse::start().await? else { return Ok(None) };
        server.run(TABLE).await?;
        Warehouse::of(server).await.map(Some)
    }

    async fn of(server: ClickHouse) -> Result<Warehouse> {
        let host = TestHost::start_with_types(&["clickhouse"]).await?;
        let api = host.tenant("acme")?;
        let customer = api.create_customer("customer-one").await?;
        Ok(Warehouse { _host: host, api, customer, server })
    }

    async fn destination(&self, change: impl FnOnce(&mut Value)) -> Result<String> {
        let mut body = json!({
            "type": "clickhouse",
            "name": "warehouse",
            // Debian's server is older than deduplication by a token.
            "config": { "url": self.server.url(), "table": "events", "row": ROW, "deduplicate": false },
            "credential": { "user": "writer", "password": PASSWORD },
            "subscription": ["*"],
            "settings": { "batch_age_ms": 200 },
        });
        change(&mut body);
        self.api.create_destination(&self.customer, &bodies::retrying_at_once(body)).await
    }

    async fn publish(&self, data: &[Value]) -> Result<Vec<String>> {
        let event = |(index, data): (usize, &Value)| {
            json!({ "id": format!("e{index:03}"), "type": "order.paid", "time": "2026-10-01T12:34:56.789Z",
                    "customer": self.customer, "data": data, "metadata": { "k": "v" } })
        };
        let events: Vec<Value> = data.iter().enumerate().map(event).collect();
        Ok(api::published_ids(&self.api.publish(&json!(events)).await?.ok()?))
    }

    async fn written(&self) -> Result<Vec<String>> {
        let rows = self.server.rows("SELECT id FROM events ORDER BY id").await?;
        rows.iter().map(|row| api::text(row, "id")).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_become_rows_and_those_that_do_not_fit_dead_letters() -> Result {
    let Some(warehouse) = Warehouse::begin().await? else { return Ok(()) };
    let destination = warehouse.destination(|_| {}).await?;
    let mut data: Vec<Value> = (0..40).map(|size| json!({ "size": size, "name": "Ü \" ☕\n" })).collect();
    data[5]["size"] = json!("large");
    data[31]["size"] = json!({ "x": 1 });

    let published = warehouse.publish(&data).await?;
    let settled = warehouse.api.settled(&format!("destination={destination}")).await?;

    let mut dead: Vec<&str> =
        settled.iter().filter(|delivery| delivery["state"] == "dead").filter_map(|one| one["event"].as_str()).collect();
    dead.sort_unstable();
    assert_eq!(dead, ["e005", "e031"]);
    let expected: Vec<String> = published.into_iter().filter(|id| id != "e005" && id != "e031").collect();
    assert_eq!(warehouse.written().await?, expected, "all the others, each once");
    let rows = warehouse.server.rows("SELECT * FROM events WHERE id = 'e007'").await?;
    assert_eq!(
        rows,
        [json!({
            "id": "e007", "type": "order.paid", "time": "2026-10-01 12:34:56", "customer": warehouse.customer,
            "data": r#"{"name":"Ü \" ☕\n","size":7}"#, "metadata": r#"{"k":"v"}"#, "size": 7,
        })]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_be_refused_has_its_kind_and_says_what_to_do() -> Result {
    let Some(warehouse) = Warehouse::begin().await? else { return Ok(()) };
    for (what, part, field, value, kind, says) in [
        ("a wrong password", "credential", "password", "wrong-password", "auth", "save both"),
        ("an unknown user", "credential", "user", "nobody", "auth", "save both"),
        ("a user who may only read", "credential", "user", "reader", "auth", "GRANT INSERT"),
        ("a missing table", "config", "table", "evants", "config", "no table default.evants"),
        ("a missing database", "config", "database", "shop", "config", "no database shop"),
        ("a missing column", "config", "row", r#"{"id": {{id}}, "total": {{data.total}}}"#, "config", "lacks a column"),
    ] {
        let destination = warehouse.destination(|body| body[part][field] = json!(value)).await?;

        let answer = warehouse.api.post(&format!("/v1/destinations/{destination}/test"), &json!({})).await?.ok()?;

        assert_eq!(answer["failure"]["kind"], kind, "{what}: {answer}");
        assert!(
            answer["failure"]["message"].as_str().is_some_and(|message| message.contains(says)),
            "{what}: {answer}"
        );
        assert!(!answer.to_string().contains("wrong-password"), "{what}: {answer}");
    }
    let works = warehouse.destination(|_| {}).await?;
    let answer = warehouse.api.post(&format!("/v1/destinations/{works}/test"), &json!({})).await?.ok()?;
    assert_eq!(answer["ok"], true, "{answer}");
    assert!(warehouse.written().await?.is_empty(), "a test writes no row");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_pauses_and_the_right_one_resumes() -> Result {
    let Some(warehouse) = Warehouse::begin().await? else { return Ok(()) };
    let destination = warehouse.destination(|body| body["credential"]["password"] = json!("wrong-password")).await?;

    let published = warehouse.publish(&[json!({ "size": 1 }), json!({ "size": 2 })]).await?;
    let paused = warehouse.api.destination_in(&destination, "paused").await?;
    let path = format!("/v1/destinations/{destination}/credential");
    let right = json!({ "user": "writer", "password": PASSWORD });
    warehouse.api.send_json(http::Method::PUT, &path, &right).await?.ok()?;
    warehouse.api.settled(&format!("destination={destination}")).await?;

    assert_eq!(paused["pause"]["reason"], "auth", "{paused}");
    assert_eq!(warehouse.written().await?, published);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_whose_answer_was_lost_is_not_written_again() -> Result {
    let Some(engine) = ClickHouse::start_engine().await? else { return Ok(()) };
    engine.run(&format!("{TABLE} SETTINGS non_replicated_deduplication_window = 100")).await?;
    // In the middle of finding the row that does not fit.
    engine.lose_an_answer(1).await?;
    let warehouse = Warehouse::of(engine).await?;
    let destination = warehouse.destination(|body| body["config"]["deduplicate"] = json!(true)).await?;
    let mut data: Vec<Value> = (0..9).map(|size| json!({ "size": size })).collect();
    data[4]["size"] = json!("large");

    let published = warehouse.publish(&data).await?;
    let settled = warehouse.api.settled(&format!("destination={destination}")).await?;

    let dead = settled.iter().filter(|delivery| delivery["state"] == "dead").count();
    assert_eq!(dead, 1, "{settled:?}");
    let attempts = warehouse.api.attempts(&format!("destination={destination}")).await?;
    assert!(attempts.len() > 1, "an answer was lost, so it was tried again: {attempts:?}");
    let expected: Vec<String> = published.into_iter().filter(|id| id != "e004").collect();
    assert_eq!(warehouse.written().await?, expected, "each once");
    Ok(())
}
