//! How are the brokers configured? As operators would, with every way in open, each on a port of its own.

use super::{AUDIENCE, Broker, Kafka, Listener, USER};

/// The mechanisms of SASL that are tried.
const MECHANISMS: [&str; 4] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"];

const LOGIN: &str = "org.apache.kafka.common.security";

/// The properties of one broker.
pub(super) fn of(kafka: &Kafka, broker: &Broker) -> String {
    let data = kafka.path(&format!("data-{}", broker.number));
    let replicas = kafka.brokers.len();
    let mut lines = vec![
        format!("log.dirs={}", data.display()),
        "auto.create.topics.enable=false".to_owned(),
        format!("default.replication.factor={replicas}"),
        format!("min.insync.replicas={}", replicas.min(2)),
        "offsets.topic.replication.factor=1".to_owned(),
        // It holds a large buffer, and nothing is ever compacted here.
        "log.cleaner.enable=false".to_owned(),
        // Records have the times of their events, which may be old: they are not removed for it.
        "log.retention.ms=-1".to_owned(),
        "num.network.threads=2".to_owned(),
        "num.io.threads=4".to_owned(),
    ];
    if kafka.options.for_speed {
        // A measurement writes more than a disk may hold: what its topics shall not keep is removed soon.
        lines.push("log.initial.task.delay.ms=1000".to_owned());
        lines.push("log.retention.check.interval.ms=1000".to_owned());
    }
    if kafka.options.version.needs_zookeeper() {
        lines.push(format!("broker.id={}", broker.number));
        lines.push(format!("listeners=PLAINTEXT://{}", broker.address(Listener::Plaintext)));
        lines.push(format!("zookeeper.connect=127.0.0.1:{}", broker.inner_port));
    } else {
        metadata(kafka, broker, &mut lines);
        listeners(broker, &mut lines);
        tls(kafka, &mut lines);
        sasl(kafka, &mut lines);
    }
    lines.join("\n")
}

/// The properties of the ZooKeeper that old brokers keep their metadata in.
pub(super) fn of_zookeeper(kafka: &Kafka) -> String {
    let port = kafka.brokers.first().map(|broker| broker.inner_port).unwrap_or_default();
    let data = kafka.path("zookeeper");
    format!(
        "dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\nadmin.enableServer=false\n",
        data.display()
    )
}

/// Each broker is a controller as well, so that one that is gone is noticed within seconds.
fn metadata(kafka: &Kafka, broker: &Broker, lines: &mut Vec<String>) {
    let voters = kafka.brokers.iter().map(|broker| format!("{}@127.0.0.1:{}", broker.number, broker.inner_port));
    let voters: Vec<String> = voters.collect();
    lines.extend([
        "process.roles=broker,controller".to_owned(),
        format!("node.id={}", broker.number),
        format!("controller.quorum.voters={}", voters.join(",")),
        "controller.listener.names=CONTROLLER".to_owned(),
        "broker.heartbeat.interval.ms=500".to_owned(),
        "broker.session.timeout.ms=3000".to_owned(),
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned(),
        "super.users=User:ANONYMOUS".to_owned(),
    ]);
}

fn listeners(broker: &Broker, lines: &mut Vec<String>) {
    let mut listeners = vec![format!("CONTROLLER://127.0.0.1:{}", broker.inner_port)];
    let mut protocols = vec!["CONTROLLER:PLAINTEXT".to_owned()];
    let mut advertised = Vec::new();
    for listener in Listener::ALL {
        let (name, protocol) = match listener {
            Listener::Plaintext => ("OPEN", "PLAINTEXT"),
            Listener::Tls => ("TLS", "SSL"),
            Listener::MutualTls => ("MUTUAL", "SSL"),
            Listener::SaslTls => ("SASL", "SASL_SSL"),
            Listener::SaslPlaintext => ("CLEAR", "SASL_PLAINTEXT"),
            Listener::Detour => ("DETOUR", "PLAINTEXT"),
        };
        let said = match listener {
            Listener::Detour => format!("127.0.0.1:{}", broker.detour),
            _ => broker.address(listener),
        };
        advertised.push(format!("{name}://{said}"));
        listeners.push(format!("{name}://{}", broker.address(listener)));
        protocols.push(format!("{name}:{protocol}"));
    }
    lines.push(format!("listeners={}", listeners.join(",")));
    lines.push(format!("advertised.listeners={}", advertised.join(",")));
    lines.push(format!("listener.security.protocol.map={}", protocols.join(",")));
    lines.push("inter.broker.listener.name=OPEN".to_owned());
}

fn tls(kafka: &Kafka, lines: &mut Vec<String>) {
    lines.extend([
        "ssl.keystore.type=PEM".to_owned(),
        format!("ssl.keystore.location={}", kafka.path("server.pem").display()),
        "ssl.truststore.type=PEM".to_owned(),
        format!("ssl.truststore.location={}", kafka.path("root.pem").display()),
        "listener.name.mutual.ssl.client.auth=required".to_owned(),
        // The common name alone is the user.
        "listener.name.mutual.ssl.principal.mapping.rules=RULE:^CN=(.*?)$/$1/".to_owned(),
    ]);
}

fn sasl(kafka: &Kafka, lines: &mut Vec<String>) {
    lines.push(format!("sasl.enabled.mechanisms={}", MECHANISMS.join(",")));
    for listener in ["sasl", "clear"] {
        let mut of = |mechanism: &str, setting: &str, value: &str| {
            lines.push(format!("listener.name.{listener}.{mechanism}.{setting}={value}"));
        };
        let users = format!("user_{USER}=\"{}\"", kafka.password);
        of("plain", "sasl.jaas.config", &format!("{LOGIN}.plain.PlainLoginModule required {users};"));
        for mechanism in ["scram-sha-256", "scram-sha-512"] {
            of(mechanism, "sasl.jaas.config", &format!("{LOGIN}.scram.ScramLoginModule required;"));
        }
        let bearer = format!("{LOGIN}.oauthbearer.OAuthBearer");
        of("oauthbearer", "sasl.jaas.config", &format!("{bearer}LoginModule required;"));
        of("oauthbearer", "sasl.server.callback.handler.class", &format!("{bearer}ValidatorCallbackHandler"));
    }
    // By itself 4.1 takes the validator of clients, which checks neither signature nor audience.
    lines.push(format!("sasl.oauthbearer.jwt.validator.class={LOGIN}.oauthbearer.BrokerJwtValidator"));
    lines.push(format!("sasl.oauthbearer.jwks.endpoint.url={}", kafka.keys_url()));
    lines.push(format!("sasl.oauthbearer.expected.audience={AUDIENCE}"));
    lines.push(format!("sasl.oauthbearer.expected.issuer={}", kafka.issuer.name()));
}
