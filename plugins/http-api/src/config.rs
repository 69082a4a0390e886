//! What the customer sets, and what of it cannot work although it fits the schema.

use std::collections::BTreeMap;
use std::time::Duration;

use freehold_sdk::Error;
use freehold_sdk::template::json::JsonTemplate;
use freehold_sdk::template::{Slot, Template};
use serde::Deserialize;

use crate::encode::Wrapper;
use crate::status::Statuses;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    url: String,
    path: Option<String>,
    #[serde(default)]
    method: Method,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    send: Send,
    #[serde(default)]
    body_format: BodyFormat,
    body: Option<String>,
    wrapper: Option<String>,
    content_type: Option<String>,
    #[serde(default)]
    auth: Auth,
    auth_name: Option<String>,
    auth_prefix: Option<String>,
    success_statuses: Option<Vec<String>>,
    rejected_statuses: Option<Vec<String>>,
    test_path: Option<String>,
    timeout_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    #[default]
    Post,
    Put,
    Patch,
    Delete,
    Get,
}

impl Method {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Get => "GET",
        }
    }
}

/// How events become requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Send {
    /// One request for each.
    #[default]
    Each,
    /// One request for a batch, with an array of them.
    Array,
    /// One request for a batch, with a line for each.
    Lines,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BodyFormat {
    #[default]
    Json,
    Form,
    Text,
    None,
}

/// Where the secret goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Auth {
    #[default]
    None,
    Bearer,
    Basic,
    Header,
    Query,
}

/// What requests are like.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where all requests go, without a slash at the end: no event has a say in it.
    pub(crate) url: String,
    /// Empty, or with a `/` or `?` at its beginning.
    pub(crate) path: Template,
    /// Whether it ends with a slash of the customer's own, in front of the query.
    pub(crate) path_ends_in_slash: bool,
    pub(crate) method: Method,
    pub(crate) headers: Vec<(String, Template)>,
    pub(crate) send: Send,
    pub(crate) body: Body,
    pub(crate) content_type: Option<String>,
    pub(crate) auth: Auth,
    pub(crate) auth_name: String,
    pub(crate) auth_prefix: String,
    pub(crate) statuses: Statuses,
    pub(crate) test_path: Option<String>,
    pub(crate) timeout: Duration,
}

/// What is in the requests.
#[derive(Debug)]
pub(crate) enum Body {
    Json(JsonTemplate, Wrapper),
    Form(Template),
    Text(Template),
    None,
}

impl Config {
    const BODY: &'static str = r#"{"id": {{id}}, "type": {{type}}, "time": {{time}}, "customer": {{customer}}, "data": {{data}}, "metadata": {{metadata}}}"#;
    const TIMEOUT_MS: u64 = 15_000;

    /// Checks what a schema cannot say.
    pub(crate) fn into_settings(self) -> Result<Settings, Error> {
        let url = address(&self.url)?;
        let allowed = self.allowed_outside_bodies();
        let path = self.path.as_deref().map_or(Ok(String::new()), |path| sound_path("path", path))?;
        let path_ends_in_slash = path.split('?').next().is_some_and(|folders| folders.ends_with('/'));
        let path = Template::parse_doubled(&path, allowed).map_err(|problem| invalid("path", &problem))?;
        let header = |(name, value): (&String, &String)| {
            let template = Template::parse_doubled(value, allowed);
            Ok((name.clone(), template.map_err(|problem| invalid(&format!("headers.{name}"), &problem))?))
        };
        let headers = self.headers.iter().map(header).collect::<Result<_, Error>>()?;
        let body = self.body()?;
        let auth_name = self.auth_name.clone().unwrap_or_default();
        if matches!(self.auth, Auth::Header | Auth::Query) && auth_name.is_empty() {
            return Err(invalid("auth_name", "auth is header or query, and this has to say what it is called"));
        }
        Ok(Settings {
            url,
            path,
            path_ends_in_slash,
            method: self.method,
            headers,
            send: self.send,
            content_type: self.content_type.or_else(|| usual_content_type(&body, self.send)),
            body,
            auth: self.auth,
            auth_name,
            auth_prefix: self.auth_prefix.unwrap_or_default(),
            statuses: Statuses::parse(self.success_statuses.as_deref(), self.rejected_statuses.as_deref())?,
            test_path: self.test_path.as_deref().map(|path| sound_path("test_path", path)).transpose()?,
            timeout: Duration::from_millis(self.timeout_ms.unwrap_or(Self::TIMEOUT_MS)),
        })
    }

