//! What does a refusal of a service of AWS mean, whichever protocol it comes in? Pure.

use serde_json::Value;

use crate::{Error, ErrorKind};

/// An answer other than 2xx, as the service explains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The service's own word, such as `AccessDeniedException`; empty when it says none.
    pub code: String,
    /// The service's own sentence; empty when it says none.
    pub message: String,
    /// What the status alone means.
    pub by_status: Error,
}

impl Refusal {
    /// Reads the code and the message from `body`, which is JSON or, from what stands before some services, XML.
    /// `error_type` is the header `x-amzn-errortype`.
    pub fn parse(error_type: Option<&str>, body: &str, by_status: Error) -> Refusal {
        let json: Value = serde_json::from_str(body).unwrap_or_default();
        let member = |name: &str| json[name].as_str().map(str::to_owned);
        let code = error_type
            .map(str::to_owned)
            .or_else(|| member("__type"))
            .or_else(|| element(body, "Code").map(str::to_owned))
            .unwrap_or_default();
        let message = member("message")
            .or_else(|| member("Message"))
            .or_else(|| element(body, "Message").map(str::to_owned))
            .unwrap_or_default();
        Refusal { code: bare(&code).to_owned(), message, by_status }
    }

    /// The error. `service` begins its code, `permission` is what the key needs, such as `sqs:SendMessage`, and `known` says
    /// what only this service's codes mean. What nobody knows is tried again: it is not about these events.
    pub fn error(
        &self,
        service: &str,
        permission: &str,
        known: impl FnOnce(&str) -> Option<(ErrorKind, String)>,
    ) -> Error {
        if self.code.is_empty() {
            return match self.by_status.kind() {
                ErrorKind::Rejected if self.by_status.code() != "http-413" => {
                    self.by_status.clone().with_kind(ErrorKind::Transient)
                }
                _ => self.by_status.clone(),
            };
        }
        let found = known(&self.code).or_else(|| self.common(permission));
        let (kind, message) = found.unwrap_or_else(|| {
            let kind = match self.by_status.kind() {
                ErrorKind::Throttled => ErrorKind::Throttled,
                _ => ErrorKind::Transient,
            };
            let said = if self.message.is_empty() { "no reason given" } else { &self.message };
            (kind, format!("{service} answered {}: {said}", self.code))
        });
        Error::new(kind, word(service, &self.code), message)
            .with_retry_after(self.by_status.retry_after())
            .with_request_sent(self.by_status.request_sent())
    }

    /// What is the same for all services.
    fn common(&self, permission: &str) -> Option<(ErrorKind, String)> {
        use ErrorKind::{Auth, Config, Throttled, Transient};
        let code = self.code.as_str();
        let clock = "the clock of the sender differs from that of the service";
        let of_clock = self.message.contains("Signature expired") || self.message.contains("not yet current");
        Some(match code {
            "RequestTimeTooSkewed" | "RequestExpired" => (Transient, format!("{clock} ({code}): {CLOCK_ADVICE}")),
            "SignatureDoesNotMatch" | "InvalidSignatureException" if of_clock => {
                (Transient, format!("{clock} ({code}): {CLOCK_ADVICE}"))
            }
            "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "IncompleteSignatureException" => {
                (Auth, format!("the secret access key does not belong to this access key id ({code}): save both again"))
            }
            "InvalidAccessKeyId"
            | "NotSignedUp"
            | "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException" => {
                (Auth, format!("AWS does not know the access key id ({code}): save a key that exists and is active"))
            }
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => {
                (Auth, format!("the session token has expired ({code}): save a new set of temporary credentials"))
            }
            "InvalidToken" | "InvalidTokenException" => (
                Auth,
                format!(
                    "the session token does not belong to this access key id ({code}): save all three fields again"
                ),
            ),
            "AccessDenied" | "AccessDeniedException" | "AllAccessDisabled" | "AuthFailure" | "OptInRequired" => {
                (Auth, format!("the key may not do this ({code}): allow it {permission}"))
            }
            "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "ProvisionedThroughputExceededException"
            | "LimitExceededException"
            | "SlowDown"
            | "ServiceUnavailable" => {
                (Throttled, format!("the service asks for fewer requests ({code}); it is tried again later by itself"))
            }
            _ if is_of_kms(code) && code.contains("Throttl") => (
                Throttled,
                format!("the service's KMS key is asked for too often ({code}); it is tried again later by itself"),
            ),
            _ if is_of_kms(code) => (
                Config,
                format!(
                    "the service cannot encrypt with its KMS key ({code}): look whether the key is enabled and may be used"
                ),
            ),
            _ => return None,
        })
    }
}

