//! Every way to say who one is: the right credential delivers, any other pauses.

use freehold_tests::Result;
use freehold_tests::certificates::Authority;
use freehold_tests::kafka::{AUDIENCE, Kafka, Listener, USER};
use freehold_tests::oidc::Oidc;
use http::Method;
use serde_json::{Value, json};

use super::{Desk, assert_once};

/// A way into the brokers: config, and the credential that is right.
struct Way {
    name: &'static str,
    listener: Listener,
    config: Value,
    right: Value,
    /// Another credential, which must be refused, and pauses the destination.
    wrong: Option<Value>,
}

fn ways(kafka: &Kafka, oidc: Option<&Oidc>) -> Result<Vec<Way>> {
    let mut ways = Vec::new();
    for (name, listener, security) in [
        ("plain", Listener::SaslTls, "tls"),
        ("scram-sha-256", Listener::SaslTls, "tls"),
        ("scram-sha-512", Listener::SaslTls, "tls"),
        ("plain", Listener::SaslPlaintext, "plaintext"),
        ("scram-sha-512", Listener::SaslPlaintext, "plaintext"),
    ] {
        ways.push(Way {
            name,
            listener,
            config: json!({ "sasl": name, "security": security }),
            right: json!({ "username": USER, "password": kafka.password() }),
            wrong: Some(json!({ "username": USER, "password": "not-the-password" })),
        });
    }
    if let Some(oidc) = oidc {
        ways.push(Way {
            name: "oauthbearer",
            listener: Listener::SaslTls,
            config: json!({
                "sasl": "oauthbearer", "security": "tls",
                "oauth": { "token_url": oidc.token_url(), "client_id": USER },
            }),
            right: json!({ "client_secret": oidc.secret() }),
            wrong: Some(json!({ "client_secret": "not-the-secret" })),
        });
    }
    let certificate = kafka.certificate(USER)?;
    let stranger = Authority::new("a stranger")?.client(USER)?;
    ways.push(Way {
        name: "mutual tls",
        listener: Listener::MutualTls,
        config: json!({ "security": "tls" }),
        right: json!({ "client_certificate": certificate.certificate, "client_key": certificate.key }),
        wrong: Some(json!({ "client_certificate": stranger.certificate, "client_key": stranger.key })),
    });
    ways.push(Way {
        name: "tls alone",
        listener: Listener::Tls,
        config: json!({ "security": "tls" }),
        right: Value::Null,
        wrong: None,
    });
    Ok(ways)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_sign_in_takes_the_right_credential_and_pauses_on_a_wrong_one() -> Result {
    let Some((kafka, desk)) = Desk::shared(1).await? else { return Ok(()) };
    let oidc = Oidc::start(kafka.issuer(), USER, AUDIENCE).await?;
    for (number, way) in ways(&kafka, oidc.as_ref())?.into_iter().enumerate() {
        let topic = format!("{}-{number}", desk.topic);
        kafka.client().create(&topic, 2, &json!({})).await?;
        let destination = desk
            .destination(&kafka.addresses(way.listener), |body| {
                for (name, value) in way.config.as_object().into_iter().flatten() {
                    body["config"][name] = value.clone();
                }
                if way.listener != Listener::SaslPlaintext {
                    body["config"]["ca_certificate"] = json!(kafka.root());
                }
                body["config"]["topic"] = json!(topic);
                body["subscription"] = json!(["order.made"]);
                if let Some(credential) = way.wrong.as_ref().or(Some(&way.right)).filter(|it| !it.is_null()) {
                    body["credential"] = credential.clone();
                }
            })
            .await?;

        let published = desk.publish(&format!("way-{number}"), 10).await?;
        if way.wrong.is_some() {
            let paused = desk.api.destination_in(&destination, "paused").await?;
            assert_eq!(paused["pause"]["reason"], "auth", "{} {:?}: {paused}", way.name, way.listener);
            assert!(kafka.client().read(&topic).await?.is_empty(), "{} {:?}", way.name, way.listener);
            let path = format!("/v1/destinations/{destination}/credential");
            desk.api.send_json(Method::PUT, &path, &way.right).await?.ok()?;
        }
        desk.delivered(&destination).await?;

        assert_once(&kafka.client().read(&topic).await?, &published, &format!("{} {:?}", way.name, way.listener));
        desk.api.delete(&format!("/v1/destinations/{destination}")).await?.ok()?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_of_another_authority_is_not_spoken_to() -> Result {
    let Some((kafka, desk)) = Desk::shared(1).await? else { return Ok(()) };
    let strange = Authority::new("a stranger")?.root();
    for root in [None, Some(strange)] {
        let brokers = kafka.addresses(Listener::SaslTls);
        let destination = desk.destination(&brokers, |body| {
            body["config"]["security"] = json!("tls");
            body["config"]["sasl"] = json!("plain");
            body["credential"] = json!({ "username": USER, "password": kafka.password() });
            if let Some(root) = &root {
                body["config"]["ca_certificate"] = json!(root);
            }
        });

        let answer = desk.test(&destination.await?).await?;

        assert_eq!(answer["ok"], false, "{answer}");
        assert!(answer["failure"]["message"].as_str().is_some_and(|m| m.contains("certificate")), "{answer}");
        assert_eq!(answer["failure"]["request_sent"], false, "{answer}");
    }
    Ok(())
}