    /// What may stand in the path and in headers: with several events in a request, nothing of a single one.
    fn allowed_outside_bodies(&self) -> fn(&Slot) -> bool {
        match self.send {
            Send::Each => |_| true,
            Send::Array | Send::Lines => |slot| matches!(slot, Slot::BatchId | Slot::Customer | Slot::Destination),
        }
    }

    fn body(&self) -> Result<Body, Error> {
        let several = self.send != Send::Each;
        if several && self.body_format != BodyFormat::Json {
            return Err(invalid("send", "several events in a request need body_format json"));
        }
        if self.wrapper.is_some() && self.send != Send::Array {
            return Err(invalid(
                "wrapper",
                "it is for requests with an array of events: set send to array, or remove it",
            ));
        }
        if self.body.is_some() && self.body_format == BodyFormat::None {
            return Err(invalid("body", "body_format is none: set another one, or remove the body"));
        }
        let template =
            |text: &str| Template::parse_doubled(text, |_| true).map_err(|problem| invalid("body", &problem));
        match self.body_format {
            BodyFormat::None => Ok(Body::None),
            BodyFormat::Form | BodyFormat::Text => {
                let missing = || invalid("body", "this body_format needs one");
                let template = template(self.body.as_deref().ok_or_else(missing)?)?;
                Ok(if self.body_format == BodyFormat::Form { Body::Form(template) } else { Body::Text(template) })
            }
            BodyFormat::Json => {
                let text = self.body.as_deref().unwrap_or(Self::BODY);
                let template = JsonTemplate::parse(text, |_| true).map_err(|problem| invalid("body", &problem))?;
                Ok(Body::Json(template, Wrapper::parse(self.wrapper.as_deref())?))
            }
        }
    }
}

