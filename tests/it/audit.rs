//! The audit log proves itself: every change is in it, and nobody changes it unnoticed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_tests::host::bare_command;
use freehold_tests::s3::{Bucket, S3Server};
use freehold_tests::webhook::WebhookReceiver;
use freehold_tests::{
    Answer, Api, LONG, Result, Setup, TestHost, api, bodies, chance, components, places, trouble, until,
};
use http::Method;
use serde_json::{Value, json};

use crate::story::Story;

/// Requests that change nothing that an audit log is about. Each needs its reason here.
const NO_CHANGE: [(&str, &str); 1] =
    [("post /v1/events", "an event is data that passes through: it is itself a record, and its attempts are digested")];

/// Every other request that is not a GET, in an order in which all of them work.
fn changes() -> Vec<(&'static str, Value)> {
    vec![
        ("post /v1/customers", json!({ "name": "second" })),
        ("post /v1/customers/{customer}/destinations", json!({})),
        ("patch /v1/destinations/{id}", json!({ "name": "renamed" })),
        ("post /v1/destinations/{id}/pause", json!({})),
        ("post /v1/destinations/{id}/resume", json!({})),
        ("post /v1/destinations/{id}/test", json!({})),
        ("post /v1/destinations/{id}/credentials", json!({ "fields": {} })),
        ("post /v1/destinations/{id}/credentials/{version}/verify", json!({})),
        ("post /v1/destinations/{id}/credentials/{version}/cut-over", json!({})),
        ("patch /v1/destinations/{id}/credentials/{version}", json!({ "expires_at": "2999-01-01T00:00:00Z" })),
        ("post /v1/destinations/{id}/credentials/{version}/roll-back", json!({})),
        ("put /v1/destinations/{id}/credential", json!({})),
        ("post /v1/destinations/{id}/credentials/{version}/revoke", json!({})),
        ("post /v1/destinations/{id}/credential", json!({})),
        ("post /v1/deliveries/{id}/replay", json!({})),
        ("post /v1/destinations/{id}/replay", json!({ "from": "2000-01-01T00:00:00Z", "to": "2999-01-01T00:00:00Z" })),
        ("post /v1/destination-types", json!({})),
        ("post /v1/destination-types/{name}/upgrade", json!({ "all": true })),
        ("post /v1/destination-types/{name}/rollback", json!({})),
        ("post /v1/api-keys", json!({ "name": "second", "scopes": ["read"] })),
        ("post /v1/api-keys/{id}/rotate", json!({})),
        ("delete /v1/api-keys/{id}", Value::Null),
        ("post /v1/api-keys/report-leak", json!({})),
        ("post /v1/customers/{customer}/portal-sessions", json!({})),
        ("post /v1/portal-sessions/exchange", json!({})),
        ("delete /v1/portal-sessions/{id}", Value::Null),
        ("delete /v1/destinations/{id}", Value::Null),
        ("delete /v1/customers/{customer}", Value::Null),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_that_changes_something_leaves_a_record() -> Result {
    let trusting = ["FREEHOLD_TRUST_ALLOW_UNSIGNED", "FREEHOLD_TRUST_TENANT_INSTALLS"];
    let environment = trusting.map(|name| (name.to_owned(), "true".to_owned())).to_vec();
    let host = TestHost::start_with(Setup { environment, ..Setup::default() }).await?;
    let api = host.tenant("acme")?;
    let receiver = WebhookReceiver::start().await?;
    let mailbox = receiver.mailbox("/any", None);
    let customer = api.create_customer("customer-one").await?;
    let webhook = fs::read(places::plugin("webhook")?)?;
    let own = components::variant(&webhook, |manifest| manifest["name"] = json!("hooks"))?;
    let destination = api.create_destination(&customer, &bodies::webhook(&mailbox, &chance::webhook_secret()?)).await?;
    api.publish_one(&customer, "order.made", json!(1)).await?;
    let delivery = api::text(&api.settled("").await?[0], "id")?;
    install_newer(&host, &api, &webhook).await?;
    let document = api.get("/openapi.json").await?.json();

    let changes = changes();
    // What was answered when a key and a session were made.
    let (mut key, mut session) = (Value::Null, Value::Null);
    for (request, mut body) in changes.clone() {
        if request.ends_with("/destinations") {
            body = bodies::webhook(&mailbox, &chance::webhook_secret()?);
        } else if request.ends_with("/credential") {
            body = json!({ "secret": chance::webhook_secret()? });
        } else if request.ends_with("/report-leak") {
            body = json!({ "key": key["new"]["key"] });
        } else if request.ends_with("/exchange") {
            body = json!({ "code": session["code"] });
        } else if request.ends_with("/destination-types") {
            body = json!({ "component": STANDARD.encode(&own) });
        }
        let (method, path) = request.split_once(' ').ok_or_else(|| trouble(request))?;
        // Rolling back goes to the first version; the others are about the second.
        let version = if request.ends_with("roll-back") { "1" } else { "2" };
        let id = match path.split('/').nth(2) {
            Some("deliveries") => &delivery,
            Some("api-keys") => key["id"].as_str().unwrap_or_default(),
            Some("portal-sessions") => session["id"].as_str().unwrap_or_default(),
            _ => &destination,
        };
        let path = path
            .replace("{customer}", &customer)
            .replace("{id}", id)
            .replace("{version}", version)
            .replace("{name}", "webhook");
        let before = api.list("/v1/audit").await?.len();

        let answer = ask(&api, method, &path, &body).await?;

        assert!((200..300).contains(&answer.status), "{request}: {} {}", answer.status, answer.text());
        match request {
            "post /v1/api-keys" => key = answer.json(),
            "post /v1/api-keys/{id}/rotate" => key["new"] = answer.json()["new"].take(),
            "post /v1/customers/{customer}/portal-sessions" => session = answer.json(),
            _ => {}
        }
        assert!(api.list("/v1/audit").await?.len() > before, "{request} leaves no record");
    }

    let covered = |request: &str| {
        changes.iter().any(|(change, _)| *change == request) || NO_CHANGE.iter().any(|(known, _)| *known == request)
    };
    let uncovered: Vec<String> = mutating(&document).into_iter().filter(|request| !covered(request)).collect();
    assert!(uncovered.is_empty(), "requests that this test does not know: does each leave a record? {uncovered:#?}");
    Ok(())
}

/// Installs a newer version of `webhook`, which destinations can go over to, and waits until the server has it.
async fn install_newer(host: &TestHost, api: &Api, webhook: &[u8]) -> Result {
    let file = tempfile::NamedTempFile::new()?;
    fs::write(&file, components::variant(webhook, |manifest| manifest["version"] = json!("9.0.0"))?)?;
    let output = host.run(&["plugin", "install", &file.path().to_string_lossy()])?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    until("the server to find the version", LONG, async || {
        let current = api.get("/v1/destination-types/webhook").await?.json();
        Ok((current["version"] == "9.0.0").then_some(()))
    })
    .await
}

/// Every request of the OpenAPI document that is not a GET.
fn mutating(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().cloned().unwrap_or_default();
    let methods = |(path, item): (String, Value)| {
        let item = item.as_object().cloned().unwrap_or_default();
        item.into_iter().map(|(method, _)| format!("{method} {path}")).collect::<Vec<_>>()
    };
    paths.into_iter().flat_map(methods).filter(|request| !request.starts_with("get ")).collect()
}

async fn ask(api: &Api, method: &str, path: &str, body: &Value) -> Result<Answer> {
    let method: Method = method.to_ascii_uppercase().parse().map_err(|_| trouble("no method"))?;
    let text = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    api.send(method, path, &[("content-type", "application/json")], text).await
}

/// `freehold audit verify` in a folder where there is nothing else.
fn verify(arguments: &[&str]) -> Result<Output> {
    let empty = tempfile::tempdir()?;
    let mut command = bare_command()?;
    Ok(command.args(["audit", "verify"]).args(arguments).current_dir(empty.path()).output()?)
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| trouble("a path is text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_verified_without_the_server_and_whatever_was_done_to_it_is_told() -> Result {
    let story = Story::begin().await?;
    let folder = tempfile::tempdir()?;
    let (file, witness) = (folder.path().join("audit.jsonl"), folder.path().join("witness"));
    let signed = story.host.run(&["audit", "checkpoint", "--output", path(&witness)?])?;
    assert!(signed.status.success(), "{}", text(&signed));
    let told = story.api.get("/v1/audit/checkpoint").await?.ok()?;
    let key = api::text(&told, "public_key")?;
    let export = story.api.get("/v1/audit/export").await?;
    assert_eq!(export.header("content-type"), Some("application/x-ndjson"));
    let export = export.text();
    let asked = |export: &str, more: &[&str]| -> Result<Output> {
        fs::write(&file, export)?;
        verify(&[&[path(&file)?, "--public-key", &key], more].concat())
    };

    let whole = asked(&export, &["--checkpoint", path(&witness.join(api::text(&line(&export, 1)?, "chain")?))?])?;
    let renamed = asked(&export.replace("customer.create", "customer.delete"), &[])?;
    let lines: Vec<&str> = export.lines().collect();
    let shorter = asked(&format!("{}\n", [&lines[..2], &lines[3..]].concat().join("\n")), &[])?;
    let csv = asked(&story.api.get("/v1/audit/export?format=csv").await?.text(), &[])?;
    let filtered = asked(&story.api.get("/v1/audit/export?action=customer.create").await?.text(), &[])?;

    assert_eq!(whole.status.code(), Some(0), "{}", text(&whole));
    assert!(text(&whole).contains("intact") && text(&whole).contains("1 from elsewhere"), "{}", text(&whole));
    assert_eq!(renamed.status.code(), Some(1), "{}", text(&renamed));
    assert!(text(&renamed).contains("record 3: it was changed"), "{}", text(&renamed));
    assert_eq!(shorter.status.code(), Some(1), "{}", text(&shorter));
    assert!(text(&shorter).contains("record 2 before it is missing"), "{}", text(&shorter));
    assert_eq!(csv.status.code(), Some(2), "{}", text(&csv));
    assert_eq!(filtered.status.code(), Some(2), "{}", text(&filtered));
    assert_eq!(verify(&[path(&folder.path().join("nothing"))?])?.status.code(), Some(2));
    Ok(())
}

fn line(export: &str, number: usize) -> Result<Value> {
    let line = export.lines().nth(number).ok_or_else(|| trouble("the export is too short"))?;
    Ok(serde_json::from_str(line)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_edits_the_database_file_after_it_was_signed_is_found() -> Result {
    let mut story = Story::begin().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("audit.jsonl");
    let key = api::text(&story.api.get("/v1/audit/checkpoint").await?.ok()?, "public_key")?;
    story.host.run(&["audit", "checkpoint"])?;
    story.host.stop().await?;

    edit_database(&story.host, b"destination.create", b"destination.delete")?;
    let exported = story.host.run(&["audit", "export", "acme", "--output", path(&file)?])?;
    let found = verify(&[path(&file)?, "--public-key", &key])?;

    assert!(exported.status.success(), "{}", text(&exported));
    assert_eq!(found.status.code(), Some(1), "{}", text(&found));
    assert!(text(&found).contains("it was changed"), "{}", text(&found));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_edited_before_it_was_signed_is_not_signed() -> Result {
    let quiet = Setup { environment: vec![("FREEHOLD_AUDIT_CHECKPOINT_MS".into(), "0".into())], ..Setup::default() };
    let mut story = Story::on(quiet, |body| body).await?;
    story.host.stop().await?;

    edit_database(&story.host, b"destination.create", b"destination.delete")?;
    let refused = story.host.run(&["audit", "checkpoint"])?;

    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    assert!(text(&refused).contains("do not hold together any more: ten_"), "{}", text(&refused));
    Ok(())
}

/// Changes bytes of the stopped host's database, as somebody with a hex editor would, or with the administrator's password.
fn edit_database(host: &TestHost, from: &[u8], to: &[u8]) -> Result {
    if let Some(database) = host.database() {
        let (from, to) = (String::from_utf8_lossy(from), String::from_utf8_lossy(to));
        let columns =
            [("audit", "action"), ("audit", "details"), ("attempts", "report"), ("attempts", "component_digest")];
        for (table, column) in columns {
            let edit = format!("UPDATE freehold.{table} SET {column} = replace({column}, '{from}', '{to}')");
            database
                .run(&format!("SET session_replication_role = replica; {edit}"))
                .map_err(freehold_tests::trouble)?;
        }
        return Ok(());
    }
    let database = host.data().join("freehold.db");
    let mut bytes = fs::read(&database)?;
    let places: Vec<usize> =
        bytes.windows(from.len()).enumerate().filter(|(_, window)| *window == from).map(|(place, _)| place).collect();
    assert!(!places.is_empty(), "the database does not hold {}", String::from_utf8_lossy(from));
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(to);
    }
    Ok(fs::write(&database, bytes)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_digested_and_a_changed_one_is_found() -> Result {
    let mut story = Story::begin().await?;
    for number in 0..3 {
        story.api.publish_one(&story.customer, "order.made", json!(number)).await?;
        story.api.settled("").await?;
    }
    story.host.run(&["audit", "checkpoint"])?;

    let agreed = story.host.run(&["audit", "attempts", "acme"])?;
    let records = story.api.list("/v1/audit?action=attempts.digest").await?;
    let attempts = story.api.attempts("").await?;
    story.host.stop().await?;
    let digest = api::text(&attempts[0], "component_digest")?;
    edit_database(&story.host, digest.as_bytes(), digest.replace(':', ";").as_bytes())?;
    let changed = story.host.run(&["audit", "attempts", "acme"])?;

    assert!(agreed.status.success(), "{}", text(&agreed));
    let counted: u64 = records.iter().filter_map(|record| record["details"]["count"].as_u64()).sum();
    assert_eq!(usize::try_from(counted)?, attempts.len());
    assert_eq!(changed.status.code(), Some(1), "{}", text(&changed));
    assert!(text(&changed).contains("were changed"), "{}", text(&changed));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_signs_by_itself_and_keeps_the_checkpoints_outside() -> Result {
    let outside = tempfile::tempdir()?;
    let environment = vec![
        ("FREEHOLD_AUDIT_CHECKPOINT_MS".into(), "200".into()),
        ("FREEHOLD_AUDIT_CHECKPOINT_FOLDER".into(), path(outside.path())?.to_owned()),
    ];
    let host = TestHost::start_with(Setup { environment, ..Setup::default() }).await?;
    let api = host.tenant("acme")?;
    api.create_customer("customer-one").await?;

    let told = until("a checkpoint of three records", LONG, async || {
        let told = api.get("/v1/audit/checkpoint").await?.ok()?;
        Ok(Some(told).filter(|told| told["checkpoint"]["records"].as_u64() >= Some(3)))
    });
    let note = api::text(&told.await?["checkpoint"], "note")?;

    let kept = until("the checkpoint outside", LONG, async || {
        Ok(texts_below(outside.path())?.into_values().find(|kept| *kept == note))
    });
    kept.await?;
    let deployment = host.run(&["audit", "export", "--deployment"])?;
    assert!(text(&deployment).contains("server.start"), "{}", text(&deployment));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_are_kept_in_a_bucket_and_never_written_over() -> Result {
    let store = S3Server::start(&[Bucket::new("witness", "OPERATOR", "operators-secret")]).await?;
    let folder = tempfile::tempdir()?;
    let credentials = folder.path().join("credentials");
    fs::write(&credentials, "[default]\naws_access_key_id = OPERATOR\naws_secret_access_key = operators-secret\n")?;
    let set = |name: &str, value: &str| (format!("FREEHOLD_AUDIT_BUCKET_{name}"), value.to_owned());
    let environment = vec![
        set("NAME", "witness"),
        set("PREFIX", "of/freehold/"),
        set("ENDPOINT", store.url()),
        set("CREDENTIALS_FILE", path(&credentials)?),
        ("FREEHOLD_AUDIT_CHECKPOINT_MS".into(), "0".into()),
    ];
    let host = TestHost::start_with(Setup { environment: environment.clone(), ..Setup::default() }).await?;
    let api = host.tenant("acme")?;
    api.create_customer("customer-one").await?;

    let signed = host.run(&["audit", "checkpoint"])?;
    assert!(signed.status.success(), "{}", text(&signed));
    let export = folder.path().join("audit.jsonl");
    fs::write(&export, api.get("/v1/audit/export").await?.text())?;
    let note = api::text(&api.get("/v1/audit/checkpoint").await?.ok()?["checkpoint"], "note")?;

    let kept = store.objects("witness")?;
    let keys: Vec<&str> = kept.iter().map(|object| object.key.as_str()).collect();
    assert!(keys.contains(&"of/freehold/public-key.txt"), "{keys:?}");
    let of_tenant = kept.iter().find(|object| object.bytes == note.as_bytes());
    let of_tenant = of_tenant.ok_or_else(|| trouble(format!("not in the bucket: {keys:?}")))?;
    assert!(of_tenant.key.starts_with("of/freehold/ten_") && of_tenant.key.ends_with(".checkpoint"), "{of_tenant:?}");
    let (witness, public_key) = (folder.path().join("1.checkpoint"), folder.path().join("public-key.txt"));
    fs::write(&witness, &of_tenant.bytes)?;
    let named = kept.iter().find(|object| object.key.ends_with("public-key.txt"));
    fs::write(&public_key, named.map_or(&[][..], |object| &object.bytes))?;
    let verified = verify(&[path(&export)?, "--checkpoint", path(&witness)?, "--public-key", path(&public_key)?])?;
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));

    let signed = store.requests().iter().all(|request| request.access_key == "OPERATOR");
    assert!(signed, "every request is signed");

    // Another deployment, with another key, must not write over it.
    let stranger = TestHost::start_with(Setup { environment, ..Setup::default() }).await?;
    let refused = stranger.run(&["audit", "checkpoint"])?;
    assert!(!refused.status.success() && text(&refused).contains("says otherwise"), "{}", text(&refused));
    let after = store.objects("witness")?;
    assert!(kept.iter().all(|was| after.iter().any(|is| is.key == was.key && is.bytes == was.bytes)), "{after:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_refuses_is_told_with_what_to_do() -> Result {
    let store = S3Server::start(&[Bucket::new("witness", "OPERATOR", "operators-secret")]).await?;
    let host = TestHost::start().await?;
    let asked = |name: &str, secret: &str| -> Result<Output> {
        let mut command = host.command(&["audit", "checkpoint"])?;
        command.env("FREEHOLD_AUDIT_BUCKET_NAME", name).env("FREEHOLD_AUDIT_BUCKET_ENDPOINT", store.url());
        command.env("AWS_ACCESS_KEY_ID", "OPERATOR").env("AWS_SECRET_ACCESS_KEY", secret);
        Ok(command.output()?)
    };

    let right = asked("witness", "operators-secret")?;
    let wrong = asked("witness", "another-secret")?;
    let unfit = asked("witness/other", "operators-secret")?;

    assert!(right.status.success(), "{}", text(&right));
    for (refused, what_to_do) in [(&wrong, "check the access key"), (&unfit, "`name` and `region` have letters")] {
        assert!(!refused.status.success() && text(refused).contains(what_to_do), "{}", text(refused));
        assert!(!text(refused).contains("another-secret"));
    }
    Ok(())
}

fn texts_below(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?.path();
        if entry.is_dir() {
            found.extend(texts_below(&entry)?);
        } else {
            found.insert(entry.display().to_string(), fs::read_to_string(&entry)?);
        }
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_erased_from_the_log_and_the_log_still_verifies() -> Result {
    let story = Story::begin().await?;
    let made = json!({ "name": "Ada Lovelace" });
    let customer = api::text(&story.api.post("/v1/customers", &made).await?.ok()?, "id")?;
    story.host.run(&["audit", "checkpoint"])?;
    assert!(story.api.get("/v1/audit/export").await?.text().contains("Ada Lovelace"));

    let erased = story.host.run(&["audit", "erase", "acme", &customer])?;
    let unknown = story.host.run(&["audit", "erase", "acme", "Ada Lovelace"])?;

    assert!(erased.status.success(), "{}", text(&erased));
    assert!(!unknown.status.success(), "{}", text(&unknown));
    let export = story.api.get("/v1/audit/export").await?.text();
    assert!(!export.contains("Ada Lovelace"));
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("audit.jsonl");
    fs::write(&file, export)?;
    let verified = verify(&[path(&file)?])?;
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));
    assert!(text(&verified).contains("(1 without their personal values"), "{}", text(&verified));
    let rows = story.api.list(&format!("/v1/audit?customer={customer}&action=customer.create")).await?;
    assert_eq!(rows[0]["erased"], json!(["name"]));
    assert_eq!(rows[0]["details"]["name"], Value::Null);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_of_ones_own_tenant_in_every_format_and_by_every_filter() -> Result {
    let story = Story::begin().await?;
    let stranger = story.host.tenant("stranger")?;

    for format in ["jsonl", "csv", "ocsf"] {
        let theirs = story.api.get(&format!("/v1/audit/export?format={format}")).await?;
        let ours = stranger.get(&format!("/v1/audit/export?format={format}")).await?.text();
        assert_eq!(theirs.status, 200);
        assert!(theirs.text().contains(&story.customer), "{format}");
        assert!(!ours.contains(&story.customer), "{format}");
        assert!(theirs.header("content-disposition").is_some_and(|value| value.contains("attachment")));
    }
    let filtered = story.api.get("/v1/audit/export?action=destination.create").await?.text();
    assert_eq!(filtered.lines().count(), 3, "header, record, end: {filtered}");
    assert_eq!(stranger.get(&format!("/v1/audit/export?customer={}", story.customer)).await?.text().lines().count(), 2);
    assert_eq!(story.api.get("/v1/audit/export?format=xml").await?.status, 400);
    assert_eq!(story.api.get("/v1/audit/export?customer=nobody").await?.status, 400);
    Ok(())
}
