//! Compiles a destination type's endpoint templates over one destination's config into the list of what it may reach.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::EgressConfig;
use super::refusal::{Refusal, Rule};
use super::stream::StreamAddress;
use super::url::{CanonicalUrl, Scheme, canonicalise_for};

/// Endpoints of one destination: more than any broker list has, few enough to look through on every request.
const ENDPOINTS_MAX: usize = 64;
/// What stands for the star of a pattern while the rest of it is read.
const STAND_IN: &str = "x";

/// What one destination may reach: scheme, host and port of each endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndpointPolicy {
    endpoints: Vec<Endpoint>,
}

/// One place that may be reached.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    /// For a byte stream perhaps a pattern, such as `*.kafka.example.com`.
    host: Box<str>,
    port: u16,
    origin: Arc<str>,
}

impl Endpoint {
    fn new(scheme: Scheme, host: &str, port: u16) -> Self {
        let origin = if scheme.default_port() == Some(port) {
            format!("{}://{host}", scheme.as_str())
        } else {
            format!("{}://{host}:{port}", scheme.as_str())
        };
        Endpoint { scheme, host: host.into(), port, origin: origin.into() }
    }

    /// Scheme, host and, when it is not the scheme's own, port: `https://hooks.example.com`.
    pub fn origin(&self) -> &Arc<str> {
        &self.origin
    }

    /// Whether it is what `scheme`, `host` and `port` lead to. The star of a pattern stands for exactly one label.
    fn covers(&self, scheme: Scheme, host: &str, port: u16) -> bool {
        let is_host = match self.host.strip_prefix('*') {
            Some(suffix) => host.strip_suffix(suffix).is_some_and(|label| !label.is_empty() && !label.contains('.')),
            None => *self.host == *host,
        };
        is_host && self.port == port && self.scheme == scheme
    }

    /// Its scheme, host and port.
    pub(crate) fn parts(&self) -> (Scheme, &str, u16) {
        (self.scheme, &self.host, self.port)
    }

    /// Host and port, for people: `hooks.example.com:443`.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

/// A template that does not lead to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The template itself is wrong: a fault of the destination type.
    #[error("endpoint template `{template}` {problem}")]
    Template {
        /// The template.
        template: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A value of the config cannot stand where the template puts it.
    #[error("config field `{field}` {problem}")]
    Value {
        /// The field.
        field: String,
        /// What is wrong with its value.
        problem: &'static str,
    },
    /// A value of the config leads to a URL that the door refuses.
    #[error("config field `{field}`: {refusal}")]
    Refused {
        /// The field.
        field: String,
        /// What the door says.
        refusal: Refusal,
    },
    /// There are too many endpoints.
    #[error("the config leads to more than {ENDPOINTS_MAX} endpoints")]
    TooMany,
}

impl From<&EndpointError> for freehold_model::outcome::Failure {
    fn from(error: &EndpointError) -> Self {
        use freehold_model::outcome::{ErrorKind, Failure};
        match error {
            EndpointError::Refused { refusal, .. } => Failure { message: error.to_string(), ..Failure::from(refusal) },
            EndpointError::Template { .. } => Failure::new(ErrorKind::Plugin, "endpoint-template", error.to_string()),
            EndpointError::Value { .. } | EndpointError::TooMany => {
                Failure::new(ErrorKind::Config, "endpoint-invalid", error.to_string())
            }
        }
    }
}

impl EndpointPolicy {
    /// The endpoints that `templates` lead to over `config`.
    ///
    /// A template is a URL in which `{name}` stands for a field of the config, `{a.b}` for one inside another, `{name[]}`
    /// for each item of a list: `https://{bucket}.s3.{region}.amazonaws.com`, `{url}`, `tls://{brokers[]}`. Standing
    /// alone, a placeholder's value is a whole http or https URL; as the whole authority, a host with or without a port;
    /// elsewhere a part of a host name. A template whose field is absent is left out.
    ///
    /// Byte streams have the schemes `tls`, `starttls` and `tcp` and always a port. Their hosts may be patterns:
    /// `*.kafka.example.com:9093` is every name of exactly one more label.
    ///
    /// # Errors
    /// When a template is malformed or a value cannot stand where it is put.
    pub fn compile(templates: &[String], config: &Value) -> Result<EndpointPolicy, EndpointError> {
        Self::compile_for(templates, config, &EgressConfig::default())
    }

