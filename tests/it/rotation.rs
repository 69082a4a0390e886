//! Credentials that change while events flow.

use freehold_tests::s3::{Bucket, S3Server};
use freehold_tests::webhook::{Received, Reply};
use freehold_tests::{Api, Gate, LONG, Result, TestHost, api, bodies, chance, until};
use http::Method;
use s3s::S3ErrorCode;
use serde_json::{Value, json};

use crate::story::Story;

/// Requests that one batch has under way at a time, unless the operator says otherwise.
const AT_ONCE: usize = 16;

async fn put(api: &Api, destination: &str, query: &str, fields: Value) -> Result<api::Answer> {
    api.send_json(Method::PUT, &format!("/v1/destinations/{destination}/credential{query}"), &fields).await
}

async fn step(api: &Api, destination: &str, version: u32, step: &str, body: Value) -> Result<api::Answer> {
    api.post(&format!("/v1/destinations/{destination}/credentials/{version}/{step}"), &body).await
}

/// The states of all versions, the newest first.
async fn states(api: &Api, destination: &str) -> Result<Vec<String>> {
    let listed = api.get(&format!("/v1/destinations/{destination}/credentials")).await?.ok()?;
    listed["data"].as_array().into_iter().flatten().map(|version| api::text(version, "state")).collect()
}

async fn until_states(api: &Api, destination: &str, wanted: &[&str]) -> Result {
    until(&format!("the versions to be {wanted:?}"), LONG, async || {
        Ok((states(api, destination).await? == wanted).then_some(()))
    })
    .await
}

/// Whether the published library finds a signature under `secret`.
fn is_signed_with(received: &Received, secret: &str) -> bool {
    let webhook = standardwebhooks::Webhook::new(secret);
    webhook.is_ok_and(|webhook| webhook.verify(&received.body, &received.headers).is_ok())
}

