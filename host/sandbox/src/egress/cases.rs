//! Judges a file of cases with the door: for each URL, does it come to the verdict that the file expects?
//!
//! One case a line: URL, tab, `allow` or `deny`, tab, why. The why may hold directives in braces that set the scene:
//! what names resolve to (`{dns A=10.0.0.5}`, lookup after lookup with `attempt1:… attempt2:…` or `then`), how a server
//! answers (`{http 302 Location http://…}`), which certificate it shows (`{certificate for other.test}`,
//! `{expired certificate}`), how the operator set the door (`{config allow_nat64=true}`). A case without `{dns …}` finds
//! every name at a public address, so that nothing is denied merely for not resolving.
//!
//! Nothing leaves this machine: servers are played on loopback, behind a dialler that takes note of the address that
//! the door wanted.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use freehold_model::outcome::Failure;
use futures_util::future::BoxFuture;
use http::Method;
use serde_json::json;

use super::dial::{Dial, Tcp};
use super::{Door, EgressConfig, EndpointPolicy, Request, Resolve, ResolveError, Response, SendError, Verdict};

mod names;
pub(crate) mod origin;

use self::names::Names;
use self::origin::{Detour, Origin, Shown};

/// What a case expects, or what the door decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It is reached.
    Allow,
    /// It is not, for this reason.
    Deny(String),
    /// Nothing was judged: the case is about something that the door has no part in, or cannot be understood.
    Skipped(String),
}

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its line, from 1.
    pub line: usize,
    /// The URL, exactly as written.
    pub url: String,
    /// Whether it should be reached.
    pub allowed: bool,
    /// Why.
    pub why: String,
}

/// A line that is not a case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected URL, tab, `allow` or `deny`, tab, why")]
pub struct InvalidCase {
    /// The line, from 1.
    pub line: usize,
}

/// The cases in `text`. Empty lines and lines that begin with `#` are comments.
///
/// # Errors
/// Names the first line that is not a case.
pub fn parse(text: &str) -> Result<Vec<Case>, InvalidCase> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let case = |(index, line): (usize, &str)| {
        let invalid = InvalidCase { line: index + 1 };
        let mut fields = line.splitn(3, '\t');
        let (Some(url), Some(expected)) = (fields.next(), fields.next()) else { return Err(invalid) };
        let allowed = match expected.trim() {
            "allow" => true,
            "deny" => false,
            _ => return Err(invalid),
        };
        let why = fields.next().unwrap_or_default().to_owned();
        Ok(Case { line: index + 1, url: url.to_owned(), allowed, why })
    };
    lines.map(case).collect()
}

impl Case {
    /// The class in brackets that the why begins with.
    pub fn class(&self) -> &str {
        self.why.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or("", |(class, _)| class)
    }

    /// Whether `judgement` is what the case expects; `None` when nothing was judged.
    pub fn agrees(&self, judgement: &Judgement) -> Option<bool> {
        match judgement {
            Judgement::Allow => Some(self.allowed),
            Judgement::Deny(_) => Some(!self.allowed),
            Judgement::Skipped(_) => None,
        }
    }

    /// Sets the scene and lets the door judge.
    pub async fn judge(&self) -> Judgement {
        match Scene::of(self) {
            Ok(scene) => scene.judge().await,
            Err(reason) => Judgement::Skipped(reason),
        }
    }
}

/// A case with its directives understood.
struct Scene {
    url: String,
    config: EgressConfig,
    names: Names,
    /// How a server answers, in raw HTTP.
    reply: Option<String>,
    /// Which certificate a server shows.
    shown: Option<Shown>,
}

impl Scene {
    fn of(case: &Case) -> Result<Scene, String> {
        let mut scene = Scene {
            url: case.url.clone(),
            config: EgressConfig::default(),
            names: Names::public(),
            reply: None,
            shown: None,
        };
        for directive in directives(&case.why) {
            scene.apply(directive).ok_or_else(|| format!("cannot play {{{directive}}}"))?;
        }
        Ok(scene)
    }

    /// Takes one directive into account; `None` when it cannot be played here.
    fn apply(&mut self, directive: &str) -> Option<()> {
        let (word, rest) = directive.split_once(' ').unwrap_or((directive, ""));
        match word {
            "dns" => self.names = Names::parse(rest)?,
            "http" => self.reply = Some(origin::reply(rest)?),
            "config" => rest.split_whitespace().try_for_each(|setting| self.set(setting))?,
            // The door knows no proxies and reads no environment: whatever is set there changes nothing.
            "env" => {}
            "egress" if rest == "proxy configured" => {}
            // A component can only ask for a URL, which is then judged like any other.
            "component" => {
                let (_, asked) = rest.split_once(" to ")?;
                self.url = asked.contains("://").then(|| asked.to_owned())?;
            }
            _ if directive.contains("certificate") => self.shown = Some(Shown::parse(directive)?),
            _ => return None,
        }
        Some(())
    }

