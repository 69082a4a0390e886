//! What guests do that mean no good, and what must then happen. Each guest is a folder beside this one.
//!
//! All of them take the config `{"url"?, "stream"?, "marker"?}`, may reach `{url}` and, as a byte stream under any scheme,
//! `{stream}` (host and port) only, and know the credential fields `secret` (sealed; its JSON member `public` may be read) and
//! `user` (text), both optional. What is not mentioned works: `open` and `verify` succeed. In every case the host goes on,
//! the attempt says why it failed, and other customers notice nothing.
//!
//! Guests that try to get out answer for all events alike: with the host's refusal as it came, or with an error of the code
//! **`escaped`** when nobody stopped them. That code must never be seen.
//!
//! | guest | what it does | what must happen |
//! |---|---|---|
//! | `endless-loop` | loops for ever in `deliver` | the CPU budget ends the instance |
//! | `endless-open` | loops for ever in `open` | the same |
//! | `hostcall-loop` | asks for the time for ever | the same: calls to the host do not renew the budget |
//! | `endless-wait` | waits for ever | the instance ends when the time of its call is up |
//! | `memory-growth` | takes memory, a MiB at a time, for ever | the instance ends at its memory limit |
//! | `table-growth` | grows its table until refused | refused at the limit: answers `table-limit`, or ends |
//! | `deep-recursion` | calls itself without end | the instance ends by a stack overflow; the host's stack is untouched |
//! | `trap-in-open` | panics in `open` | the attempt fails before anything is delivered |
//! | `trap-in-deliver` | panics in `deliver` | the instance ends; a retry gets a new one |
//! | `trap-on-poison-event` | panics when an event of the type `test.poison` is in the batch | the others are delivered in the end |
//! | `huge-result` | answers with an error message of 48 MiB, or of 512 MiB if the first event's type is `test.huger` | refused or cut; the instance ends at its memory limit for the latter |
//! | `malformed-result` | answers against the canonical ABI, as the first event's type says: `test.utf8` (the default), `test.discriminant`, `test.kind`, `test.pointer`, `test.unaligned` | the instance ends |
//! | `wrong-length` | answers with one outcome too many, or too few if the first event's type is `test.short` | counts as a failure of the plugin |
//! | `log-flood` | logs 100,000 lines of 10 KiB, then delivers | delivered; the lines are bounded |
//! | `log-control-characters` | logs line breaks, escape sequences, direction marks and forged lines, then delivers | delivered; the characters are made visible |
//! | `other-host` | requests the `url` in the event's data, by default `https://example.org/` | `egress-denied` |
//! | `ip-literal` | the same, by default `http://169.254.169.254/latest/meta-data/` | `egress-denied` |
//! | `redirect-follower` | requests the config's `url` and then whatever its `location` header names | `egress-denied` for the second |
//! | `header-injection` | requests the config's `url` with line breaks in headers, URL and method, and with headers that are the host's | an error of kind `config`; nothing arrives |
//! | `too-many-requests` | hands 10,000 requests to `send-all`, or sends them one by one if the first event's type is `test.piecemeal` | the instance ends, or the requests are bounded |
//! | `big-response` | reads what the config's `url` answers: a GiB, a byte a second, a gzip bomb | the exchange fails at the limit; answers `escaped` above 64 MiB |
//! | `undeclared-field` | asks for a credential field that its manifest does not have | the instance ends |
//! | `prefix-guesser` | guesses a secret byte by byte through `without-prefix` | the instance ends at the first guess |
//! | `handle-flood` | makes requests with a secret without end and sends none | the instance ends at its handle limit |
//! | `random-flood` | asks for 1 GiB of random bytes | the instance ends |
//! | `member-reader` | reads a JSON member of its secret that its manifest does not list; with `test.sealed`, one that it lists, of bytes that it sealed itself; with `test.seal`, seals 1 MiB | the instance ends |
//! | `stream-elsewhere` | opens a byte stream to where it may not, by the first event's type: `test.metadata`, `test.port`, `test.scheme`, `test.http` (its own `url` as a stream) | `egress-denied` |
//! | `stream-flood` | opens streams to `stream` without end and keeps them | 64 are open at most; the instance ends at its request limit |
//! | `stream-clear` | writes its secret before TLS; with `test.long`, a MiB that is no secret | an error; neither arrives |
//! | `stream-reader` | reads from `stream` without end (`test.endless`, `test.trickle`), or 4 GiB at once (`test.huge`) | the instance ends by CPU or time; an error |
//! | `unknown-import` | imports `freehold:evil/thing` | refused at install, with the name of the import |
//! | `wasi-import` | imports `wasi:cli/environment` | refused at install, with advice |
//! | `leaker` | reads its secret by `reveal`, and tells it in its log and its error, plain, in hex and in base64 | the secret appears nowhere |
//! | `echo-leaker` | sends its sealed secret to the config's `url`, and tells what comes back | the secret appears nowhere |
//! | `memory-reader` | searches its memory, at start, for the bytes that the config's `marker` gives in hex; answers `marker-found` | not found: an instance's memory holds nothing of another one. (That it does search is seen with the marker `6d61726b65722d666f756e64`, a text of its own.) |
//! | `stream-talker` | behaves: tells its secret over a byte stream, and logs what comes back (see its source) | delivered; the secret is blotted out |
//! | `scripted` | behaves: each event's type says what becomes of it (see its source) | just that |

