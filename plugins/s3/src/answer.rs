//! Judges what the store answered, by the code in its XML and then by the status. Pure.

use freehold_sdk::aws::{element, word};
use freehold_sdk::{Error, ErrorKind};

use crate::config::Target;

/// What an answer other than 2xx says.
pub(crate) struct Answer<'a> {
    pub(crate) body: &'a str,
    /// The header `x-amz-bucket-region`.
    pub(crate) bucket_region: Option<&'a str>,
    /// What the status alone means.
    pub(crate) by_status: Error,
}

pub(crate) fn judge(answer: Answer<'_>, target: &Target) -> Error {
    let Some(code) = element(answer.body, "Code") else {
        return unnamed(answer.by_status, target);
    };
    let (kind, message) = meaning(code, &answer, target);
    Error::new(kind, word("s3", code), message)
        .with_retry_after(answer.by_status.retry_after())
        .with_request_sent(answer.by_status.request_sent())
}

/// An answer without S3's XML: a proxy's, or one to HEAD. A 404 of an upload can only mean the bucket.
fn unnamed(by_status: Error, target: &Target) -> Error {
    match by_status.kind() {
        ErrorKind::Rejected if by_status.code() != "http-413" => by_status.with_kind(ErrorKind::Transient),
        _ if by_status.code() == "http-404" => {
            Error::config("bucket-missing", bucket_missing(target)).with_request_sent(true)
        }
        _ => by_status,
    }
}

fn meaning(code: &str, answer: &Answer<'_>, target: &Target) -> (ErrorKind, String) {
    use ErrorKind::{Auth, Config, Rejected, Throttled, Transient};
    let (bucket, region) = (&target.bucket, &target.region);
    match code {
        "SignatureDoesNotMatch" => {
            (Auth, format!("the secret access key does not belong to this access key id ({code}): save both again"))
        }
        "InvalidAccessKeyId" | "NotSignedUp" | "InvalidClientTokenId" => {
            (Auth, format!("the store does not know the access key id ({code}): save a key that exists and is active"))
        }
        "ExpiredToken" | "TokenRefreshRequired" => {
            (Auth, format!("the session token has expired ({code}): save a new set of temporary credentials"))
        }
        "InvalidToken" => (
            Auth,
            format!("the session token does not belong to this access key id ({code}): save all three fields again"),
        ),
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "InvalidSecurity" => {
            let place = format!("{bucket}/{}", target.naming.shared_folder());
            (
                Auth,
                format!(
                    "the key may not write to {place}* ({code}): allow it s3:PutObject there, and the use of the KMS key if there is one"
                ),
            )
        }
        "NoSuchBucket" => (Config, bucket_missing(target)),
        "PermanentRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException"
        | "IncorrectEndpoint" => (Config, wrong_region(code, answer, target)),
        "InvalidBucketName" => (Config, format!("`{bucket}` is not a valid name for a bucket: correct it")),
        "KeyTooLongError" => (Config, "the objects' names become too long: shorten key_template".to_owned()),
        "InvalidStorageClass" => (Config, "the store does not know this storage class: set another one".to_owned()),
        _ if code.starts_with("KMS.") || code == "InvalidEncryptionAlgorithmError" => {
            (Config, format!("the store cannot encrypt as set ({code}): check server_side_encryption and kms_key_id"))
        }
        "RequestTimeTooSkewed" => (
            Transient,
            format!(
                "the clock of the sender differs from that of the store ({code}): whoever runs Freehold has to correct it; the events are tried again"
            ),
        ),
        "SlowDown"
        | "ServiceUnavailable"
        | "RequestLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequests" => {
            (Throttled, format!("the store asks for fewer requests ({code}); it is tried again later by itself"))
        }
        "EntityTooLarge" => (Rejected, format!("the object is larger than the store accepts ({code})")),
        // Whatever else it is, it is not about these events: none of them is given up for it.
        _ => {
            let kind = if answer.by_status.kind() == Throttled { Throttled } else { Transient };
            (kind, format!("bucket {bucket} in {region} answered {code}: {}", text_of(answer)))
        }
    }
}