    fn set(&mut self, setting: &str) -> Option<()> {
        let (name, value) = setting.split_once('=')?;
        match name {
            "allow_nat64" => self.config.allow_nat64 = value.parse().ok()?,
            "allow_http" => self.config.allow_http = value.parse().ok()?,
            "allow" => self.config.allow = networks(value)?,
            "deny" => self.config.deny = networks(value)?,
            "allow_names" => self.config.allow_names = value.split(',').map(str::to_owned).collect(),
            "denied_suffixes" => self.config.denied_suffixes = value.split(',').map(str::to_owned).collect(),
            _ => return None,
        }
        Some(())
    }

    async fn judge(self) -> Judgement {
        let resolver = Arc::new(Script { names: self.names.clone(), lookups: AtomicUsize::new(0) });
        let door = Door::new(self.config.clone(), resolver);
        for _ in 0..self.names.turns() {
            if let Verdict::Denied(error) = door.check(&self.url, None).await {
                return denied(&Failure::from(&error));
            }
        }
        if self.reply.is_none() && self.shown.is_none() {
            return Judgement::Allow;
        }
        match self.play().await {
            Ok(judgement) => judgement,
            Err(error) => Judgement::Skipped(format!("cannot play a server: {error}")),
        }
    }

    /// Sends two requests to a server of our own that stands in for the one that the door wants to reach.
    async fn play(self) -> Result<Judgement, Box<dyn std::error::Error + Send + Sync>> {
        let reply = self.reply.unwrap_or_else(origin::ok);
        let mut config = self.config;
        let (url, origin) = match &self.shown {
            Some(shown) => {
                let host = super::canonicalise(&self.url)?.host().to_owned();
                let (origin, roots) = Origin::start_with_tls(reply, shown, &host).await?;
                config.extra_roots = roots;
                (self.url, origin)
            }
            // What a server answers does not depend on TLS, and without it no certificate is needed.
            None => {
                config.allow_http = true;
                (self.url.replacen("https://", "http://", 1), Origin::start(reply).await?)
            }
        };
        let dialler = Arc::new(Detour::to(origin.address()));
        let resolver = Arc::new(Script { names: self.names, lookups: AtomicUsize::new(0) });
        let door = Door::with_dialler(config, resolver, Arc::clone(&dialler) as Arc<dyn Dial>);
        let policy = EndpointPolicy::compile(&["{url}".to_owned()], &json!({ "url": url }))?;
        let client = door.client(Arc::new(policy));

        let first = client.send(post(&url)).await;
        let second = client.send(post(&url)).await;

        let wanted = dialler.dialled();
        if wanted.iter().any(|address| Some(address) != wanted.first()) {
            return Ok(Judgement::Deny("an answer changed where the next request goes".to_owned()));
        }
        Ok(both(&first, &second))
    }
}

/// What two exchanges come to: a delivery, or the first reason why not.
fn both(first: &Result<Response, SendError>, second: &Result<Response, SendError>) -> Judgement {
    for exchange in [first, second] {
        match exchange {
            Ok(response) if response.status.is_success() => {}
            Ok(response) => return Judgement::Deny(format!("http-{}", response.status.as_u16())),
            Err(error) => return denied(&error.failure),
        }
    }
    Judgement::Allow
}

fn denied(failure: &Failure) -> Judgement {
    Judgement::Deny(failure.code.clone())
}

fn post(url: &str) -> Request {
    Request {
        method: Method::POST,
        url: url.to_owned(),
        headers: Vec::new(),
        body: Bytes::new(),
        http2: false,
        timeout: None,
    }
}

/// The texts in braces.
fn directives(why: &str) -> impl Iterator<Item = &str> {
    why.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(directive, _)| directive.trim())
}

fn networks(list: &str) -> Option<Vec<super::AllowedNetwork>> {
    list.split(',').map(|network| network.parse().ok()).collect()
}

/// A resolver that answers by a script, lookup after lookup.
struct Script {
    names: Names,
    lookups: AtomicUsize,
}

impl Resolve for Script {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveError>> {
        let lookup = self.lookups.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(self.names.answer(lookup)))
    }
}

#[cfg(test)]
mod tests;