use freehold_sdk::http::Request;
use freehold_sdk::{Batch, Error, Outcome};

/// Not for guests: what [`guest!`] expands to needs it.
#[doc(hidden)]
pub use freehold_sdk;

/// The config of every guest.
#[derive(Debug, Default, serde::Deserialize)]
pub struct Config {
    /// The one address that may be reached.
    pub url: Option<String>,
    /// Host and port of the one byte stream that may be opened.
    pub stream: Option<String>,
    /// Bytes in hex.
    pub marker: Option<String>,
}

impl Config {
    /// The address, or an error that says that it is missing.
    pub fn url(&self) -> Result<&str, Error> {
        self.url.as_deref().ok_or_else(|| Error::config("url-missing", "this guest needs a url in its config"))
    }

    /// The byte stream under `scheme`, or an error that says that it is missing.
    pub fn stream(&self, scheme: &str) -> Result<String, Error> {
        let stream = self.stream.as_deref();
        let stream =
            stream.ok_or_else(|| Error::config("stream-missing", "this guest needs a stream in its config"))?;
        Ok(format!("{scheme}://{stream}"))
    }
}

/// Makes a guest of the function `deliver(&Config, Batch) -> Result<Vec<Outcome>, Error>` and, if it is given, of
/// `open(&Config) -> Result<(), Error>`.
#[macro_export]
macro_rules! guest {
    ($name:literal) => {
        $crate::guest!($name, open = |_| Ok(()), reveal = "false");
    };
    ($name:literal, open = $open:expr) => {
        $crate::guest!($name, open = $open, reveal = "false");
    };
    ($name:literal, open = $open:expr, reveal = $reveal:literal) => {
        struct Guest($crate::Config);

        impl $crate::freehold_sdk::Sink for Guest {
            type Config = $crate::Config;

            fn open(config: $crate::Config) -> Result<Self, $crate::freehold_sdk::Error> {
                let open: fn(&$crate::Config) -> Result<(), $crate::freehold_sdk::Error> = $open;
                open(&config)?;
                Ok(Guest(config))
            }

            fn deliver(
                &mut self,
                batch: $crate::freehold_sdk::Batch,
            ) -> Result<Vec<$crate::freehold_sdk::Outcome>, $crate::freehold_sdk::Error> {
                deliver(&self.0, batch)
            }

            fn verify(&mut self) -> Result<(), $crate::freehold_sdk::Error> {
                Ok(())
            }
        }

        $crate::freehold_sdk::export!(Guest, manifest_json = $crate::manifest!($name, $reveal));
    };
}

/// The manifest of a guest.
#[macro_export]
macro_rules! manifest {
    ($name:literal, $reveal:literal) => {
        concat!(
            r#"{"name":""#,
            $name,
            r#"","version":"0.1.0","label":""#,
            $name,
            r#"","description":"A guest for tests of the sandbox. Not for use."#,
            r#"","config":{"type":"object","additionalProperties":false,"properties":{"url":{"type":"string"},"stream":{"type":"string"},"marker":{"type":"string"}}}"#,
            r#","credential":{"type":"object","additionalProperties":false,"properties":{"secret":{"type":"string","writeOnly":true,"x-public-members":["public"]},"user":{"type":"string"}}}"#,
            r#","endpoints":["{url}","tls://{stream}","starttls://{stream}","tcp://{stream}"],"batch":{"events":100,"bytes":1048576,"age_ms":0},"concurrency":4,"ordering":"none","reveal":"#,
            $reveal,
            r#","fresh":false}"#
        )
    };
}

/// Says of every event that it was delivered.
pub fn delivered(batch: &Batch) -> Vec<Outcome> {
    batch.events.iter().map(|_| Ok(())).collect()
}

/// What a guest reports that was not stopped.
pub fn escaped(what: impl std::fmt::Display) -> Error {
    Error::rejected("escaped", format!("nobody stopped this guest: {what}"))
}

/// Requests `url`, which ought to be refused: the refusal as it came, or [`escaped`].
pub fn must_be_refused(url: &str) -> Error {
    match Request::get(url).send() {
        Ok(answer) => escaped(format_args!("{url} answered {}", answer.status())),
        Err(refusal) => refusal,
    }
}

/// The `url` in the data of the batch's first event.
pub fn url_of(batch: &Batch) -> Option<String> {
    let data: serde_json::Value = serde_json::from_slice(&batch.events.first()?.data).ok()?;
    Some(data.get("url")?.as_str()?.to_owned())
}

/// The type of the batch's first event.
pub fn first_type(batch: &Batch) -> &str {
    batch.events.first().map_or("", |event| event.event_type.as_str())
}