/// The address that all requests begin with.
fn address(url: &str) -> Result<String, Error> {
    if url.contains(['{', '}']) {
        return Err(invalid("url", "no placeholder may stand in it, so that no event can lead elsewhere: use path"));
    }
    if url.contains(['?', '#']) {
        return Err(invalid("url", "what follows a `?` belongs into path, and a `#` nowhere"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Refuses paths that software on the way would rewrite, or that would change the host when they follow it.
fn sound_path(field: &str, path: &str) -> Result<String, Error> {
    if !path.is_empty() && !path.starts_with(['/', '?']) {
        return Err(invalid(field, "it has to begin with `/`, or with `?`"));
    }
    if path.contains(['#', '\\']) || path.chars().any(|c| c.is_control()) {
        return Err(invalid(field, "it holds a `#`, a backslash or a control character"));
    }
    let folders = path.split('?').next().unwrap_or_default();
    if folders.contains("//") || folders.split('/').any(|folder| matches!(folder, "." | "..")) {
        return Err(invalid(field, "it has two `/` in a row, or a folder called `.` or `..`"));
    }
    Ok(path.to_owned())
}

fn usual_content_type(body: &Body, send: Send) -> Option<String> {
    let usual = match (body, send) {
        (Body::Json(..), Send::Lines) => "application/x-ndjson",
        (Body::Json(..), _) => "application/json",
        (Body::Form(_), _) => "application/x-www-form-urlencoded",
        (Body::Text(_), _) => "text/plain; charset=utf-8",
        (Body::None, _) => return None,
    };
    Some(usual.to_owned())
}

pub(crate) fn invalid(field: &str, problem: &str) -> Error {
    let name: String = field.chars().map(|c| if c.is_ascii_lowercase() { c } else { '-' }).take(40).collect();
    Error::config(format!("{}-invalid", name.trim_matches('-')), format!("{field} does not work: {problem}"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn settings(json: &str) -> Result<Settings, Error> {
        serde_json::from_str::<Config>(json).unwrap().into_settings()
    }

    #[test]
    fn what_cannot_work_is_refused_by_the_name_of_its_field() {
        for (json, part) in [
            (r#"{"url":"https://{{id}}.example.com"}"#, "url"),
            (r#"{"url":"https://x.example.com/?a=b"}"#, "url"),
            (r#"{"url":"https://x","path":".evil.example"}"#, "path"),
            (r#"{"url":"https://x","path":"{{id}}"}"#, "path"),
            (r#"{"url":"https://x","path":"/{{nothing}}"}"#, "path"),
            (r#"{"url":"https://x","path":"/a/../b"}"#, "path"),
            (r#"{"url":"https://x","path":"/{{id}}","send":"array"}"#, "path"),
            (r#"{"url":"https://x","headers":{"x-a":"{{id"}}"#, "headers.x-a"),
            (r#"{"url":"https://x","body":"{\"a\": {{id}}"}"#, "body"),
            (r#"{"url":"https://x","body_format":"form"}"#, "body"),
            (r#"{"url":"https://x","body_format":"none","body":"1"}"#, "body"),
            (r#"{"url":"https://x","body_format":"text","send":"lines"}"#, "send"),
            (r#"{"url":"https://x","wrapper":"{{events}}"}"#, "wrapper"),
            (r#"{"url":"https://x","send":"array","wrapper":"{\"a\": []}"}"#, "wrapper"),
            (r#"{"url":"https://x","auth":"header"}"#, "auth_name"),
            (r#"{"url":"https://x","success_statuses":["299-200"]}"#, "success_statuses"),
            (r#"{"url":"https://x","test_path":"health"}"#, "test_path"),
        ] {
            let error = settings(json).err().unwrap_or_else(|| panic!("{json} is accepted"));

            assert!(error.message().starts_with(part), "{json}: {error}");
            assert!(error.code().ends_with("-invalid"), "{}", error.code());
        }
    }

    #[test]
    fn a_url_alone_is_enough() {
        let settings = settings(r#"{"url":"https://api.example.com/v1/"}"#).unwrap();

        assert_eq!(settings.url, "https://api.example.com/v1");
        assert_eq!(settings.content_type.as_deref(), Some("application/json"));
    }

    #[test]
    fn the_schema_and_the_config_know_the_same_fields_and_defaults() {
        let manifest: serde_json::Value = serde_json::from_str(include_str!("../manifest.json")).unwrap();
        let properties = manifest["config"]["properties"].as_object().unwrap();
        assert_eq!(properties["body"]["default"], Config::BODY);
        assert_eq!(properties["timeout_ms"]["default"], Config::TIMEOUT_MS);
        assert_eq!(properties.len(), 16);
        for (name, schema) in properties {
            for value in schema["enum"].as_array().into_iter().flatten().chain(schema.get("default")) {
                let mut json = serde_json::json!({"url": "https://x.example.com"});
                json[name] = value.clone();
                // `deny_unknown_fields` and the enums make this fail for what the type lacks.
                serde_json::from_value::<Config>(json).unwrap();
            }
        }
    }

    #[test]
    fn every_example_opens() {
        let manifest: serde_json::Value = serde_json::from_str(include_str!("../manifest.json")).unwrap();
        for example in manifest["config"]["examples"].as_array().unwrap() {
            settings(&example.to_string()).unwrap();
        }
    }
}
