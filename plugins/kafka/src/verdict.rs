//! What follows from what a broker said about one partition's batch? Pure.

use freehold_sdk::Error;
use kafka_protocol::ResponseError as R;
use kafka_protocol::messages::produce_response::PartitionProduceResponse;

use crate::error::{self, About};
use crate::producer::Place;

/// What follows for a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is there.
    Arrived,
    /// Someone else leads the partition, or will: once more, after asking who.
    Again { error: Error, in_doubt: bool },
    /// The broker has lost track of the producer: once more, under another identity.
    Anew(Error),
    /// It is too large: once more, in halves.
    TooLarge,
    /// These records are not taken, with why, by their place in the batch; the others are taken without them. When none is
    /// named, it may be any.
    Invalid { error: Error, named: Vec<(usize, Option<String>)> },
    /// It failed.
    Failed { error: Error, in_doubt: bool },
}

/// Judges an answer about the batch for `place`.
pub(crate) fn judge(answer: &PartitionProduceResponse, place: &Place) -> Verdict {
    let Some(known) = R::try_from_code(answer.error_code) else { return Verdict::Arrived };
    let about = About::Partition(&place.0, place.1);
    let error = error::of_code(answer.error_code, about, answer.error_message.as_deref());
    match known {
        // It came a second time, and only the first one counts.
        R::DuplicateSequenceNumber => Verdict::Arrived,
        R::MessageTooLarge | R::RecordListTooLarge => Verdict::TooLarge,
        R::InvalidRecord | R::InvalidTimestamp => Verdict::Invalid { error, named: named(answer) },
        R::OutOfOrderSequenceNumber
        | R::UnknownProducerId
        | R::InvalidProducerEpoch
        | R::InvalidProducerIdMapping
        | R::ProducerFenced => Verdict::Anew(error),
        // A leader that steps down in the middle may have passed on what it wrote.
        R::NotLeaderOrFollower | R::KafkaStorageError => Verdict::Again { error, in_doubt: true },
        R::UnknownTopicOrPartition
        | R::LeaderNotAvailable
        | R::ReplicaNotAvailable
        | R::FencedLeaderEpoch
        | R::UnknownLeaderEpoch
        | R::CorruptMessage => Verdict::Again { error, in_doubt: false },
        // Refused before anything was written.
        R::NotEnoughReplicas
        | R::TopicAuthorizationFailed
        | R::ClusterAuthorizationFailed
        | R::InvalidTopicException
        | R::PolicyViolation
        | R::UnsupportedCompressionType
        | R::UnsupportedForMessageFormat
        | R::InvalidRequiredAcks
        | R::ThrottlingQuotaExceeded => Verdict::Failed { error, in_doubt: false },
        _ => Verdict::Failed { error, in_doubt: true },
    }
}

fn named(answer: &PartitionProduceResponse) -> Vec<(usize, Option<String>)> {
    let named = answer.record_errors.iter().filter_map(|record| {
        let why = record.batch_index_error_message.as_ref().map(ToString::to_string);
        Some((usize::try_from(record.batch_index).ok()?, why))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::produce_response::BatchIndexAndErrorMessage;
    use kafka_protocol::protocol::StrBytes;

    use super::*;

    fn judged(code: i16) -> Verdict {
        judge(&PartitionProduceResponse::default().with_error_code(code), &("orders".to_owned(), 0))
    }

    #[test]
    fn what_was_said_decides_what_follows() {
        for code in [0, 46] {
            assert_eq!(judged(code), Verdict::Arrived, "{code}");
        }
        for code in [10, 18] {
            assert_eq!(judged(code), Verdict::TooLarge, "{code}");
        }
        for code in [45, 47, 49, 59, 90] {
            assert!(matches!(judged(code), Verdict::Anew(_)), "{code}");
        }
        for (code, expected) in [(6, true), (56, true), (3, false), (5, false), (2, false), (74, false)] {
            assert!(matches!(judged(code), Verdict::Again { in_doubt, .. } if in_doubt == expected), "{code}");
        }
        for (code, expected) in [(7, true), (20, true), (-1, true), (999, true), (19, false), (29, false), (76, false)]
        {
            assert!(matches!(judged(code), Verdict::Failed { in_doubt, .. } if in_doubt == expected), "{code}");
        }
    }

    #[test]
    fn records_that_are_not_taken_are_named() {
        let record = BatchIndexAndErrorMessage::default()
            .with_batch_index(3)
            .with_batch_index_error_message(Some(StrBytes::from_static_str("no key")));
        let answer = PartitionProduceResponse::default().with_error_code(87).with_record_errors(vec![record]);

        let Verdict::Invalid { error, named } = judge(&answer, &("orders".to_owned(), 0)) else {
            panic!("not invalid")
        };

        assert_eq!(named, [(3, Some("no key".to_owned()))]);
        assert_eq!(error.code(), "kafka-invalid-record");
    }
}
