//! What does the author of a type say about the other side? The script, `conformance.json`, as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::fault::Fault;
use super::received::Received;

/// What the kit is told about a type beside its manifest. Everything may be left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// For people.
    pub about: Option<String>,
    /// Configs that work, with their credentials, beside those of the manifest.
    pub examples: Vec<ScriptExample>,
    /// Configs and credentials that must be refused.
    pub broken: Vec<Broken>,
    /// How the other side answers: the first that fits. What none fits is answered with 200 and `{}`.
    pub answers: Vec<Rule>,
    /// By fault: how the other side words it, and what the type makes of it when that is not the usual.
    pub faults: BTreeMap<String, FaultRule>,
    /// How a batch that comes twice is recognised.
    pub retry: Retry,
    /// What of a check of the connection does no harm.
    pub verify: Verify,
    /// What is left out of comparisons although the same call is made twice.
    pub varies: Vec<String>,
    /// Whether the data of events can be found in what is sent. Not so where they are encrypted, or compressed in other ways
    /// than gzip.
    pub readable: Option<bool>,
    /// Examples with which that is so, by their names, each with the reason.
    pub unreadable: BTreeMap<String, String>,
    /// Why the data of events is sent, but not whole: it is shortened or rounded, such as in messages for people.
    pub lossy: Option<String>,
    /// Real servers that the kit passes through to, by `host:port` as a config names them.
    pub relay: BTreeMap<String, String>,
    /// Checks that do not apply to the type, with the reason.
    pub skip: BTreeMap<String, String>,
}

/// A config that works, with its credential.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptExample {
    /// What it shows, in a word or two.
    pub name: String,
    /// The config.
    pub config: Value,
    /// The credential.
    #[serde(default)]
    pub credential: Value,
}

/// What must be refused: changes to an example, as JSON merge patches (RFC 7396).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broken {
    /// The field that the refusal has to name.
    pub field: String,
    /// What is changed in the config.
    #[serde(default)]
    pub config: Option<Value>,
    /// What is changed in the credential.
    #[serde(default)]
    pub credential: Option<Value>,
    /// The example that is changed, counted from 1, those of the manifest first.
    #[serde(default = "first")]
    pub example: usize,
}

fn first() -> usize {
    1
}

/// Which requests are answered how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The method; any when left out.
    #[serde(default)]
    pub method: Option<String>,
    /// The host, with `*` for any number of characters; any when left out.
    #[serde(default)]
    pub host: Option<String>,
    /// The path, with `*` for any number of characters; any when left out.
    #[serde(default)]
    pub path: Option<String>,
    /// Headers of the request, with `*` for any number of characters.
    #[serde(default)]
    pub if_header: BTreeMap<String, String>,
    /// The request's body, with `*` for any number of characters.
    #[serde(default)]
    pub if_body: Option<String>,
    /// Whether such requests are only preparation, such as signing in: they are answered well whatever fault is tried, and
    /// nobody takes them for a delivery.
    #[serde(default)]
    pub setup: bool,
    /// The answer's status; 200 when left out.
    #[serde(default)]
    pub status: Option<u16>,
    /// The answer's headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The answer's body, as in [`Answer::body`].
    #[serde(default)]
    pub body: Option<Value>,
    /// The body when one item of the request is refused and the others are taken. `$refused_item` in it stands for that item.
    #[serde(default)]
    pub refused_body: Option<Value>,
}

/// An answer. Texts in it may hold what came in the request: `${path}`, `${body /id}` and so on.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The status; 200, or that of the fault, when left out.
    #[serde(default)]
    pub status: Option<u16>,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body: a text as it is, anything else as JSON. `{}` when left out.
    #[serde(default)]
    pub body: Option<Value>,
}

/// What a type makes of one fault.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultRule {
    /// How the other side words it. Its status may be another one: AWS says 400 where others say 401.
    pub answer: Option<Answer>,
    /// The outcomes that are right: `delivered`, or kinds of errors.
    pub kinds: Option<Vec<String>>,
    /// Why they differ from the usual.
    pub why: Option<String>,
}

/// How a batch that comes twice is recognised.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Headers that must be the same in both, beside the usual ones.
    pub ids: Vec<String>,
    /// What may differ between the two: `header NAME`, `query NAME` or `body /pointer`.
    pub varies: Vec<String>,
}