    /// [`Self::compile`], with the operator's own list of names.
    ///
    /// # Errors
    /// As [`Self::compile`].
    pub fn compile_for(
        templates: &[String],
        config: &Value,
        egress: &EgressConfig,
    ) -> Result<EndpointPolicy, EndpointError> {
        Self::compile_with(templates, config, egress, |_| Ok(()))
    }

    /// [`Self::compile_for`], where every endpoint must also pass `judge`.
    pub(crate) fn compile_with(
        templates: &[String],
        config: &Value,
        egress: &EgressConfig,
        judge: impl Fn(&Endpoint) -> Result<(), Refusal>,
    ) -> Result<EndpointPolicy, EndpointError> {
        let mut endpoints = Vec::with_capacity(templates.len());
        for template in templates {
            for filled in fill(template, config)? {
                let field = filled.field.clone();
                let endpoint = filled.endpoint(template, egress)?;
                judge(&endpoint).map_err(|refusal| refused(template, field, refusal))?;
                if !endpoints.contains(&endpoint) {
                    endpoints.push(endpoint);
                }
                if endpoints.len() > ENDPOINTS_MAX {
                    return Err(EndpointError::TooMany);
                }
            }
        }
        Ok(EndpointPolicy { endpoints })
    }

    /// Whether scheme, host and port of `url` are those of an endpoint.
    pub fn permits(&self, url: &CanonicalUrl) -> bool {
        self.position(url).is_some()
    }

    /// Which of [`Self::endpoints`] `url` belongs to.
    pub fn position(&self, url: &CanonicalUrl) -> Option<usize> {
        self.position_of(url.scheme(), url.host(), url.port())
    }

    /// The endpoint that these parts lead to.
    pub(crate) fn position_of(&self, scheme: Scheme, host: &str, port: u16) -> Option<usize> {
        self.endpoints.iter().position(|own| own.covers(scheme, host, port))
    }

    /// Every endpoint, in the order of the templates.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }
}

/// A template with one set of values in its places.
#[derive(Clone)]
struct Filled {
    text: String,
    /// The last field that was put in, to name it when the whole is refused.
    field: Option<String>,
}

impl Filled {
    fn endpoint(self, template: &str, egress: &EgressConfig) -> Result<Endpoint, EndpointError> {
        let refused = |refusal| refused(template, self.field.clone(), refusal);
        // Which protocols a type may speak is for its manifest to say, not for a config.
        if template.contains("://") && Scheme::of_stream(&self.text).is_some() {
            return stream_endpoint(&self.text, egress).map_err(refused);
        }
        let url = canonicalise_for(&self.text, egress).map_err(refused)?;
        Ok(Endpoint::new(url.scheme(), url.host(), url.port()))
    }
}

/// The endpoint of a byte stream. A pattern is read with a label in place of its star, by the same rules as any name.
fn stream_endpoint(text: &str, egress: &EgressConfig) -> Result<Endpoint, Refusal> {
    let Some((scheme, pattern)) = text.split_once("://*.") else {
        let address = StreamAddress::parse(text, egress)?;
        return Ok(Endpoint::new(address.scheme, &address.host, address.port));
    };
    let address = StreamAddress::parse(&format!("{scheme}://{STAND_IN}.{pattern}"), egress)?;
    let suffix = address.host.strip_prefix(STAND_IN).unwrap_or_default();
    let host = format!("*{suffix}");
    // A star right below a top-level domain would be half of the internet.
    if suffix.matches('.').count() < 2 {
        return Err(Refusal::of(Rule::Pattern, &host));
    }
    Ok(Endpoint::new(address.scheme, &host, address.port))
}

/// What is said of an endpoint that the door refuses: about the field that led there, or about the template when none did.
fn refused(template: &str, field: Option<String>, refusal: Refusal) -> EndpointError {
    match field {
        Some(field) => EndpointError::Refused { field, refusal },
        None => malformed(template, "is not a URL that can be reached"),
    }
}

fn malformed(template: &str, problem: &'static str) -> EndpointError {
    EndpointError::Template { template: template.to_owned(), problem }
}

/// Every text that the template stands for: none when a field is absent, several when one is a list.
fn fill(template: &str, config: &Value) -> Result<Vec<Filled>, EndpointError> {
    let mut texts = vec![Filled { text: String::with_capacity(template.len()), field: None }];
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').ok_or_else(|| malformed(template, "has a `{` without its `}`"))?;
        let values = lookup(name, config).map_err(|problem| match problem {
            Lookup::Malformed => malformed(template, "has a placeholder that is not a field's name"),
            Lookup::NotText => EndpointError::Value { field: name.to_owned(), problem: "must be a text or a number" },
        })?;
        if let Some(first) = texts.first() {
            let so_far = format!("{}{before}", first.text);
            let place = Place::of(template, &so_far, tail);
            let begins_stream = so_far.ends_with("://") && Scheme::of_stream(&so_far).is_some();
            for value in &values {
                // The star of a pattern fits only where it is the first label of a byte stream's host.
                let value = if begins_stream { value.strip_prefix("*.").unwrap_or(value) } else { value };
                place.check(value).map_err(|problem| EndpointError::Value { field: name.to_owned(), problem })?;
            }
        }
        if texts.len() * values.len() > ENDPOINTS_MAX {
            return Err(EndpointError::TooMany);
        }
        let filled = |text: &Filled, value: &String| Filled {
            text: format!("{}{before}{value}", text.text),
            field: Some(name.to_owned()),
        };
        texts = texts.iter().flat_map(|text| values.iter().map(move |value| filled(text, value))).collect();
        rest = tail;
    }
    if rest.contains('}') {
        return Err(malformed(template, "has a `}` without its `{`"));
    }
    for text in &mut texts {
        text.text.push_str(rest);
    }
    Ok(texts)
}

