//! Judges what Google answered, by the reason in its JSON and then by the status. Pure.

use freehold_sdk::{Error, ErrorKind};
use serde_json::Value;

/// Characters kept of Google's own words.
const WORDS_CHARS_MAX: usize = 300;

/// What an answer other than 2xx says.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
    /// What the status alone means.
    pub(crate) by_status: Error,
}

/// Whether a 412 says that there is such an object. What an organisation's policy does not allow has the same status and the
/// same reason, and only its words tell the two apart
/// (<https://cloud.google.com/storage/docs/json_api/v1/status-codes#412_Precondition_Failed>).
pub(crate) fn is_there_already(body: &[u8]) -> bool {
    let said = String::from_utf8_lossy(body).to_ascii_lowercase();
    (said.contains("pre-condition") || said.contains("precondition failed")) && !said.contains("constraint")
}

pub(crate) fn judge(answer: Answer<'_>, bucket: &str, principal: &str) -> Error {
    use ErrorKind::{Auth, Config, Rejected, Throttled, Transient};
    let json: Value = serde_json::from_slice(answer.body).unwrap_or_default();
    let error = &json["error"];
    let reason = error["errors"][0]["reason"].as_str().unwrap_or_default();
    let words: String = error["message"].as_str().unwrap_or("no reason given").chars().take(WORDS_CHARS_MAX).collect();
    let (kind, code, advice) = match (answer.status, reason) {
        (401, _) => (
            Auth,
            "token-refused",
            format!("Google does not accept the token of {principal}: save the credential again"),
        ),
        (403 | 429, "rateLimitExceeded" | "userRateLimitExceeded" | "quotaExceeded") | (429, _) => {
            (Throttled, "rate-limit", "Google asks for fewer requests; it is tried again later by itself".to_owned())
        }
        (403, "accountDisabled" | "billingNotEnabled" | "UserProjectAccountProblem") => {
            (Config, "billing", format!("the project of the bucket {bucket} cannot be used: look at its billing"))
        }
        (403, "retentionPolicyNotMet") => {
            (Transient, "retention", "an object is held by the bucket's retention policy; it is tried again".to_owned())
        }
        (403, _) => (
            Auth,
            "write-denied",
            format!("{principal} may not write to the bucket {bucket}: grant it roles/storage.objectCreator there"),
        ),
        (404, _) => (Config, "bucket-missing", format!("there is no bucket {bucket}: create it, or correct the name")),
        (412, _) => (
            Config,
            "policy-violated",
            format!(
                "a policy of the organisation or the bucket {bucket} does not allow such objects: change it, or the object's form"
            ),
        ),
        (413, _) => (Rejected, "object-too-large", "the object is larger than Google accepts".to_owned()),
        (400, "invalid") if words.to_ascii_lowercase().contains("bucket") => {
            (Config, "bucket-invalid", format!("`{bucket}` is not a valid name for a bucket: correct it"))
        }
        // Whatever else it is, it is not about these events: none of them is given up for it.
        (400..500, _) => (Transient, "refused", format!("Google answered {}; it is tried again", answer.status)),
        _ => return answer.by_status,
    };
    Error::new(kind, code, format!("{advice}; it says: {words}"))
        .with_retry_after(answer.by_status.retry_after())
        .with_request_sent(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, reason: &str) -> Error {
        let body =
            format!(r#"{{"error":{{"code":{status},"message":"Some words","errors":[{{"reason":"{reason}"}}]}}}}"#);
        let by_status = Error::transient(format!("http-{status}"), "by its status").with_request_sent(true);
        judge(Answer { status, body: body.as_bytes(), by_status }, "logs", "w@acme.iam.gserviceaccount.com")
    }

    #[test]
    fn only_a_condition_of_ours_means_that_the_object_is_there() {
        let google = br#"{"error":{"code":412,"message":"At least one of the pre-conditions you specified did not hold.","errors":[{"reason":"conditionNotMet"}]}}"#;
        let policy = br#"{"error":{"code":412,"message":"Request violates constraint 'constraints/gcp.restrictNonCmekServices'","errors":[{"reason":"conditionNotMet"}]}}"#;

        assert!(is_there_already(google));
        assert!(is_there_already(b"Precondition Failed"));
        assert!(!is_there_already(policy));
        assert!(!is_there_already(b""));
    }

    #[test]
    fn status_and_reason_decide_the_kind() {
        use ErrorKind::{Auth, Config, Rejected, Throttled, Transient};
        for (status, reason, kind) in [
            (401, "authError", Auth),
            (403, "forbidden", Auth),
            (403, "rateLimitExceeded", Throttled),
            (403, "accountDisabled", Config),
            (404, "notFound", Config),
            (412, "conditionNotMet", Config),
            (413, "uploadTooLarge", Rejected),
            (429, "rateLimitExceeded", Throttled),
            (400, "invalid", Transient),
            (409, "conflict", Transient),
            (503, "backendError", Transient),
        ] {
            assert_eq!(judged(status, reason).kind(), kind, "{status} {reason}");
        }
    }

    #[test]
    fn a_denied_write_names_who_and_what_is_needed() {
        let error = judged(403, "forbidden");

        for part in ["w@acme.iam.gserviceaccount.com", "bucket logs", "roles/storage.objectCreator"] {
            assert!(error.message().contains(part), "{error}");
        }
    }

    #[test]
    fn what_is_not_googles_gives_up_on_no_event() {
        let by_status = Error::rejected("http-400", "by its status");

        let error = judge(Answer { status: 400, body: b"<html>", by_status }, "logs", "w");

        assert_eq!(error.kind(), ErrorKind::Transient);
    }
}
