//! Events in Kafka: real brokers, and records as librdkafka reads them.

use freehold_tests::kafka::{AUDIENCE, Kafka, Listener, Options, USER, Version};
use freehold_tests::noida::Noida;
use freehold_tests::oidc::Oidc;
use freehold_tests::{Result, clock};
use serde_json::json;

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
        ("key", freehold_tests::tokens::Issuer::new(kafka.issuer().name())?.token(USER, AUDIENCE, now, 300)?),
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

/// Every kind of broker that the other tests use can be written to and read.
#[tokio::test(flavor = "multi_thread")]
async fn every_broker_holds_what_it_is_given() -> Result {
    for version in [Version::V4_1, Version::V3_9, Version::V2_8, Version::V2_1] {
        let options = Options { version, ..Options::default() };
        let Some(kafka) = Kafka::start(options).await? else { continue };
        kafka.client().create("open-one", 2, &json!({})).await?;
        assert_eq!(kafka.client().write("open-one", &json!({}), None).await?, None, "{}", version.number());
        assert_eq!(kafka.client().read("open-one").await?.len(), 1, "{}", version.number());
    }
    let Some(noida) = Noida::start().await? else { return Ok(()) };
    noida.client().create("open-one", 2, &json!({})).await?;
    assert_eq!(noida.client().write("open-one", &json!({}), None).await?, None);
    assert_eq!(noida.client().read("open-one").await?.len(), 1);
    Ok(())
}
