//! What does a refusal mean for a delivery, and what is the customer told? Pure.

use freehold_sdk::{Error, ErrorKind};

use crate::wire::StreamError;

/// Words of a server that are longer than this are cut.
const SAID_CHARS_MAX: usize = 300;

/// The error that a server's `-ERR` is.
pub(crate) fn of_server(said: &str) -> Error {
    use ErrorKind::{Auth, Config, Other, Transient};
    let said: String = said.chars().take(SAID_CHARS_MAX).collect();
    let lower = said.to_ascii_lowercase();
    let has = |part: &str| lower.contains(part);
    let (kind, code, message) = if has("permissions violation for subscription") {
        (
            Auth,
            "permission-denied",
            format!(
                "the user may not hear whether messages arrived ({said}): allow it to subscribe to _INBOX.>, or set `inbox_prefix` to where it may"
            ),
        )
    } else if has("permissions violation") {
        (
            Auth,
            "permission-denied",
            format!("the user may not publish there ({said}): allow it to publish to the subject"),
        )
    } else if has("authentication timeout") {
        (
            Transient,
            "stream-closed",
            format!("the server did not wait for the sign-in ({said}); it is tried again by itself"),
        )
    } else if has("authorization violation") || has("authentication") || has("user not found") {
        (Auth, "sign-in-refused", format!("the server does not accept this credential ({said}): save the right one"))
    } else if has("maximum connections") || has("maximum account active connections") {
        (
            Transient,
            "too-many-connections",
            format!("the server has no connection left ({said}); it is tried again by itself"),
        )
    } else if has("tls required") || has("attempted to connect to") {
        (
            Config,
            "wrong-port",
            format!("the server does not want to be spoken to like this ({said}): compare port and security"),
        )
    } else if has("maximum payload") {
        // The next connection hears of the limit that counts.
        (Transient, "stream-closed", format!("the server's limit has changed ({said}); it is tried again by itself"))
    } else if has("stale connection") || has("slow consumer") || has("server shutdown") || has("connection throttling")
    {
        (Transient, "stream-closed", format!("the server ended the connection ({said}); it is tried again by itself"))
    } else {
        (Other, "nats-err", format!("the server answered {said}"))
    };
    Error::new(kind, code, message).with_request_sent(true)
}

/// The subject that a server does not let the user publish to, if that is what it says.
pub(crate) fn denied_subject(said: &str) -> Option<&str> {
    let rest = said.split_once("Permissions Violation for Publish to ")?.1;
    Some(rest.trim_matches(['"', '\'']))
}

/// The error that a stream's answer is.
pub(crate) fn of_stream(error: &StreamError, subject: &str) -> Error {
    use ErrorKind::{Config, Other, Rejected, Transient};
    let said: String = error.description.chars().take(SAID_CHARS_MAX).collect();
    let (kind, word, message) = match (error.err_code, error.code) {
        (10_054 | 10_097, _) => (
            Rejected,
            "message-too-large",
            format!(
                "the stream does not take a message this large ({said}): raise its max_msg_size if such events matter"
            ),
        ),
        (10_060, _) => (
            Config,
            "other-stream",
            format!("another stream than the one that `stream` names takes {subject} ({said}): correct one of them"),
        ),
        (10_039 | 10_076, _) => (
            Config,
            "jetstream-off",
            format!("JetStream is not switched on there ({said}): switch it on for the server and the account"),
        ),
        (10_109, _) => (
            Config,
            "stream-sealed",
            format!("the stream is sealed and takes no messages any more ({said}): correct `subject`"),
        ),
        (10_077, _) => (
            Transient,
            "stream-full",
            format!(
                "the stream is full and does not let old messages go ({said}): raise its limits, or set its discard policy to old. It is tried again by itself"
            ),
        ),
        (10_047 | 10_023 | 10_002 | 10_025, _) => (
            Transient,
            "jetstream-full",
            format!("the server has no room left for streams ({said}); it is tried again by itself"),
        ),
        (_, 408 | 429 | 500..) => (
            Transient,
            "",
            format!("the stream cannot take messages at the moment ({said}); it is tried again by itself"),
        ),
        _ => (Other, "", format!("the stream did not take the message for {subject}: {said}")),
    };
    let code = if word.is_empty() { format!("nats-{}", error.err_code) } else { word.to_owned() };
    Error::new(kind, code, message).with_request_sent(true)
}

/// Nobody hears messages for this subject.
pub(crate) fn no_stream(subject: &str) -> Error {
    let message = format!(
        "no stream takes {subject}: add one, as with `nats stream add EVENTS --subjects 'events.>' --dupe-window 24h --defaults`, or correct `subject`"
    );
    Error::config("stream-missing", message).with_request_sent(true)
}

/// An event that is larger than the server takes.
pub(crate) fn too_large(bytes: usize, max: usize) -> Error {
    let message = format!(
        "the message has {bytes} bytes, and the server takes {max}: raise its max_payload if such events matter"
    );
    Error::rejected("message-too-large", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_server_decide_what_is_done() {
        use ErrorKind::{Auth, Config, Other, Transient};
        for (said, kind, code) in [
            ("Authorization Violation", Auth, "sign-in-refused"),
            ("User Authentication Expired", Auth, "sign-in-refused"),
            ("User Authentication Revoked", Auth, "sign-in-refused"),
            ("Authentication Timeout", Transient, "stream-closed"),
            ("Maximum Payload Violation", Transient, "stream-closed"),
            ("Permissions Violation for Publish to \"a\"", Auth, "permission-denied"),
            ("Permissions Violation for Subscription to \"_INBOX.a.*\"", Auth, "permission-denied"),
            ("maximum connections exceeded", Transient, "too-many-connections"),
            ("Secure Connection - TLS Required", Config, "wrong-port"),
            ("attempted to connect to route port", Config, "wrong-port"),
            ("Stale Connection", Transient, "stream-closed"),
            ("Unknown Protocol Operation", Other, "nats-err"),
        ] {
            let error = of_server(said);

            assert_eq!((error.kind(), error.code()), (kind, code), "{said}");
        }
        assert_eq!(denied_subject("Permissions Violation for Publish to \"events.a\""), Some("events.a"));
        assert_eq!(denied_subject("Authorization Violation"), None);
    }

    #[test]
    fn codes_of_a_stream_decide_what_is_done() {
        use ErrorKind::{Config, Other, Rejected, Transient};
        for (err_code, code, kind, word) in [
            (10_054, 400, Rejected, "message-too-large"),
            (10_060, 400, Config, "other-stream"),
            (10_039, 503, Config, "jetstream-off"),
            (10_109, 400, Config, "stream-sealed"),
            (10_077, 503, Transient, "stream-full"),
            (10_023, 503, Transient, "jetstream-full"),
            (10_008, 503, Transient, "nats-10008"),
            (10_999, 400, Other, "nats-10999"),
        ] {
            let error = of_stream(&StreamError { code, err_code, description: "no".into() }, "events.a");

            assert_eq!((error.kind(), error.code()), (kind, word), "{err_code}");
            assert!(error.request_sent());
        }
    }
}
