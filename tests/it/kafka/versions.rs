//! Every Kafka from the oldest that is spoken with to the newest, and one that shares no code with them.

use freehold_tests::kafka::{AUDIENCE, Kafka, Librdkafka, Listener, Options, USER, Version};
use freehold_tests::noida::Noida;
use freehold_tests::oidc::Oidc;
use freehold_tests::tokens::Issuer;
use freehold_tests::{LONG, Result, clock, peers, trouble, until};
use serde_json::{Value, json};

use super::{Desk, assert_once, open};

#[tokio::test(flavor = "multi_thread")]
async fn old_and_new_brokers_are_written_to() -> Result {
    // The ends of the range, and what lies between them when everything is to be tried.
    let between = [Version::V2_8, Version::V3_9];
    let between = if peers::all_are_wanted() { &between[..] } else { &[] };
    for version in [Version::V2_1, Version::V4_1].iter().chain(between) {
        let Some(kafka) = Kafka::start(Options { version: *version, ..Options::default() }).await? else { continue };
        writes_everything(version.number(), kafka.client(), &open(&kafka)).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_implementation_is_written_to() -> Result {
    let Some(noida) = Noida::start().await? else { return Ok(()) };
    writes_everything("noida-db", noida.client(), &[noida.address().to_owned()]).await
}

async fn writes_everything(name: &str, client: &Librdkafka, brokers: &[String]) -> Result {
    let desk = Desk::begin(client, 3, &json!({})).await?;
    // zstd came with Kafka 2.1 itself.
    for compression in ["none", "gzip", "zstd"] {
        let topic = format!("{}-{compression}", desk.topic);
        client.create(&topic, 3, &json!({})).await?;
        let destination = desk
            .destination(brokers, |body| {
                body["config"]["topic"] = json!(topic);
                body["config"]["key"] = json!("{id}");
                body["config"]["compression"] = json!(compression);
            })
            .await?;

        // A broker that has just started has no producer ids to give yet.
        let mut answer = Value::Null;
        let tested = until("a test that succeeds", LONG, async || {
            answer = desk.test(&destination).await?;
            Ok((answer["ok"] == true).then_some(()))
        });
        tested.await.map_err(|why| trouble(format!("{name} {compression}: {why}: {answer}")))?;
        let published = desk.publish(&format!("{compression}-order"), 50).await?;
        desk.delivered(&destination).await?;

        assert_once(&client.read(&topic).await?, &published, &format!("{name} {compression}"));
        desk.api.delete(&format!("/v1/destinations/{destination}")).await?.ok()?;
    }
    Ok(())
}

/// What the other tests stand on: the brokers do ask who is there.
#[tokio::test(flavor = "multi_thread")]
async fn brokers_take_the_right_credentials_and_no_others() -> Result {
    let Some(kafka) = Kafka::start(Options::default()).await? else { return Ok(()) };
    let client = kafka.client();
    client.create("open-one", 1, &json!({})).await?;
    let root = kafka.root();
    let sasl = |listener: Listener, mechanism: &str, password: &str| {
        let protocol = if listener == Listener::SaslTls { "SASL_SSL" } else { "SASL_PLAINTEXT" };
        json!({
            "bootstrap.servers": kafka.addresses(listener)[0], "security.protocol": protocol, "ssl.ca.pem": root,
            "sasl.mechanism": mechanism, "sasl.username": USER, "sasl.password": password,
        })
    };

    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        for listener in [Listener::SaslTls, Listener::SaslPlaintext] {
            let right = client.write("open-one", &sasl(listener, mechanism, kafka.password()), None).await?;
            let wrong = client.write("open-one", &sasl(listener, mechanism, "wrong"), None).await?;
            assert_eq!((right, wrong.as_deref()), (None, Some("_AUTHENTICATION")), "{mechanism} {listener:?}");
        }
    }
    let now = clock::system().now().millis() / 1000;
    let right = kafka.issuer().token(USER, AUDIENCE, now, 300)?;
    let bearer = sasl(Listener::SaslTls, "OAUTHBEARER", "");
    assert_eq!(client.write("open-one", &bearer, Some(&right)).await?, None);
    for (what, wrong) in [
        ("audience", kafka.issuer().token(USER, "another-audience", now, 300)?),
        ("time", kafka.issuer().token(USER, AUDIENCE, now - 1000, 300)?),
        ("key", Issuer::new(kafka.issuer().name())?.token(USER, AUDIENCE, now, 300)?),
    ] {
        assert_eq!(
            client.write("open-one", &bearer, Some(&wrong)).await?.as_deref(),
            Some("_AUTHENTICATION"),
            "{what}"
        );
    }
    if let Some(oidc) = Oidc::start(kafka.issuer(), USER, AUDIENCE).await? {
        let ask = reqwest::Client::new().post(oidc.token_url()).basic_auth(USER, Some(oidc.secret()));
        let form =
            ask.header("content-type", "application/x-www-form-urlencoded").body("grant_type=client_credentials");
        let answer: serde_json::Value = form.send().await?.json().await?;
        let token = answer["access_token"].as_str();
        assert!(token.is_some(), "{answer}");
        assert_eq!(client.write("open-one", &bearer, token).await?, None);
    }
    let certificate = kafka.certificate(USER)?;
    let mut mutual = json!({
        "bootstrap.servers": kafka.addresses(Listener::MutualTls)[0], "security.protocol": "SSL", "ssl.ca.pem": root,
    });
    let without = client.write("open-one", &mutual, None).await?;
    mutual["ssl.certificate.pem"] = json!(certificate.certificate);
    mutual["ssl.key.pem"] = json!(certificate.key);
    let with = client.write("open-one", &mutual, None).await?;
    assert!(with.is_none() && without.is_some(), "{with:?} {without:?}");
    client.create("read-only", 1, &json!({})).await?;
    let closed = client.write("read-only", &mutual, None).await?;
    assert_eq!(closed.as_deref(), Some("TOPIC_AUTHORIZATION_FAILED"));
    Ok(())
}
