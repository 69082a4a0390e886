//! Judges what the service answered, for a whole request and for each record. Pure.

use freehold_sdk::aws::{Refusal, word};
use freehold_sdk::{Error, ErrorKind, Outcome};
use serde::Deserialize;

use crate::config::Stream;

/// What a key needs to be allowed.
const PERMISSION: &str = "kinesis:PutRecords";

/// The answer to a request whose records were looked at: one for each, in their order.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Answer {
    #[serde(default)]
    records: Vec<Put>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    error_code: Option<String>,
    error_message: Option<String>,
}

impl Answer {
    /// What became of the first `count` records.
    pub(crate) fn outcomes(&self, count: usize) -> Vec<Outcome> {
        let silent = || {
            let message = "the answer does not mention the record; it is tried again";
            Err(Error::other("record-not-answered", message).with_request_sent(true))
        };
        (0..count).map(|index| self.records.get(index).map_or_else(silent, Put::outcome)).collect()
    }
}

impl Put {
    fn outcome(&self) -> Outcome {
        let Some(code) = &self.error_code else { return Ok(()) };
        let said = self.error_message.as_deref().unwrap_or("no reason given");
        let (kind, message) = match code.as_str() {
            "ProvisionedThroughputExceededException" => (
                ErrorKind::Throttled,
                format!(
                    "the shard takes no more for now ({code}): it is tried again; more shards, or another partition_key, would help"
                ),
            ),
            code if code.contains("Throttl") => (
                ErrorKind::Throttled,
                format!("the stream's KMS key is asked for too often ({code}); it is tried again by itself"),
            ),
            code if code.starts_with("KMS") || code.starts_with("Kms") => {
                (ErrorKind::Config, format!("the stream cannot encrypt with its KMS key ({code}): {said}"))
            }
            "AccessDeniedException" => {
                (ErrorKind::Auth, format!("the key may not do this ({code}): allow it {PERMISSION}"))
            }
            _ => (ErrorKind::Transient, format!("the stream did not take the record ({code}): {said}")),
        };
        Err(Error::new(kind, word("kinesis", code), message).with_request_sent(true))
    }
}

/// What a refusal of a whole request means.
pub(crate) fn refused(refusal: &Refusal, stream: &Stream) -> Error {
    let permission = format!("{PERMISSION} on the stream {}", stream.name);
    refusal.error("kinesis", &permission, |code| {
        Some(match code {
            "ResourceNotFoundException" => (
                ErrorKind::Config,
                format!(
                    "there is no stream {} in {} ({code}): create it, or correct the name",
                    stream.name, stream.region
                ),
            ),
            "InvalidArgumentException" | "ValidationException" => {
                (ErrorKind::Rejected, format!("the stream did not take the record ({code}): {}", refusal.message))
            }
            _ => return None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::stream;

    #[test]
    fn each_record_has_its_own_outcome() {
        let answer: Answer = serde_json::from_str(
            r#"{"FailedRecordCount":3,"Records":[
                {"SequenceNumber":"1","ShardId":"shardId-000000000000"},
                {"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"Rate exceeded for shard"},
                {"ErrorCode":"InternalFailure","ErrorMessage":"Internal service failure."},
                {"ErrorCode":"KMSDisabledException"}]}"#,
        )
        .unwrap();

        let outcomes = answer.outcomes(5);

        let kinds: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().err().map(Error::kind)).collect();
        use ErrorKind::{Config, Other, Throttled, Transient};
        assert_eq!(kinds, [None, Some(Throttled), Some(Transient), Some(Config), Some(Other)]);
    }

    #[test]
    fn a_missing_stream_is_named() {
        let stream = stream(r#"{"stream":"events","region":"eu-west-1"}"#).unwrap();
        let by_status = Error::rejected("http-400", "by its status").with_request_sent(true);
        let refusal = Refusal::parse(None, r#"{"__type":"ResourceNotFoundException","message":"…"}"#, by_status);

        let error = refused(&refusal, &stream);

        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains("no stream events in eu-west-1"), "{error}");
    }
}
