//! Reads a case's directives: what is asked of the door, and under which circumstances?

use std::net::IpAddr;

use super::Case;
use super::certificate::Shown;
use super::names::Names;
use super::origin::Reply;
use crate::egress::url::Scheme;
use crate::egress::{AllowedNetwork, EgressConfig};

/// A case with its directives understood.
pub(super) struct Scene {
    pub(super) ask: Ask,
    pub(super) config: EgressConfig,
    pub(super) names: Names,
    pub(super) reply: Reply,
    pub(super) shown: Shown,
    /// Headers that the request carries.
    pub(super) headers: Vec<(String, String)>,
    pub(super) environment: Vec<(String, String)>,
}

/// What is asked of the door.
pub(super) enum Ask {
    /// A request to this URL.
    Request(String),
    /// A byte stream to here.
    Stream(String),
    /// To load a component with this import.
    Import(String),
}

impl Scene {
    /// # Errors
    /// Names the directive that cannot be understood.
    pub(super) fn of(case: &Case) -> Result<Scene, String> {
        let mut scene = Scene {
            ask: Ask::of(&case.url, case.class()),
            config: EgressConfig::default(),
            names: Names::public(),
            reply: Reply::ok(),
            shown: Shown::For(Vec::new()),
            headers: Vec::new(),
            environment: Vec::new(),
        };
        for directive in directives(&case.why)? {
            scene.apply(directive).ok_or_else(|| format!("the directive {{{directive}}} cannot be understood"))?;
        }
        Ok(scene)
    }

    /// Takes one directive into account; `None` when it cannot be understood.
    fn apply(&mut self, directive: &str) -> Option<()> {
        let (word, rest) = directive.split_once(char::is_whitespace).unwrap_or((directive, ""));
        match word {
            "dns" => self.names = Names::parse(rest)?,
            "http" => self.reply = Reply::parse(rest)?,
            "config" => settings(rest, &mut self.config)?,
            "env" => self.environment.extend(variables(rest)?),
            "egress" | "proxy" if directive.contains("proxy") => {}
            "component" => self.component(rest)?,
            _ => self.shown = Shown::parse(directive)?,
        }
        Some(())
    }

    /// What a component does. It can only import, and ask for URLs, which are then judged like any other.
    fn component(&mut self, does: &str) -> Option<()> {
        let mut words = does.split_whitespace();
        if let Some(import) = words.clone().find(|word| word.starts_with("wasi:")) {
            self.ask = Ask::Import(import.trim_end_matches([',', ';']).to_owned());
        } else if let Some(url) = words.find(|word| word.contains("://")) {
            self.ask = Ask::of(url, "");
        } else {
            // `sets header Name: value`, `sets the Host header to value`
            let is_header = does.contains("header") || does.contains(": ");
            let (_, header) = does.split_once(' ').filter(|_| is_header)?;
            let header =
                ["a ", "the ", "header "].iter().fold(header, |text, word| text.strip_prefix(word).unwrap_or(text));
            let (name, value) = header.split_once([':', '=', ' ']).unwrap_or((header, ""));
            self.headers.push((name.trim().to_owned(), value.trim_matches([' ', ':', '=']).to_owned()));
        }
        Some(())
    }
}

impl Ask {
    fn of(url: &str, class: &str) -> Ask {
        if Scheme::of_stream(url).is_some() {
            return Ask::Stream(url.to_owned());
        }
        match url.split_once("://") {
            Some((scheme, rest)) if class == "non-http" && !matches!(scheme, "http" | "https") => {
                let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
                Ask::Stream(format!("tls://{authority}"))
            }
            _ => Ask::Request(url.to_owned()),
        }
    }
}

/// The texts in braces.
fn directives(why: &str) -> Result<Vec<&str>, String> {
    let mut found = Vec::new();
    let mut rest = why;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((directive, tail)) = after.split_once('}') else {
            return Err(format!("`{{{after}` has no closing brace"));
        };
        if before.contains('}') || directive.contains('{') {
            return Err("its braces do not match".to_owned());
        }
        found.push(directive.trim());
        rest = tail;
    }
    if rest.contains('}') { Err("its braces do not match".to_owned()) } else { Ok(found) }
}

/// `allow=10.0.0.0/8:443 allow_http`, `allow 10.0.0.0/8`, taken into account.
fn settings(text: &str, config: &mut EgressConfig) -> Option<()> {
    let mut words = text.split(|c: char| c.is_whitespace() || c == ';').filter(|word| !word.is_empty()).peekable();
    words.peek()?;
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, words.next_if(|next| !next.contains('=') && !next.starts_with("allow_"))),
        };
        let name = name.trim_start_matches("egress.").replace('-', "_").to_ascii_lowercase();
        set(config, &name, value)?;
    }
    Some(())
}

fn set(config: &mut EgressConfig, name: &str, value: Option<&str>) -> Option<()> {
    let flag = || match value {
        None | Some("true" | "on" | "yes" | "1") => Some(true),
        Some("false" | "off" | "no" | "0") => Some(false),
        Some(_) => None,
    };
    let texts = || value.map(|list| list.split(',').map(str::to_owned));
    match name {
        "allow" | "allow_list" | "allowlist" | "allow_cidr" => config.allow.extend(networks(value?)?),
        "deny" | "deny_list" | "denylist" | "deny_cidr" | "own_addresses" => config.deny.extend(networks(value?)?),
        "allow_http" => config.allow_http = flag()?,
        "allow_plaintext_streams" => config.allow_plaintext_streams = flag()?,
        "allow_nat64" => config.allow_nat64 = flag()?,
        "allow_names" => config.allow_names.extend(texts()?),
        "deny_suffixes" | "denied_suffixes" => config.denied_suffixes.extend(texts()?),
        // The door knows no proxies: there is nothing to set.
        "proxy" | "egress_proxy" => {}
        _ => return None,
    }
    Some(())
}

/// Networks, where an address without a prefix stands for itself.
fn networks(list: &str) -> Option<Vec<AllowedNetwork>> {
    let network = |text: &str| match text.parse::<AllowedNetwork>() {
        Ok(network) => Some(network),
        Err(_) if text.contains('/') => None,
        Err(_) => single(text)?.parse().ok(),
    };
    list.split(',').map(network).collect()
}

/// `10.0.0.5:443` as `10.0.0.5/32:443`.
fn single(text: &str) -> Option<String> {
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Some(if address.is_ipv4() { format!("{address}/32") } else { format!("[{address}]/128") });
    }
    let (address, port) = text.rsplit_once(':')?;
    Some(format!("{}:{port}", single(address)?))
}

fn variables(text: &str) -> Option<Vec<(String, String)>> {
    let variable = |word: &str| {
        let (name, value) = word.trim_end_matches(';').split_once('=')?;
        (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    };
    let found: Vec<_> = text.split_whitespace().map(variable).collect::<Option<_>>()?;
    (!found.is_empty()).then_some(found)
}
