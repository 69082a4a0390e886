//! Judges what the service answered, for a whole request and for each message. Pure.

use std::collections::HashMap;

use freehold_sdk::aws::{Refusal, word};
use freehold_sdk::{Error, ErrorKind, Outcome};
use serde::Deserialize;

use crate::config::Queue;

/// What a key needs to be allowed.
const PERMISSION: &str = "sqs:SendMessage";

/// The answer to a request whose messages were looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Answer {
    successful: Vec<Taken>,
    failed: Vec<Failed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Taken {
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    id: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    sender_fault: bool,
}

impl Answer {
    /// What became of the messages at these places, in their order.
    pub(crate) fn outcomes(&self, places: &[usize]) -> Vec<Outcome> {
        let mut known: HashMap<&str, Outcome> =
            self.successful.iter().map(|taken| (taken.id.as_str(), Ok(()))).collect();
        known.extend(self.failed.iter().map(|failed| (failed.id.as_str(), Err(failed.error()))));
        let silent = || {
            Err(Error::other("message-not-answered", "the answer does not mention the message; it is tried again")
                .with_request_sent(true))
        };
        places.iter().map(|place| known.remove(place.to_string().as_str()).unwrap_or_else(silent)).collect()
    }
}

impl Failed {
    fn error(&self) -> Error {
        let kind = match self.code.as_str() {
            "RequestThrottled" | "ThrottlingException" | "Throttling" | "OverLimit" => ErrorKind::Throttled,
            // `KmsThrottled` and its like.
            code if code.contains("Throttl") => ErrorKind::Throttled,
            "AccessDenied" | "AccessDeniedException" => ErrorKind::Auth,
            code if code.starts_with("Kms") || code.starts_with("KMS") => ErrorKind::Config,
            // Of this very message: what it holds, or its size.
            _ if self.sender_fault => ErrorKind::Rejected,
            _ => ErrorKind::Transient,
        };
        let message = format!("the queue did not take the message ({}): {}", self.code, self.message);
        Error::new(kind, word("sqs", &self.code), message).with_request_sent(true)
    }
}

/// What a refusal of a whole request means.
pub(crate) fn refused(refusal: &Refusal, queue: &Queue) -> Error {
    let permission = format!("{PERMISSION} on the queue {}, and the use of its KMS key if there is one", queue.name);
    refusal.error("sqs", &permission, |code| {
        Some(match code {
            "QueueDoesNotExist"
            | "NonExistentQueue"
            | "AWS.SimpleQueueService.NonExistentQueue"
            | "QueueDeletedRecently" => (
                ErrorKind::Config,
                format!(
                    "there is no queue {} in {} ({code}): create it, or correct queue_url",
                    queue.url, queue.region
                ),
            ),
            _ if code == "InvalidAddress" || refusal.message.contains("QueueUrl") => {
                (ErrorKind::Config, format!("{} is not the address of a queue ({code}): correct queue_url", queue.url))
            }
            "UnsupportedOperation" | "InvalidSecurity" => (
                ErrorKind::Config,
                format!("the queue {} does not take messages this way ({code}): {}", queue.name, refusal.message),
            ),
            "BatchRequestTooLong" | "InvalidMessageContents" => {
                (ErrorKind::Rejected, format!("the queue did not take the message ({code}): {}", refusal.message))
            }
            // What the service finds wrong with all of the request is said of the first message that it looks at.
            "InvalidParameterValue" | "InvalidParameterValueException" | "InvalidAttributeValue" => {
                (ErrorKind::Rejected, format!("the queue did not take the message ({code}): {}", refusal.message))
            }
            _ => return None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::queue;

    #[test]
    fn each_message_has_its_own_outcome() {
        let answer: Answer = serde_json::from_str(
            r#"{"Successful":[{"Id":"4","MessageId":"m","MD5OfMessageBody":"x"}],
                "Failed":[{"Id":"7","Code":"InvalidMessageContents","Message":"bad","SenderFault":true},
                          {"Id":"5","Code":"InternalError","SenderFault":false},
                          {"Id":"8","Code":"RequestThrottled","SenderFault":true}]}"#,
        )
        .unwrap();

        let outcomes = answer.outcomes(&[4, 5, 6, 7, 8]);

        let kinds: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().err().map(Error::kind)).collect();
        use ErrorKind::{Other, Rejected, Throttled, Transient};
        assert_eq!(kinds, [None, Some(Transient), Some(Other), Some(Rejected), Some(Throttled)]);
    }

    #[test]
    fn a_missing_queue_is_named() {
        let queue = queue(r#"{"queue_url":"https://sqs.eu-west-1.amazonaws.com/1/q"}"#).unwrap();
        let by_status = Error::rejected("http-400", "by its status").with_request_sent(true);
        let refusal = Refusal::parse(None, r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}"#, by_status);

        let error = refused(&refusal, &queue);

        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains("https://sqs.eu-west-1.amazonaws.com/1/q in eu-west-1"), "{error}");
    }
}
