//! What each hostile guest is given, and what must be on record afterwards.

use freehold_tests::spite::SpiteServer;
use serde_json::{Value, json};

/// One way to be hostile.
pub(super) struct Hostile {
    /// The guest.
    pub(super) guest: &'static str,
    /// What it does, where one guest knows several ways.
    pub(super) way: &'static str,
    /// The type of the event that sets it off.
    pub(super) event_type: &'static str,
    /// Where it is pointed at, on the spite server.
    pub(super) path: &'static str,
    /// What must be on record.
    pub(super) expect: Expect,
}

/// What must be on record.
pub(super) enum Expect {
    /// A failure with one of these codes.
    Code(&'static [&'static str]),
    /// A failure of this kind, whatever its code.
    Kind(&'static str),
    /// It delivers, and what it logged is bounded and harmless.
    Delivered,
}

use Expect::{Code, Delivered, Kind};

const fn on(guest: &'static str, expect: Expect) -> Hostile {
    Hostile { guest, way: "", event_type: "order.made", path: "/", expect }
}

const fn by(guest: &'static str, event_type: &'static str, expect: Expect) -> Hostile {
    Hostile { guest, way: event_type, event_type, path: "/", expect }
}

const fn at(guest: &'static str, path: &'static str, expect: Expect) -> Hostile {
    Hostile { guest, way: path, event_type: "order.made", path, expect }
}

const CPU: Expect = Code(&["plugin-cpu-limit"]);
const BROKEN: Expect = Code(&["plugin-broken-contract", "plugin-trap", "plugin-wrong-answer"]);

/// All of them, but for the ones that are refused at install.
pub(super) const ALL: [Hostile; 47] = [
    on("endless-loop", CPU),
    on("endless-open", CPU),
    on("hostcall-loop", CPU),
    on("endless-wait", Code(&["plugin-timeout"])),
    on("memory-growth", Code(&["plugin-memory-limit"])),
    on("table-growth", Code(&["table-limit", "plugin-table-limit"])),
    on("deep-recursion", Code(&["plugin-stack-limit"])),
    on("trap-in-open", Code(&["plugin-trap"])),
    on("trap-in-deliver", Code(&["plugin-trap"])),
    by("trap-on-poison-event", "test.poison", Code(&["plugin-trap"])),
    on("huge-result", Code(&["plugin-answer-too-large", "plugin-memory-limit", "huge"])),
    by("malformed-result", "test.utf8", BROKEN),
    by("malformed-result", "test.discriminant", BROKEN),
    by("malformed-result", "test.kind", BROKEN),
    by("malformed-result", "test.pointer", BROKEN),
    by("malformed-result", "test.unaligned", BROKEN),
    by("wrong-length", "test.long", Code(&["plugin-wrong-answer"])),
    by("wrong-length", "test.short", Code(&["plugin-wrong-answer"])),
    on("log-flood", Delivered),
    on("log-control-characters", Delivered),
    on("other-host", Kind("egress-denied")),
    on("ip-literal", Kind("egress-denied")),
    at("redirect-follower", "/redirect", Kind("egress-denied")),
    on("header-injection", Kind("config")),
    on("too-many-requests", Code(&["plugin-handle-limit", "plugin-request-limit"])),
    at("big-response", "/gigabyte", Kind("transient")),
    at("big-response", "/trickle", Kind("transient")),
    at("big-response", "/bomb", Kind("transient")),
    by("undeclared-field", "test.secret", Code(&["plugin-undeclared-field"])),
    by("undeclared-field", "test.text", Code(&["plugin-undeclared-field"])),
    on("prefix-guesser", Code(&["plugin-undeclared-prefix"])),
    by("member-reader", "test.field", Code(&["plugin-undeclared-member"])),
    by("member-reader", "test.sealed", Code(&["plugin-undeclared-member"])),
    by("member-reader", "test.seal", Code(&["plugin-seal-limit"])),
    by("stream-elsewhere", "test.metadata", Kind("egress-denied")),
    by("stream-elsewhere", "test.port", Kind("egress-denied")),
    by("stream-elsewhere", "test.scheme", Kind("egress-denied")),
    by("stream-elsewhere", "test.http", Kind("egress-denied")),
    on("stream-flood", Code(&["plugin-request-limit"])),
    by("stream-clear", "test.secret", Code(&["stream-secret-in-clear"])),
    by("stream-clear", "test.long", Code(&["stream-clear-limit"])),
    by("stream-reader", "test.endless", Code(&["plugin-cpu-limit", "plugin-timeout"])),
    by("stream-reader", "test.trickle", Code(&["plugin-timeout"])),
    by("stream-reader", "test.huge", Code(&["stream-read-too-large"])),
    on("handle-flood", Code(&["plugin-handle-limit"])),
    on("random-flood", Code(&["plugin-random-limit"])),
    on("scripted", Delivered),
];

/// What every hostile destination has as its secret.
pub(super) const SECRET: &str = r#"{"public":"known","private":"a-secret-of-the-evil-customer"}"#;

/// Refused at install, and what the refusal must name.
pub(super) const REFUSED: [(&str, &str); 2] =
    [("unknown-import", "freehold:evil/thing"), ("wasi-import", "wasi:cli/environment")];

impl Hostile {
    /// What people call the case.
    pub(super) fn name(&self) -> String {
        if self.way.is_empty() { self.guest.to_owned() } else { format!("{}, {}", self.guest, self.way) }
    }

    /// The body of its destination. It is tried again a few times at once and then given up on.
    pub(super) fn destination(&self, spite: &SpiteServer) -> Value {
        json!({
            "type": self.guest,
            "name": self.name(),
            "config": { "url": spite.at(self.path), "stream": spite.stream().address() },
            "credential": { "secret": SECRET },
            "settings": { "retry": { "base_ms": 20, "cap_ms": 50, "give_up_after_ms": 500 } },
        })
    }

    /// Whether `attempt` is as it must be; a word on how it is.
    pub(super) fn judge(&self, attempt: &Value) -> (bool, String) {
        let failure = &attempt["failure"];
        let (kind, code) = (failure["kind"].as_str().unwrap_or("-"), failure["code"].as_str().unwrap_or("-"));
        let said = if failure.is_null() {
            format!("{}, {} log lines dropped", attempt["state"].as_str().unwrap_or("-"), attempt["log_lines_dropped"])
        } else {
            format!("{kind}: {code}: {}", failure["message"].as_str().unwrap_or_default())
        };
        let is_so = match &self.expect {
            Code(codes) => codes.contains(&code),
            Kind(expected) => *expected == kind,
            Delivered => attempt["state"] == "delivered" && log_is_harmless(attempt),
        };
        (is_so && code != "escaped", said)
    }
}

/// Few lines, short ones, without a character that could deceive their reader.
fn log_is_harmless(attempt: &Value) -> bool {
    let lines: Vec<&str> =
        attempt["log"].as_array().into_iter().flatten().filter_map(|l| l["message"].as_str()).collect();
    let deceives = |c: char| {
        c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
    };
    lines.len() <= 200 && lines.iter().all(|line| line.len() <= 4_096 && !line.chars().any(deceives))
}