/// Where in a template a placeholder stands, which decides what its value may contain.
enum Place {
    /// It is the whole template: the value is a URL.
    Whole,
    /// It is the whole authority: the value is a host, perhaps with a port.
    Authority,
    /// It is the port.
    Port,
    /// It is a part of the host.
    HostPart,
    /// It follows the authority, where it decides nothing.
    Path,
}

impl Place {
    /// The place between `so_far`, which is filled, and `tail`.
    fn of(template: &str, so_far: &str, tail: &str) -> Place {
        let ends_authority = tail.is_empty() || tail.starts_with(['/', '?', '#']);
        match so_far.split_once("://") {
            None if template.starts_with('{') && tail.is_empty() && so_far.is_empty() => Place::Whole,
            None => Place::HostPart,
            Some((_, "")) if ends_authority => Place::Authority,
            Some((_, authority)) if authority.contains(['/', '?', '#']) => Place::Path,
            Some((_, authority)) if authority.ends_with(':') && ends_authority => Place::Port,
            Some(_) => Place::HostPart,
        }
    }

    fn check(&self, value: &str) -> Result<(), &'static str> {
        match self {
            Place::Whole if value.contains("://") => Ok(()),
            Place::Whole => Err("must be a whole URL, such as https://hooks.example.com/path"),
            Place::Authority => {
                let (host, port) = match value.rsplit_once(':') {
                    Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
                    _ => (value, None),
                };
                let bracketed = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
                let is_v6 = bracketed.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
                if (is_v6 || is_host_part(host)) && port.is_none_or(is_port) {
                    Ok(())
                } else {
                    Err("must be a host with or without a port, such as broker.example.com:9093")
                }
            }
            Place::Port if is_port(value) => Ok(()),
            Place::Port => Err("must be a port number"),
            Place::HostPart if is_host_part(value) => Ok(()),
            Place::HostPart => {
                Err("becomes part of a host name: only letters, digits, `-`, `_` and single dots fit there")
            }
            Place::Path => Ok(()),
        }
    }
}

/// Labels joined by single dots. Nothing that could end the host or begin another part of the URL.
fn is_host_part(value: &str) -> bool {
    value
        .split('.')
        .all(|label| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')))
}

fn is_port(value: &str) -> bool {
    !value.starts_with('0') && value.bytes().all(|b| b.is_ascii_digit()) && value.parse::<u16>().is_ok()
}

enum Lookup {
    Malformed,
    NotText,
}

/// The values of the field called `name`: none when it is absent, null or empty.
fn lookup(name: &str, config: &Value) -> Result<Vec<String>, Lookup> {
    let (path, is_list) = match name.strip_suffix("[]") {
        Some(path) => (path, true),
        None => (name, false),
    };
    let fits =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let mut value = config;
    for part in path.split('.') {
        if !fits(part) {
            return Err(Lookup::Malformed);
        }
        value = value.get(part).unwrap_or(&Value::Null);
    }
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) if is_list => items.iter().map(text_of).collect(),
        single if !is_list => text_of(single).map(|text| if text.is_empty() { Vec::new() } else { vec![text] }),
        _ => Err(Lookup::NotText),
    }
}

fn text_of(value: &Value) -> Result<String, Lookup> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(Lookup::NotText),
    }
}

#[cfg(test)]
mod tests;
