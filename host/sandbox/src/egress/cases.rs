//! Judges a file of cases with the egress door: for each URL, does it come to the verdict that the file expects?
//!
//! One case a line: URL, tab, `allow` or `deny`, tab, why. Empty lines and lines that begin with `#` are comments. The why
//! begins with a class in brackets and may hold directives in braces, which set the scene; [`directive`] reads them:
//!
//! | directive | |
//! |---|---|
//! | `{dns A=10.0.0.5,10.0.0.6; AAAA=fd00::1}` | what the name resolves to. Also `CNAME=…`, `NXDOMAIN`, `NODATA`, `SERVFAIL`, `TIMEOUT`, `ttl=0`, `4096 private A records`. Lookup after lookup: `1:A=… 2:A=…`, `attempt1:…`, `A=… then A=…`, `alternating A,B` |
//! | `{http 302 Location http://…}` | how the server answers: a status, perhaps a header, perhaps `then` another; or `endless body`, `never answers` |
//! | `{certificate for other.test}` | what the server shows; also `expired`, `not yet valid`, `self-signed`, `without SAN`, `with AIA http://…`, `tls 1.1`, `no tls` |
//! | `{config allow=10.0.0.0/8:443}` | how the operator set the door: `allow`, `deny`, `allow_http`, `allow_plaintext_streams`, `allow_nat64`, `allow_names`, `deny_suffixes` |
//! | `{env HTTPS_PROXY=http://…}` | what the environment holds; see [`Case::environment`] |
//! | `{egress proxy configured}` | nothing: the door knows no proxies |
//! | `{component … wasi:sockets/tcp …}` | a component imports that: is it refused when it is loaded? |
//! | `{component … to http://…}`, `{component sets header Name: value}` | a component asks for that |
//!
//! A case without `{dns …}` finds every name at a public address, so that nothing is denied merely for not resolving. A
//! URL of the class `non-http` is the byte stream that a plugin for its protocol would open.
//!
//! What is judged is not the verdict alone: the exchange is made too, with servers played on loopback behind a dialler
//! that takes note of every address that the door wanted. Nothing leaves this machine.

mod certificate;
mod component;
mod directive;
mod names;
pub(crate) mod origin;
mod play;

use self::directive::Scene;

/// What the door decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It is reached.
    Allow,
    /// It is not, for this reason.
    Deny(String),
    /// The door did what it must never do, whatever the case expects.
    Breach(String),
    /// The case cannot be understood or played, so nothing was judged.
    Unclear(String),
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
#[error("line {line} is not a case: {problem}; expected URL, tab, `allow` or `deny`, tab, why")]
pub struct InvalidCase {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Every line of `text` that is not a comment.
pub fn parse(text: &str) -> Vec<Result<Case, InvalidCase>> {
    let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate();
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| parse_line(index + 1, line))
        .collect()
}

fn parse_line(line: usize, text: &str) -> Result<Case, InvalidCase> {
    let invalid = |problem| InvalidCase { line, problem };
    let mut fields = text.splitn(3, '\t');
    let (Some(url), Some(expected)) = (fields.next(), fields.next()) else { return Err(invalid("it has no tab")) };
    let allowed = match expected.trim() {
        "allow" => true,
        "deny" => false,
        _ => return Err(invalid("it expects neither `allow` nor `deny`")),
    };
    Ok(Case { line, url: url.to_owned(), allowed, why: fields.next().unwrap_or_default().to_owned() })
}

impl Case {
    /// The class in brackets that the why begins with.
    pub fn class(&self) -> &str {
        self.why.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or("", |(class, _)| class)
    }

    /// Whether `judgement` is what the case expects.
    pub fn agrees(&self, judgement: &Judgement) -> bool {
        match judgement {
            Judgement::Allow => self.allowed,
            Judgement::Deny(_) => !self.allowed,
            Judgement::Breach(_) | Judgement::Unclear(_) => false,
        }
    }

    /// The variables of the environment that the case speaks of. A program cannot change its own safely: whoever wants
    /// them to have had a chance sets them and judges in a process of its own.
    pub fn environment(&self) -> Vec<(String, String)> {
        Scene::of(self).map(|scene| scene.environment).unwrap_or_default()
    }

    /// Sets the scene and lets the door judge.
    pub async fn judge(&self) -> Judgement {
        match Scene::of(self) {
            Ok(scene) => scene.judge().await,
            Err(reason) => Judgement::Unclear(reason),
        }
    }
}

#[cfg(test)]
mod tests;