/// What of a check of the connection does no harm.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Verify {
    /// Texts by which whoever finds what was written knows that it is a test.
    pub marks: Vec<String>,
    /// Requests that change nothing although their method is not GET.
    pub harmless: Vec<Matching>,
    /// Requests that undo what was written, beside DELETE of the same path.
    pub undone_by: Vec<Matching>,
}

/// Some requests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matching {
    /// The method; any when left out.
    #[serde(default)]
    pub method: Option<String>,
    /// The path, with `*` for any number of characters.
    pub path: String,
    /// Values in the query, with `*` for any number of characters.
    #[serde(default)]
    pub if_query: BTreeMap<String, String>,
    /// The body, with `*` for any number of characters.
    #[serde(default)]
    pub if_body: Option<String>,
}

/// Why a script cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum InvalidScript {
    /// It is not what a script is.
    #[error("not a script: {0}")]
    Json(#[from] serde_json::Error),
    /// It speaks of something that does not exist.
    #[error("{0}")]
    Meaning(String),
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Script, InvalidScript> {
        let script: Script = serde_json::from_str(text)?;
        script.check()?;
        Ok(script)
    }

    fn check(&self) -> Result<(), InvalidScript> {
        let meaning = |text: String| Err(InvalidScript::Meaning(text));
        for (name, rule) in &self.faults {
            if Fault::named(name).is_none() {
                let known: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
                return meaning(format!("`faults` names `{name}`: there are {}", known.join(", ")));
            }
            let Some(kinds) = &rule.kinds else { continue };
            if let Some(kind) = kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
                return meaning(format!("`faults` has the kind `{kind}` for {name}: there are {}", KINDS.join(", ")));
            }
            if rule.why.as_ref().is_none_or(|why| why.trim().is_empty()) {
                return meaning(format!("`faults` differs from the usual for {name} and gives no `why`"));
            }
        }
        if self.answers.iter().filter_map(|rule| rule.refused_body.as_ref()).any(|body| !names_refused(body)) {
            return meaning("`answers` has a `refused_body` without a `$refused_item`".into());
        }
        let varying = self.varies.iter().chain(&self.retry.varies);
        for part in varying {
            let known = ["header ", "query ", "body /"].iter().any(|start| part.starts_with(start)) || part == "body";
            if !known {
                return meaning(format!("`varies` has `{part}`: write `header NAME`, `query NAME` or `body /pointer`"));
            }
        }
        if let Some((name, _)) = self.unreadable.iter().find(|(_, reason)| reason.trim().is_empty()) {
            return meaning(format!("`unreadable` has the example `{name}` and gives no reason"));
        }
        if self.lossy.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
            return meaning("`lossy` gives no reason".into());
        }
        if let Some((name, _)) = self.skip.iter().find(|(_, reason)| reason.trim().is_empty()) {
            return meaning(format!("`skip` leaves out `{name}` and gives no reason"));
        }
        Ok(())
    }

    /// The rule for a request, if one fits.
    pub(crate) fn rule(&self, request: &Received) -> Option<&Rule> {
        self.answers.iter().find(|rule| rule.covers(request))
    }
}

impl Rule {
    fn covers(&self, request: &Received) -> bool {
        let fits = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| is_like(wanted, found));
        let has = |(name, wanted): (&String, &String)| request.header(name).is_some_and(|value| is_like(wanted, value));
        self.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(&request.method))
            && fits(&self.host, &request.host)
            && fits(&self.path, &request.path)
            && self.if_header.iter().all(has)
            && (self.if_body.is_none() || fits(&self.if_body, &String::from_utf8_lossy(&request.body)))
    }

    /// The answer.
    pub(crate) fn answer(&self) -> Answer {
        Answer { status: self.status, headers: self.headers.clone(), body: self.body.clone() }
    }

    /// The answer when one item is refused, if the other side refuses single items at all.
    pub(crate) fn refusing(&self) -> Option<Answer> {
        let body = self.refused_body.clone()?;
        Some(Answer { body: Some(body), ..self.answer() })
    }
}

fn names_refused(body: &Value) -> bool {
    match body {
        Value::Object(members) => members.contains_key("$refused_item") || members.values().any(names_refused),
        Value::Array(items) => items.iter().any(names_refused),
        _ => false,
    }
}

