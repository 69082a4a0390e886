//! What does a refusal of Redis' mean for a delivery, and what is the customer told? Pure.

use freehold_sdk::{Error, ErrorKind};

/// Words of a server that are longer than this are cut.
const SAID_CHARS_MAX: usize = 300;

/// The error that a refusal is. Its first word says of what kind, as in `NOPERM this user has no permissions …`.
pub(crate) fn of(refusal: &str, stream: &str) -> Error {
    let said: String = refusal.chars().take(SAID_CHARS_MAX).collect();
    let first = refusal.split(' ').next().unwrap_or_default();
    let (kind, word, message) = meaning(first, &said, stream);
    let code = if word.is_empty() { format!("redis-{}", word_of(first)) } else { word.to_owned() };
    Error::new(kind, code, message).with_request_sent(true)
}

/// A key that is something else than a stream.
pub(crate) fn no_stream(stream: &str, what: &str) -> Error {
    let message = format!("the key {stream} is no stream, but a {what}: remove it, or correct `stream`");
    Error::config("not-a-stream", message).with_request_sent(true)
}

fn meaning(first: &str, said: &str, stream: &str) -> (ErrorKind, &'static str, String) {
    use ErrorKind::{Auth, Config, Other, Transient};
    match first {
        "NOAUTH" => {
            (Auth, "sign-in-refused", format!("the server asks for a password ({said}): save the credential with one"))
        }
        "WRONGPASS" => (
            Auth,
            "sign-in-refused",
            format!("the server does not accept this user name and password ({said}): save the right credential"),
        ),
        "NOPERM" => (
            Auth,
            "permission-denied",
            format!(
                "the user may not do what is needed for {stream} ({said}): allow it with ACL SETUSER, as the setup guide has it"
            ),
        ),
        "ERR" => plain(said),
        "DENIED" => (
            Config,
            "protected-mode",
            format!(
                "the server lets in nobody from elsewhere: give it a password, or switch its protected mode off ({said})"
            ),
        ),
        "WRONGTYPE" => {
            (Config, "not-a-stream", format!("the key {stream} is no stream ({said}): remove it, or correct `stream`"))
        }
        "MOVED" => (
            Config,
            "cluster-node",
            format!(
                "another node of the cluster keeps {stream} ({said}): name that node as `address`, or an endpoint that leads to the right node by itself"
            ),
        ),
        "CROSSSLOT" => {
            (Config, "", format!("the cluster keeps {stream} and what is remembered of it in different places: {said}"))
        }
        "OOM" => (
            Transient,
            "redis-oom",
            format!(
                "the server has no memory left ({said}): give it more, or set how many entries to keep. It is tried again by itself"
            ),
        ),
        "READONLY" => (
            Transient,
            "server-read-only",
            format!(
                "the server takes no writes at the moment ({said}); it is tried again by itself. If it is a replica, name the primary"
            ),
        ),
        "LOADING" | "BUSY" | "MISCONF" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "ASK" | "NOREPLICAS"
        | "UNBLOCKED" => {
            (Transient, "", format!("the server cannot do it at the moment ({said}); it is tried again by itself"))
        }
        _ => (Other, "", format!("the server answered {said}")),
    }
}

/// Most refusals have a word of their own; of the others, only the sentence says of what kind they are.
fn plain(said: &str) -> (ErrorKind, &'static str, String) {
    use ErrorKind::{Auth, Config, Other, Transient};
    let has = |part: &str| said.contains(part);
    // Before Redis 6, and where nobody has set a password.
    if has("no password is set") || has("without any password configured") {
        let message =
            format!("the server knows no passwords ({said}): save the credential without one, or set one there");
        (Auth, "sign-in-refused", message)
    } else if has("unauthenticated") {
        (Auth, "sign-in-refused", format!("the server asks for a password ({said}): save the credential with one"))
    } else if has("invalid password") {
        (Auth, "sign-in-refused", "the server does not accept this password: save the right credential".to_owned())
    } else if has("max number of clients") {
        (Transient, "too-many-connections", format!("{said}; it is tried again by itself"))
    } else if has("DB index") || has("SELECT is not allowed") {
        (Config, "database-missing", format!("the server has no such database ({said}): correct `database`"))
    } else if has("unknown command") {
        let message = format!("the server does not know a command that is needed ({said}): Redis 5 or newer is");
        (Config, "redis-too-old", message)
    } else {
        (Other, "", format!("the server answered {said}"))
    }
}

fn word_of(first: &str) -> String {
    first.chars().filter(char::is_ascii_alphanumeric).take(24).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_decides_what_is_done() {
        use ErrorKind::{Auth, Config, Other, Transient};
        for (refusal, kind, code) in [
            ("NOAUTH Authentication required.", Auth, "sign-in-refused"),
            ("WRONGPASS invalid username-password pair or user is disabled.", Auth, "sign-in-refused"),
            ("ERR invalid password", Auth, "sign-in-refused"),
            ("ERR Protocol error: unauthenticated multibulk length", Auth, "sign-in-refused"),
            ("ERR Client sent AUTH, but no password is set", Auth, "sign-in-refused"),
            (
                "ERR AUTH <password> called without any password configured for the default user. Are you sure?",
                Auth,
                "sign-in-refused",
            ),
            ("NOPERM this user has no permissions to run the 'xadd' command", Auth, "permission-denied"),
            ("OOM command not allowed when used memory > 'maxmemory'.", Transient, "redis-oom"),
            ("LOADING Redis is loading the dataset in memory", Transient, "redis-loading"),
            ("BUSY Redis is busy running a script.", Transient, "redis-busy"),
            ("MISCONF Redis is configured to save RDB snapshots", Transient, "redis-misconf"),
            ("READONLY You can't write against a read only replica.", Transient, "server-read-only"),
            ("ERR max number of clients reached", Transient, "too-many-connections"),
            ("CLUSTERDOWN The cluster is down", Transient, "redis-clusterdown"),
            ("MOVED 3999 127.0.0.1:6381", Config, "cluster-node"),
            ("CROSSSLOT Keys in request don't hash to the same slot", Config, "redis-crossslot"),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", Config, "not-a-stream"),
            ("ERR DB index is out of range", Config, "database-missing"),
            ("ERR unknown command 'XADD'", Config, "redis-too-old"),
            ("DENIED Redis is running in protected mode", Config, "protected-mode"),
            ("ERR something new", Other, "redis-err"),
            ("", Other, "redis-"),
        ] {
            let error = of(refusal, "events");

            assert_eq!((error.kind(), error.code()), (kind, code), "{refusal}");
            assert!(error.request_sent());
        }
    }

    #[test]
    fn long_words_of_the_server_are_cut() {
        assert!(of(&"ERR é".repeat(1000), "events").message().len() < 800);
    }
}