const CLOCK_ADVICE: &str = "whoever runs Freehold has to correct it; the events are tried again";

fn is_of_kms(code: &str) -> bool {
    code.starts_with("KMS") || code.starts_with("Kms")
}

/// The word alone: services write `com.amazonaws.sqs#QueueDoesNotExist` and `AccessDeniedException:http://…`.
fn bare(code: &str) -> &str {
    let code = code.rsplit_once('#').map_or(code, |(_, code)| code);
    code.split_once(':').map_or(code, |(code, _)| code).trim()
}

/// A code of AWS in the form of Freehold's own: `NoSuchBucket` of `s3` becomes `s3-no-such-bucket`.
///
/// ```
/// assert_eq!(freehold_sdk::aws::word("s3", "NoSuchBucket"), "s3-no-such-bucket");
/// ```
pub fn word(service: &str, code: &str) -> String {
    let mut word = service.to_owned();
    let mut follows_capital = false;
    for (index, character) in code.chars().filter(char::is_ascii_alphanumeric).take(48).enumerate() {
        let is_capital = character.is_ascii_uppercase();
        if index == 0 || (is_capital && !follows_capital) {
            word.push('-');
        }
        follows_capital = is_capital;
        word.push(character.to_ascii_lowercase());
    }
    word
}

/// The text of the first element of that name in the XML of an answer.
///
/// ```
/// # use freehold_sdk::aws::element;
/// assert_eq!(element("<Error><Code>NoSuchBucket</Code></Error>", "Code"), Some("NoSuchBucket"));
/// ```
pub fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let start = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let length = xml[start..].find(&format!("</{name}>"))?;
    Some(xml[start..start + length].trim()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(header: Option<&str>, body: &str) -> Error {
        let by_status = Error::rejected("http-400", "by its status").with_request_sent(true);
        Refusal::parse(header, body, by_status).error("sqs", "sqs:SendMessage", |code| {
            (code == "QueueDoesNotExist").then(|| (ErrorKind::Config, "there is no such queue".to_owned()))
        })
    }

    #[test]
    fn every_way_to_write_a_code_is_read() {
        for (header, body) in [
            (None, r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The queue does not exist."}"#),
            (None, r#"{"__type":"QueueDoesNotExist"}"#),
            (Some("QueueDoesNotExist:http://internal.amazon.com/x"), "{}"),
            (None, "<ErrorResponse><Error><Code>QueueDoesNotExist</Code></Error></ErrorResponse>"),
        ] {
            let error = judged(header, body);

            assert_eq!((error.kind(), error.code()), (ErrorKind::Config, "sqs-queue-does-not-exist"), "{body}");
        }
    }

    #[test]
    fn the_code_decides_the_kind() {
        use ErrorKind::{Auth, Config, Throttled, Transient};
        for (code, kind) in [
            ("InvalidSignatureException", Auth),
            ("UnrecognizedClientException", Auth),
            ("ExpiredTokenException", Auth),
            ("AccessDeniedException", Auth),
            ("ThrottlingException", Throttled),
            ("ProvisionedThroughputExceededException", Throttled),
            ("KMSDisabledException", Config),
            ("KmsAccessDenied", Config),
            ("InternalFailure", Transient),
            ("SomethingNew", Transient),
        ] {
            assert_eq!(judged(None, &format!(r#"{{"__type":"{code}"}}"#)).kind(), kind, "{code}");
        }
    }

    #[test]
    fn a_wrong_clock_is_not_the_customers_to_correct() {
        let error = judged(
            None,
            r#"{"__type":"InvalidSignatureException","message":"Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z"}"#,
        );

        assert_eq!(error.kind(), ErrorKind::Transient);
        assert!(error.message().contains("clock"), "{error}");
    }

    #[test]
    fn an_answer_without_a_word_gives_up_on_no_event() {
        let error = judged(None, "<html>no</html>");

        assert_eq!((error.kind(), error.code()), (ErrorKind::Transient, "http-400"));
    }

    #[test]
    fn a_refused_permission_is_named() {
        let error = judged(None, "<Error><Code>AccessDenied</Code></Error>");

        assert!(error.message().contains("sqs:SendMessage"), "{error}");
    }
}