fn bucket_missing(target: &Target) -> String {
    format!("there is no bucket {} at {}: create it, or correct the name", target.bucket, target.origin.host)
}

fn wrong_region(code: &str, answer: &Answer<'_>, target: &Target) -> String {
    let found = answer.bucket_region.or_else(|| element(answer.body, "Region"));
    match found.filter(|found| *found != target.region) {
        Some(found) => format!(
            "the bucket {} is in region {found}, not {} ({code}): correct the region",
            target.bucket, target.region
        ),
        None => format!("the bucket {} is not in region {} ({code}): correct the region", target.bucket, target.region),
    }
}

/// The store's own words. The host bounds and scrubs every message.
fn text_of<'a>(answer: &Answer<'a>) -> &'a str {
    element(answer.body, "Message").unwrap_or("no reason given")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status_kind: ErrorKind, status_code: &str, body: &str, bucket_region: Option<&str>) -> Error {
        let target = crate::config::tests::target(
            r#"{"bucket":"logs","region":"eu-west-1","key_template":"events/{type}/{batch_id}"}"#,
        )
        .unwrap();
        let by_status = Error::new(status_kind, status_code, "by its status").with_request_sent(true);
        judge(Answer { body, bucket_region, by_status }, &target)
    }

    fn xml(code: &str) -> String {
        format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>Some reason</Message></Error>")
    }

    #[test]
    fn the_code_decides_the_kind() {
        use ErrorKind::{Auth, Config, Rejected, Throttled, Transient};
        for (code, kind) in [
            ("SignatureDoesNotMatch", Auth),
            ("InvalidAccessKeyId", Auth),
            ("NotSignedUp", Auth),
            ("ExpiredToken", Auth),
            ("InvalidToken", Auth),
            ("AccessDenied", Auth),
            ("NoSuchBucket", Config),
            ("PermanentRedirect", Config),
            ("AuthorizationHeaderMalformed", Config),
            ("IllegalLocationConstraintException", Config),
            ("KMS.NotFoundException", Config),
            ("RequestTimeTooSkewed", Transient),
            ("SlowDown", Throttled),
            ("ServiceUnavailable", Throttled),
            ("EntityTooLarge", Rejected),
            ("InternalError", Transient),
            ("SomethingNew", Transient),
        ] {
            assert_eq!(judged(Rejected, "http-400", &xml(code), None).kind(), kind, "{code}");
        }
    }

    #[test]
    fn a_wrong_region_is_answered_with_the_right_one() {
        let body = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>us-west-2</Region></Error>";

        let from_body = judged(ErrorKind::Rejected, "http-400", body, None);
        let from_header = judged(ErrorKind::Transient, "http-301", &xml("PermanentRedirect"), Some("ap-south-1"));

        assert!(from_body.message().contains("is in region us-west-2, not eu-west-1"), "{from_body}");
        assert!(from_header.message().contains("is in region ap-south-1"), "{from_header}");
    }

    #[test]
    fn a_denied_write_names_the_place_and_the_permission() {
        let error = judged(ErrorKind::Auth, "http-403", &xml("AccessDenied"), None);

        assert!(error.message().contains("logs/events/*"), "{error}");
        assert!(error.message().contains("s3:PutObject"), "{error}");
        assert_eq!(error.code(), "s3-access-denied");
    }

    #[test]
    fn without_a_code_the_status_decides() {
        for (kind, code, expected) in [
            (ErrorKind::Transient, "http-404", ErrorKind::Config),
            (ErrorKind::Rejected, "http-400", ErrorKind::Transient),
            (ErrorKind::Rejected, "http-413", ErrorKind::Rejected),
            (ErrorKind::Throttled, "http-503", ErrorKind::Throttled),
            (ErrorKind::Auth, "http-403", ErrorKind::Auth),
        ] {
            assert_eq!(judged(kind, code, "<html>Bad</html>", None).kind(), expected, "{code}");
        }
    }
}