fn signatures(received: &Received) -> usize {
    received.header("webhook-signature").unwrap_or_default().split(' ').count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_does_not_work_changes_nothing_and_says_why() -> Result {
    let story = Story::begin().await?;
    story.mailbox.otherwise(Reply::Text(401, "who are you?".into()));
    let secret = chance::webhook_secret()?;

    let refused = put(&story.api, &story.destination, "", json!({ "secret": secret })).await?;

    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_eq!(refused.json()["type"], "https://freehold.dev/problems/credential-refused");
    let detail = api::text(&refused.json(), "detail")?;
    assert!(detail.contains("nothing was changed") && detail.contains("http-401"), "{detail}");
    assert!(!refused.text().contains(&secret[6..]), "the answer repeats the secret");
    assert_eq!(states(&story.api, &story.destination).await?, ["rejected", "active"]);
    let destination = story.api.destination(&story.destination).await?;
    assert_eq!((&destination["credential_version"], &destination["state"]), (&json!(1), &json!("active")));

    let forced = put(&story.api, &story.destination, "?verify=false", json!({ "secret": secret })).await?;
    assert_eq!(forced.ok()?["credential_version"], 3);
    let rows = story.api.list("/v1/audit?action=credential.cutover").await?;
    assert_eq!((&rows[0]["details"]["verified"], &rows[0]["details"]["force"]), (&json!(false), &json!(true)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_goes_its_way_step_by_step_and_no_answer_shows_its_secret() -> Result {
    let story = Story::begin().await?;
    let (api, destination) = (&story.api, &story.destination);
    let path = format!("/v1/destinations/{destination}/credentials");
    let secret = chance::webhook_secret()?;

    let added =
        api.post(&path, &json!({ "fields": { "secret": secret }, "expires_at": "2101-01-01T00:00:00Z" })).await?;
    let again = api.post(&path, &json!({ "fields": { "secret": secret } })).await?;
    let early = step(api, destination, 2, "cut-over", json!({})).await?;
    let verified = step(api, destination, 2, "verify", json!({})).await?;
    let changed = api.send_json(Method::PATCH, &format!("{path}/2"), &json!({ "expires_at": null })).await?;
    let active = step(api, destination, 2, "cut-over", json!({ "drain_ms": 60_000 })).await?;
    let twice = step(api, destination, 2, "cut-over", json!({})).await?;
    let listed = api.get(&path).await?;

    assert_eq!((added.status, again.status, early.status, twice.status), (201, 409, 409, 409));
    assert_eq!(verified.ok()?["credential"]["state"], "verified", "{}", verified.text());
    assert_eq!(changed.ok()?["expires_at"], Value::Null);
    assert_eq!(active.ok()?["credential_version"], 2);
    assert_eq!(states(api, destination).await?, ["active", "draining"]);
    for answer in [&added, &again, &early, &verified, &changed, &active, &twice, &listed] {
        assert!(!answer.text().contains(&secret[6..]), "{}", answer.text());
    }

    assert_eq!(step(api, destination, 1, "roll-back", json!({})).await?.ok()?["credential_version"], 1);
    assert_eq!(states(api, destination).await?, ["draining", "active"]);
    assert_eq!(step(api, destination, 1, "roll-back", json!({})).await?.status, 409);
    step(api, destination, 2, "revoke", json!({})).await?.ok()?;
    assert_eq!(step(api, destination, 2, "roll-back", json!({})).await?.status, 409);
    assert_eq!(step(api, destination, 9, "revoke", json!({})).await?.status, 404);
    assert_eq!(states(api, destination).await?, ["revoked", "active"]);
    let rows = api.list(&format!("/v1/audit?customer={}", story.customer)).await?;
    let actions: Vec<&str> =
        rows.iter().rev().filter_map(|row| row["action"].as_str()).filter(|a| a.starts_with("credential.")).collect();
    let expected =
        ["add", "verify", "update", "cutover", "rollback", "revoke"].map(|word| format!("credential.{word}"));
    assert_eq!(actions, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_signing_secrets_sign_until_their_time_is_over() -> Result {
    let story = Story::begin().await?;
    let mut secrets = vec![story.secret.clone()];
    for round in 0..3 {
        // A receiver that knows only what was before takes the new one over: the test of it is signed with both.
        story.mailbox.set_secret(&secrets[round]);
        let made = put(&story.api, &story.destination, "?force=true", json!({})).await?.ok()?;
        secrets.push(api::text(&made["generated"], "secret")?);
    }
    story.mailbox.set_secret(&secrets[1]);
    story.api.publish_one(&story.customer, "invoice.paid", json!(1)).await?;
    let all = story.mailbox.wait_for(4).await?;
    let last = &all[3];

    assert_eq!(signatures(last), 3, "three sign at most");
    let signing: Vec<bool> = secrets.iter().map(|secret| is_signed_with(last, secret)).collect();
    assert_eq!(signing, [false, true, true, true]);
    assert!(all.iter().all(|received| received.signature == Ok(())), "nobody was refused on the way");

    // They leaked: nothing but the new one signs from now on.
    let right = chance::webhook_secret()?;
    story.mailbox.set_secret(&right);
    let path = "?overlap_ms=0&force=true";
    put(&story.api, &story.destination, path, json!({ "secret": right })).await?.ok()?;
    for version in [2, 3] {
        let revoked = step(&story.api, &story.destination, version, "revoke", json!({})).await?;
        assert!([200, 409].contains(&revoked.status), "{}", revoked.text());
    }
    until_states(&story.api, &story.destination, &["active", "retired", "revoked", "retired", "retired"]).await?;
    story.api.publish_one(&story.customer, "invoice.paid", json!(2)).await?;
    let after = story.mailbox.wait_for(6).await?;
    assert_eq!((signatures(&after[5]), &after[5].signature), (1, &Ok(())));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_version_is_cut_off_in_the_middle_of_its_work() -> Result {
    let story = Story::begin().await?;
    let gate = Gate::closed();
    story.mailbox.otherwise(Reply::Held(gate.clone()));
    let events: Vec<Value> =
        (0..80).map(|n| json!({ "type": "order.made", "customer": story.customer, "data": { "n": n } })).collect();
    story.api.publish(&json!(events)).await?.ok()?;
    // One batch, of which so many requests are under way at a time.
    story.mailbox.wait_for(AT_ONCE).await?;

    let revoked = step(&story.api, &story.destination, 1, "revoke", json!({})).await?.ok()?;
    gate.open();
    let attempt = story.api.attempt_where(&story.destination, |attempt| attempt["credential_version"] == 1).await?;

    assert_eq!((&revoked["state"], &revoked["pause"]["reason"]), (&json!("paused"), &json!("auth")));
    assert_eq!(story.mailbox.received().len(), AT_ONCE, "something was sent with a revoked credential");
    assert_eq!(attempt["failure"]["code"], "credential-revoked", "{attempt}");
    let resume = story.api.post(&format!("/v1/destinations/{}/resume", story.destination), &json!({})).await?;
    assert_eq!(resume.status, 409, "{}", resume.text());

    let secret = chance::webhook_secret()?;
    story.mailbox.set_secret(&secret);
    put(&story.api, &story.destination, "", json!({ "secret": secret })).await?.ok()?;
    let settled = story.api.settled(&story.of_destination()).await?;
    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"));
    let after = story.mailbox.received().split_off(AT_ONCE);
    assert_eq!(after.iter().filter(|received| !received.is_test()).count(), 80 - AT_ONCE);
    assert!(after.iter().all(|received| is_signed_with(received, &secret) && !is_signed_with(received, &story.secret)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_a_replaced_key_moves_the_batch_to_the_new_one_and_spends_no_try() -> Result {
    let old = Bucket::new("events", "AKIAOLD", &chance::word()?);
    let new = Bucket::new("events", "AKIANEW", &chance::word()?);
    let server = S3Server::start(&[old.clone(), new.clone()]).await?;
    let host = TestHost::start().await?;
    let api = host.tenant("acme")?;
    let customer = api.create_customer("customer-one").await?;
    let body = bodies::retrying_at_once(bodies::s3(&server, &old));
    let destination = api.create_destination(&customer, &body).await?;
    // It is tried again and again with the key that it began with.
    server.refuse_next(vec![S3ErrorCode::SlowDown; 6]);
    api.publish_one(&customer, "order.made", json!(1)).await?;
    api.attempt_where(&destination, |attempt| attempt["number"] == 2).await?;

    let fields = json!({ "access_key_id": new.access_key, "secret_access_key": new.secret_key });
    put(&api, &destination, "?verify=false", fields).await?.ok()?;
    server.disable(&old.access_key);
    let settled = api.settled(&format!("destination={destination}")).await?;

    assert_eq!(settled[0]["state"], "delivered", "{settled:?}");
    assert_eq!(api.destination(&destination).await?["state"], "active", "the lane was paused for a replaced key");
    let attempts = api.attempts(&format!("destination={destination}")).await?;
    let refused: Vec<usize> = (0..attempts.len()).filter(|n| attempts[*n]["failure"]["kind"] == "auth").collect();
    let [refused] = refused[..] else { panic!("refused {} times", refused.len()) };
    let (before, after) = (&attempts[refused], &attempts[refused - 1]);
    assert_eq!((&before["credential_version"], &after["credential_version"]), (&json!(1), &json!(2)));
    assert_eq!(before["number"], after["number"], "a refusal of a replaced key spends no try");
    assert!(attempts[..refused].iter().all(|attempt| attempt["credential_version"] == 2), "{attempts:?}");
    until_states(&api, &destination, &["active", "retired"]).await?;
    Ok(())
}
