//! Rows in BigQuery: an emulator that is not ours, and rows as Google's own client reads them.

use std::sync::Arc;

use freehold_tests::bigquery::{BigQuery, Key, PROJECT};
use freehold_tests::{Api, Result, TestHost, api, bodies, chance};
use http::Method;
use serde_json::{Value, json};

/// Both ways of writing.
const MODES: [&str; 2] = ["storage-write", "insert-all"];

/// A host with one customer, and a dataset of the customer's.
struct Warehouse {
    host: TestHost,
    api: Api,
    customer: String,
    bigquery: Arc<BigQuery>,
    dataset: String,
}

impl Warehouse {
    /// `None` where BigQuery cannot be had.
    async fn begin() -> Result<Option<Warehouse>> {
        let Some(bigquery) = BigQuery::shared().await? else { return Ok(None) };
        let dataset = format!("events_{}", &chance::word()?[..12]);
        bigquery.make_dataset(&dataset).await?;
        let host = TestHost::start_with_types(&["bigquery"]).await?;
        let api = host.tenant("acme")?;
        let customer = api.create_customer("customer-one").await?;
        Ok(Some(Warehouse { host, api, customer, bigquery, dataset }))
    }

    async fn destination(&self, change: impl FnOnce(&mut Value)) -> Result<String> {
        let mut body = bodies::retrying_at_once(bodies::bigquery(&self.bigquery, &self.dataset)?);
        change(&mut body);
        self.api.create_destination(&self.customer, &body).await
    }

    /// Publishes events whose ids begin with `name`.
    async fn publish(&self, name: &str, count: usize) -> Result<Vec<String>> {
        let events: Vec<Value> = (0..count)
            .map(|number| {
                json!({
                    "id": format!("{name}-{number:03}"), "type": "order.made", "time": "2026-10-01T12:34:56.789Z",
                    "customer": self.customer, "metadata": { "k": "v" },
                    "data": { "number": number, "name": "Ünï ☕", "large": 12345678901234567i64 },
                })
            })
            .collect();
        let answer = self.api.publish(&json!(events)).await?.ok()?;
        Ok(api::published_ids(&answer))
    }

    /// The ids of all rows of a table, in order.
    async fn stored(&self, table: &str) -> Result<Vec<String>> {
        let sql = format!("select event_id from {}.{table} order by event_id", self.dataset);
        self.bigquery.query(&sql).await?.iter().map(|row| api::text(row, "event_id")).collect()
    }

    async fn test(&self, destination: &str) -> Result<Value> {
        self.api.post(&format!("/v1/destinations/{destination}/test"), &json!({})).await?.ok()
    }

    async fn expect_failure(&self, destination: &str, kind: &str, says: &str) -> Result {
        let answer = self.test(destination).await?;
        assert_eq!(answer["failure"]["kind"], kind, "{answer}");
        let message = answer["failure"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(says), "{message:?} does not say {says:?}");
        Ok(())
    }
}

fn all_delivered(deliveries: &[Value]) -> bool {
    deliveries.iter().all(|delivery| delivery["state"] == "delivered")
}