impl Matching {
    /// Whether it is one of these.
    pub(crate) fn covers(&self, request: &Received) -> bool {
        let body = || String::from_utf8_lossy(&request.body).into_owned();
        let has =
            |(name, wanted): (&String, &String)| request.query_value(name).is_some_and(|value| is_like(wanted, &value));
        self.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(&request.method))
            && is_like(&self.path, &request.path)
            && self.if_query.iter().all(has)
            && self.if_body.as_ref().is_none_or(|wanted| is_like(wanted, &body()))
    }
}

/// The outcomes that a script may speak of.
pub(crate) const KINDS: [&str; 7] =
    ["delivered", "transient", "throttled", "auth", "config", "rejected", "egress-denied"];

/// Whether `text` is like `pattern`, in which a star stands for any number of characters.
pub(crate) fn is_like(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    if after.is_empty() {
        return true;
    }
    // The star is followed by something: every place where that could begin is tried.
    (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| is_like(after, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_number_of_characters() {
        for (pattern, text, expected) in [
            ("/v1/events", "/v1/events", true),
            ("/v1/events", "/v1/events/", false),
            ("/v1/*", "/v1/", true),
            ("/v1/*/rows", "/v1/a/b/rows", true),
            ("/v1/*/rows", "/v1/a/b/row", false),
            ("*", "", true),
            ("*.example.com", "a.example.com", true),
            ("*é*", "aéb", true),
        ] {
            assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn requests_are_told_apart_by_their_query_and_body() {
        let matching: Matching =
            serde_json::from_str(r#"{"method":"POST","path":"/","if_query":{"query":"INSERT*"},"if_body":""}"#)
                .unwrap();
        let request = |query: &str, body: &str| Received {
            method: "POST".into(),
            path: "/".into(),
            query: query.into(),
            body: body.into(),
            ..Received::default()
        };

        assert!(matching.covers(&request("a=1&query=INSERT%20INTO%20t", "")));
        assert!(!matching.covers(&request("query=INSERT%20INTO%20t", "{}")));
        assert!(!matching.covers(&request("query=SELECT%201", "")));
    }

    #[test]
    fn a_script_that_means_nothing_is_refused_with_what_would() {
        for (text, part) in [
            (r#"{"fault":{}}"#, "unknown field `fault`"),
            (r#"{"faults":{"402":{}}}"#, "there are refused"),
            (r#"{"faults":{"409":{"kinds":["done"],"why":"x"}}}"#, "there are delivered"),
            (r#"{"faults":{"409":{"kinds":["delivered"]}}}"#, "gives no `why`"),
            (r#"{"varies":["x-date"]}"#, "write `header NAME`"),
            (r#"{"skip":{"verify":" "}}"#, "gives no reason"),
            (r#"{"answers":[{"refused_body":{"errors":true}}]}"#, "without a `$refused_item`"),
            (r#"{"unreadable":{"one":" "}}"#, "the example `one` and gives no reason"),
            (r#"{"lossy":""}"#, "`lossy` gives no reason"),
        ] {
            let error = Script::parse(text).unwrap_err().to_string();

            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn the_first_answer_that_fits_is_given() {
        let script = Script::parse(
            r#"{"answers":[
                {"method":"POST","path":"/token","setup":true},
                {"path":"/put","if_header":{"x-target":"Table.*"},"status":500},
                {"path":"/put","if_header":{"x-target":"*.Put"},"status":201},
                {"path":"/odd","if_body":"a*y","status":203},
                {"path":"/*","if_body":"a","status":500},
                {"path":"/*","status":202},
                {"status":500}
            ]}"#,
        )
        .unwrap();

        let request = |method: &str, path: &str| Received {
            method: method.into(),
            host: "example.com".into(),
            path: path.into(),
            query: String::new(),
            headers: vec![("x-target".into(), "Queue.Put".into())],
            body: b"a body".to_vec(),
            is_setup: false,
        };
        let status = |method, path| script.rule(&request(method, path)).and_then(|rule| rule.status);

        assert!(script.rule(&request("POST", "/token")).is_some_and(|rule| rule.setup));
        assert_eq!(status("GET", "/token"), Some(202));
        assert_eq!(status("GET", "/put"), Some(201));
        assert_eq!(status("PUT", "/odd"), Some(203));
        assert_eq!(status("GET", ""), Some(500));
    }
}
