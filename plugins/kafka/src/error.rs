//! What does a code of Kafka's mean for a delivery, and what is the customer told? Pure.
//!
//! <https://kafka.apache.org/protocol#protocol_error_codes>

use std::time::Duration;

use freehold_sdk::{Error, ErrorKind};
use kafka_protocol::ResponseError;

/// When brokers are busy electing a leader, asking again at once is too soon.
const ELECTION: Duration = Duration::from_secs(1);

/// What a code was said about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About<'a> {
    Topic(&'a str),
    Partition(&'a str, i32),
    /// The right to be an idempotent producer.
    Producer,
    Cluster,
}

/// The code's name, such as `NotLeaderOrFollower`.
pub(crate) fn name(code: i16) -> String {
    match ResponseError::try_from_code(code) {
        Some(ResponseError::Unknown(code)) => format!("error {code}"),
        Some(known) => format!("{known:?}"),
        None => "no error".to_owned(),
    }
}

/// The error that `code` is. `said` are the broker's own words, if it had any.
pub(crate) fn of_code(code: i16, about: About<'_>, said: Option<&str>) -> Error {
    let Some(known) = ResponseError::try_from_code(code) else {
        return Error::other("kafka-no-error", "the broker reported a failure without a reason");
    };
    let (kind, word, message) = meaning(&known, about, &name(code));
    let message = match said.map(str::trim).filter(|said| !said.is_empty()) {
        Some(said) => format!("{message}; the broker said: {said}"),
        None => message,
    };
    let word = if word.is_empty() { format!("kafka-{}", kebab(&name(code))) } else { word.to_owned() };
    let retry_after = may_pass_soon(&known).then_some(ELECTION);
    Error::new(kind, word, message).with_retry_after(retry_after).with_request_sent(true)
}

/// A partition that nobody leads at the moment.
pub(crate) fn no_leader(topic: &str, partition: i32) -> Error {
    let message =
        format!("partition {partition} of topic {topic} has no leader at the moment; it is tried again by itself");
    Error::transient("kafka-leader-not-available", message).with_retry_after(Some(ELECTION))
}

/// A topic that the cluster does not have, or does not show.
pub(crate) fn topic_missing(topic: &str) -> Error {
    let message = format!(
        "the cluster has no topic {topic}, or does not show it to this user: create it, allow the user to write to it, or correct `topic`"
    );
    Error::config("topic-missing", message).with_request_sent(true)
}

/// An event that is larger than the cluster takes.
pub(crate) fn too_large(topic: &str, bytes: usize) -> Error {
    let message = format!(
        "the record has {bytes} bytes, more than the topic {topic} takes: raise max.message.bytes of the topic if such events matter"
    );
    Error::rejected("kafka-message-too-large", message).with_request_sent(true)
}

/// An answer that cannot be read.
pub(crate) fn unreadable(what: &str) -> Error {
    let message = format!("{what} cannot be read: is this really a Kafka broker, and the port of the right listener?");
    Error::transient("kafka-answer-unreadable", message).with_request_sent(true)
}

/// The same error with a broker's word on why.
pub(crate) fn with_reason(error: &Error, why: Option<&str>) -> Error {
    match why {
        Some(why) => {
            Error::new(error.kind(), error.code(), format!("{}: {why}", error.message())).with_request_sent(true)
        }
        None => error.clone(),
    }
}

fn meaning(known: &ResponseError, about: About<'_>, name: &str) -> (ErrorKind, &'static str, String) {
    use ErrorKind::{Auth, Config, Other, Rejected, Throttled, Transient};
    use ResponseError as R;
    let place = place(about);
    match known {
        R::UnknownTopicOrPartition => (Config, "topic-missing", match about {
            About::Topic(topic) | About::Partition(topic, _) => topic_missing(topic).message().to_owned(),
            _ => format!("{place}: there is no such topic"),
        }),
        R::InvalidTopicException => (Config, "topic-invalid", format!("{place} cannot be written to by name: correct `topic`")),
        R::TopicAuthorizationFailed => (Auth, "topic-denied", format!(
            "the user may not write to {place}: allow it Write and Describe on the topic, as with kafka-acls --add --operation Write --operation Describe --topic"
        )),
        R::ClusterAuthorizationFailed | R::TransactionalIdAuthorizationFailed => (Auth, "cluster-denied",
            "the user may not be an idempotent producer: allow it IdempotentWrite on the cluster, or set idempotent to false".to_owned(),
        ),
        R::SaslAuthenticationFailed => (Auth, "sasl-refused", "the cluster refused the sign-in: save the right credential".to_owned()),
        R::UnsupportedSaslMechanism => (Config, "sasl-mechanism", "the listener does not offer this sign-in: set `sasl` to one that it does".to_owned()),
        R::MessageTooLarge | R::RecordListTooLarge => (Rejected, "kafka-message-too-large", format!("the record is larger than {place} takes")),
        R::InvalidRecord => (Rejected, "kafka-invalid-record", format!("{place} does not take this record (does it demand a key, or a schema?)")),
        R::InvalidTimestamp => (Rejected, "kafka-invalid-timestamp", format!(
            "{place} does not take records as old as this, or as far ahead: see message.timestamp.before.max.ms and its like"
        )),
        R::PolicyViolation => (Rejected, "kafka-policy-violation", format!("a policy of the cluster forbids this record in {place}")),
        R::UnsupportedCompressionType | R::UnsupportedForMessageFormat => (Config, "", format!("{place} does not take this compression ({name}): set another one")),
        R::InvalidRequiredAcks => (Config, "", format!("{place} does not confirm writes by all replicas ({name})")),
        R::ThrottlingQuotaExceeded => (Throttled, "kafka-quota", "the cluster asks for less; it is tried again later by itself".to_owned()),
        R::NotEnoughReplicas | R::NotEnoughReplicasAfterAppend => (Transient, "kafka-not-enough-replicas", format!(
            "{place} has fewer replicas in sync than min.insync.replicas demands; it is tried again by itself"
        )),
        R::RequestTimedOut => (Transient, "kafka-timed-out", format!("{place} was not written to all replicas in time; it is tried again by itself")),
        R::UnknownServerError => (Other, "", format!("{place}: the broker had a failure of its own ({name}); its log tells more")),
        known if known.is_retriable() && matches!(about, About::Producer | About::Cluster) => (Transient, "", format!(
            "{place} cannot be had from the cluster at the moment ({name}); it is tried again by itself"
        )),
        known if known.is_retriable() => (Transient, "", format!("{place} cannot be written to at the moment ({name}); it is tried again by itself")),
        _ => (Other, "", format!("{place}: the broker answered {name}")),
    }
}

fn place(about: About<'_>) -> String {
    match about {
        About::Topic(topic) => format!("topic {topic}"),
        About::Partition(topic, partition) => format!("partition {partition} of topic {topic}"),
        About::Producer => "an identity for the producer".to_owned(),
        About::Cluster => "an answer".to_owned(),
    }
}

fn may_pass_soon(known: &ResponseError) -> bool {
    use ResponseError as R;
    matches!(known, R::LeaderNotAvailable | R::NotLeaderOrFollower | R::ReplicaNotAvailable | R::KafkaStorageError)
}

/// `NotLeaderOrFollower` becomes `not-leader-or-follower`.
fn kebab(name: &str) -> String {
    let mut word = String::new();
    for character in name.chars().filter(char::is_ascii_alphanumeric).take(48) {
        if character.is_ascii_uppercase() && !word.is_empty() {
            word.push('-');
        }
        word.push(character.to_ascii_lowercase());
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_decide_what_is_done() {
        use ErrorKind::{Auth, Config, Other, Rejected, Throttled, Transient};
        for (code, kind, word) in [
            (3, Config, "topic-missing"),
            (17, Config, "topic-invalid"),
            (29, Auth, "topic-denied"),
            (31, Auth, "cluster-denied"),
            (58, Auth, "sasl-refused"),
            (10, Rejected, "kafka-message-too-large"),
            (18, Rejected, "kafka-message-too-large"),
            (87, Rejected, "kafka-invalid-record"),
            (32, Rejected, "kafka-invalid-timestamp"),
            (44, Rejected, "kafka-policy-violation"),
            (76, Config, "kafka-unsupported-compression-type"),
            (89, Throttled, "kafka-quota"),
            (19, Transient, "kafka-not-enough-replicas"),
            (20, Transient, "kafka-not-enough-replicas"),
            (7, Transient, "kafka-timed-out"),
            (6, Transient, "kafka-not-leader-or-follower"),
            (5, Transient, "kafka-leader-not-available"),
            (56, Transient, "kafka-kafka-storage-error"),
            (-1, Other, "kafka-unknown-server-error"),
            (9_999, Other, "kafka-error9999"),
        ] {
            let error = of_code(code, About::Partition("orders", 3), None);

            assert_eq!((error.kind(), error.code()), (kind, word), "{code}");
            assert!(error.request_sent(), "{code}");
            assert!(error.code().len() <= 64);
        }
    }

    #[test]
    fn messages_name_the_topic_and_what_to_do() {
        let denied = of_code(29, About::Topic("orders"), None);
        let missing = of_code(3, About::Topic("orders"), Some("This server does not host this topic-partition."));

        assert!(denied.message().contains("topic orders") && denied.message().contains("kafka-acls"), "{denied}");
        assert!(missing.message().contains("create it") && missing.message().contains("does not host"), "{missing}");
    }
}