#[tokio::test(flavor = "multi_thread")]
async fn events_become_rows_of_a_table_that_is_made_for_them() -> Result {
    let Some(warehouse) = Warehouse::begin().await? else { return Ok(()) };
    for mode in MODES {
        let table = mode.replace('-', "_");
        let destination = warehouse
            .destination(|body| {
                body["config"]["mode"] = json!(mode);
                body["config"]["table"] = json!(table);
                body["subscription"] = json!([format!("{table}.*")]);
            })
            .await?;
        let event = json!({
            "id": format!("{table}-1"), "type": format!("{table}.made"), "time": "2026-10-01T12:34:56.789Z",
            "customer": warehouse.customer, "metadata": { "k": "v" },
            "data": { "name": "Ünï ☕", "large": 12345678901234567i64, "n": [1, 2.5, null] },
        });

        warehouse.api.publish(&event).await?.ok()?;
        let settled = warehouse.api.settled(&format!("destination={destination}")).await?;

        assert!(all_delivered(&settled), "{mode}: {settled:?}");
        let sql = format!(
            "select event_id, event_type, occurred_at, customer, to_json_string(data) as data, \
             to_json_string(metadata) as metadata, received_at from {}.{table}",
            warehouse.dataset
        );
        let rows = warehouse.bigquery.query(&sql).await?;
        assert_eq!(rows.len(), 1, "{mode}: {rows:?}");
        let row = &rows[0];
        assert_eq!(row["event_id"], event["id"], "{mode}");
        assert_eq!(row["event_type"], event["type"], "{mode}");
        assert_eq!(row["occurred_at"], "2026-10-01 12:34:56.789000+00:00", "{mode}");
        assert!(row["customer"].is_string() && row["received_at"].is_string(), "{mode}: {row}");
        for name in ["data", "metadata"] {
            let held: Value = serde_json::from_str(row[name].as_str().unwrap_or_default())?;
            assert_eq!(held, event[name], "{mode}: {name}");
        }
        let made = warehouse.bigquery.table(&format!("{}.{table}", warehouse.dataset)).await?.unwrap_or_default();
        assert_eq!(made["partitioned_by"], json!(["DAY", "occurred_at"]), "{mode}: {made}");
        assert_eq!(made["clustered_by"], json!(["event_type"]), "{mode}: {made}");
        assert_eq!(made["columns"]["data"], json!(["JSON", "NULLABLE"]), "{mode}: {made}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_type_can_have_a_table_of_its_own() -> Result {
    let Some(warehouse) = Warehouse::begin().await? else { return Ok(()) };
    let destination = warehouse.destination(|body| body["config"]["table"] = json!("all_{type}")).await?;

    let events = ["order.made", "invoice.paid", "order.made"];
    for (number, event_type) in events.iter().enumerate() {
        warehouse.api.publish_one(&warehouse.customer, event_type, json!({ "number": number })).await?;
    }
    let settled = warehouse.api.settled(&format!("destination={destination}")).await?;

    assert!(all_delivered(&settled), "{settled:?}");
    assert_eq!(warehouse.stored("all_order_made").await?.len(), 2);
    assert_eq!(warehouse.stored("all_invoice_paid").await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_whose_answer_was_lost_are_not_there_twice() -> Result {
    let Some(warehouse) = Warehouse::begin().await? else { return Ok(()) };
    for mode in MODES {
        let table = format!("t_{}", mode.replace('-', "_"));
        let destination = warehouse
            .destination(|body| {
                body["config"]["mode"] = json!(mode);
                body["config"]["table"] = json!(table);
            })
            .await?;
        // More than one attempt repeats by itself.
        warehouse.bigquery.lose_answers(&warehouse.dataset, 5).await?;

        let published = warehouse.publish(&table, 40).await?;
        let settled = warehouse.api.settled(&format!("destination={destination}")).await?;

        assert!(all_delivered(&settled), "{mode}: {settled:?}");
        assert_eq!(warehouse.stored(&table).await?, published, "{mode}: each event is there once");
        let attempts = warehouse.api.attempts(&format!("destination={destination}")).await?;
        assert!(attempts.iter().any(|attempt| attempt["failure"]["kind"] == "transient"), "{mode}: {attempts:?}");
        warehouse.api.delete(&format!("/v1/destinations/{destination}")).await?.ok()?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_while_it_writes_loses_nothing() -> Result {
    let Some(mut warehouse) = Warehouse::begin().await? else { return Ok(()) };
    for mode in MODES {
        let table = format!("t_{}", mode.replace('-', "_"));
        let destination = warehouse
            .destination(|body| {
                body["config"]["mode"] = json!(mode);
                body["config"]["table"] = json!(table);
            })
            .await?;
        // What is written is not known to be: the batch is under way for as long as this lasts.
        warehouse.bigquery.lose_answers(&warehouse.dataset, 1_000).await?;
        let published = warehouse.publish(&table, 40).await?;
        warehouse.api.attempt_where(&destination, |attempt| attempt["failure"]["kind"] == "transient").await?;

        warehouse.host.kill();
        warehouse.bigquery.lose_answers(&warehouse.dataset, 0).await?;
        warehouse.host.start_again().await?;

        warehouse.api = warehouse.host.api(warehouse.api.key());
        let settled = warehouse.api.settled(&format!("destination={destination}")).await?;
        assert!(all_delivered(&settled), "{mode}: {settled:?}");
        let mut stored = warehouse.stored(&table).await?;
        // What an instance knew of its stream died with it. `insertId` outlives it.
        if mode == "storage-write" {
            stored.dedup();
        }
        assert_eq!(stored, published, "{mode}");
        warehouse.api.delete(&format!("/v1/destinations/{destination}")).await?.ok()?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_serves_many_batches_and_a_worthless_one_is_replaced() -> Result {
    let Some(warehouse) = Warehouse::begin().await? else { return Ok(()) };
    let (key, account) = warehouse.bigquery.new_account().await?;
    let destination = warehouse
        .destination(|body| {
            body["credential"]["service_account"] = json!(key);
            body["settings"]["batch_events"] = json!(5);
        })
        .await?;

    warehouse.publish("order", 30).await?;
    warehouse.api.settled(&format!("destination={destination}")).await?;
    let before = warehouse.bigquery.tokens_given(&account).await?;
    warehouse.bigquery.revoke_tokens(&account).await?;
    warehouse.api.publish_one(&warehouse.customer, "order.made", json!({})).await?;
    let settled = warehouse.api.settled(&format!("destination={destination}")).await?;

    assert!(all_delivered(&settled), "{settled:?}");
    assert_eq!(before, 1, "one token for all batches of an instance");
    assert_eq!(warehouse.bigquery.tokens_given(&account).await?, 2);
    assert_eq!(warehouse.stored("events").await?.len(), 31);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_the_accounts_pauses_and_the_right_one_resumes() -> Result {
    let Some(warehouse) = Warehouse::begin().await? else { return Ok(()) };
    let stranger = warehouse.bigquery.key(Key::Stranger)?;
    let destination = warehouse.destination(|body| body["credential"]["service_account"] = json!(stranger)).await?;

    let published = warehouse.publish("order", 4).await?;
    let paused = warehouse.api.destination_in(&destination, "paused").await?;
    assert_eq!(paused["pause"]["reason"], "auth", "{paused}");

    let right = json!({ "service_account": warehouse.bigquery.key(Key::Writer)? });
    let path = format!("/v1/destinations/{destination}/credential");
    warehouse.api.send_json(Method::PUT, &path, &right).await?.ok()?;
    warehouse.api.settled(&format!("destination={destination}")).await?;

    assert_eq!(warehouse.stored("events").await?, published);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_be_refused_has_its_kind_and_says_what_to_do() -> Result {
    let Some(warehouse) = Warehouse::begin().await? else { return Ok(()) };
    let dataset = &warehouse.dataset;
    warehouse.bigquery.make_table(&format!("{dataset}.strange"), &[("a", "STRING", "REQUIRED")]).await?;
    let reader = warehouse.bigquery.key(Key::Reader)?;
    for mode in MODES {
        let with = async |change: &dyn Fn(&mut Value)| {
            let changed = |body: &mut Value| {
                body["config"]["mode"] = json!(mode);
                change(body);
            };
            warehouse.destination(changed).await
        };

        let missing = with(&|body| body["config"]["dataset"] = json!("nobodys")).await?;
        warehouse.expect_failure(&missing, "config", &format!("{PROJECT}.nobodys")).await?;
        let strange = with(&|body| body["config"]["table"] = json!("strange")).await?;
        warehouse.expect_failure(&strange, "config", "event_id").await?;
        let not_made = with(&|body| {
            body["config"]["table"] = json!("not_made");
            body["config"]["create_tables"] = json!(false);
        });
        warehouse.expect_failure(&not_made.await?, "config", "not_made").await?;
        // Somebody who may write has made the table that this one may only look at.
        let good = with(&|_| {}).await?;
        assert_eq!(warehouse.test(&good).await?["ok"], true, "{mode}");
        let reader = with(&|body| body["credential"]["service_account"] = json!(reader)).await?;
        warehouse.expect_failure(&reader, "auth", "roles/bigquery.dataEditor").await?;
        let stranger = warehouse.bigquery.key(Key::Stranger)?;
        let stranger = with(&|body| body["credential"]["service_account"] = json!(stranger)).await?;
        warehouse.expect_failure(&stranger, "auth", "key").await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_leaves_no_row() -> Result {
    let Some(warehouse) = Warehouse::begin().await? else { return Ok(()) };
    for mode in MODES {
        let table = format!("t_{}", mode.replace('-', "_"));
        let destination = warehouse
            .destination(|body| {
                body["config"]["mode"] = json!(mode);
                body["config"]["table"] = json!(table);
            })
            .await?;

        let answer = warehouse.test(&destination).await?;

        assert_eq!(answer["ok"], true, "{mode}: {answer}");
        assert_eq!(warehouse.stored(&table).await?, Vec::<String>::new(), "{mode}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_of_the_customers_own_writes_without_a_key() -> Result {
    let Some(warehouse) = Warehouse::begin().await? else { return Ok(()) };
    let (bigquery, url) = (&warehouse.bigquery, warehouse.bigquery.subject_token_url());
    let federated = async |word: String| {
        let change = |body: &mut Value| {
            body["config"]["subject_token_url"] = json!(url);
            body["credential"] =
                json!({ "external_account": bigquery.external_account(), "subject_token_authorization": word });
        };
        warehouse.destination(change).await
    };

    let destination = federated(bigquery.subject_token_authorization()).await?;
    let published = warehouse.publish("order", 10).await?;
    let settled = warehouse.api.settled(&format!("destination={destination}")).await?;

    assert!(all_delivered(&settled), "{settled:?}");
    assert_eq!(warehouse.stored("events").await?, published);
    let unknown = federated("Bearer nobody-knows-this-word".to_owned()).await?;
    warehouse.expect_failure(&unknown, "auth", "subject token").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_not_accepted_is_the_only_one_that_fails() -> Result {
    let Some(warehouse) = Warehouse::begin().await? else { return Ok(()) };
    for mode in MODES {
        let table = format!("t_{}", mode.replace('-', "_"));
        let destination = warehouse
            .destination(|body| {
                body["config"]["mode"] = json!(mode);
                body["config"]["table"] = json!(table);
                body["subscription"] = json!([table]);
            })
            .await?;
        // Half a character is JSON by its grammar, and no text that a column could hold.
        let lines = [r#""one""#, r#""\ud800""#, r#""three""#].iter().enumerate().map(|(number, data)| {
            let customer = &warehouse.customer;
            format!(r#"{{"id":"{table}-{number}","type":"{table}","customer":"{customer}","data":{data}}}"#)
        });
        let body = lines.collect::<Vec<String>>().join("\n").into_bytes();

        let headers = [("content-type", "application/x-ndjson")];
        warehouse.api.send(Method::POST, "/v1/events", &headers, body).await?.ok()?;
        let settled = warehouse.api.settled(&format!("destination={destination}")).await?;

        assert_eq!(settled.len(), 3, "{mode}: {settled:?}");
        for delivery in settled {
            let bad = delivery["event"] == format!("{table}-1");
            assert_eq!(delivery["state"], if bad { "dead" } else { "delivered" }, "{mode}: {delivery}");
            assert!(!bad || delivery["last_failure"]["kind"] == "rejected", "{mode}: {delivery}");
        }
        let mut stored = warehouse.stored(&table).await?;
        // Unlike BigQuery, the emulator has written the others already when it refuses a request for malformed JSON.
        stored.dedup();
        assert_eq!(stored, [format!("{table}-0"), format!("{table}-2")], "{mode}");
    }
    Ok(())
}
