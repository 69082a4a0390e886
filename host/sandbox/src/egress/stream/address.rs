//! Reads where a byte stream shall lead: by the rules for URLs, with nothing but scheme, host and port.

use super::super::EgressConfig;
use super::super::refusal::{Refusal, Rule};
use super::super::url::{Scheme, canonicalise_for, split_port};

/// Where a byte stream leads: scheme, host and port, in the one form in which they are matched, resolved and dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAddress {
    /// [`Scheme::Tls`], [`Scheme::StartTls`] or [`Scheme::Tcp`].
    pub scheme: Scheme,
    /// A name in lower case without a trailing dot, or an address, IPv6 in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl StreamAddress {
    /// Reads `tls://host:port`, `starttls://host:port` or `tcp://host:port`. The same reader as for URLs reads host and port.
    pub(crate) fn parse(text: &str, config: &EgressConfig) -> Result<StreamAddress, Refusal> {
        let (scheme, rest) = Scheme::of_stream(text).ok_or_else(|| Refusal::without_host(Rule::Scheme))?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(Refusal::without_host(Rule::NotAUrl));
        }
        let url = canonicalise_for(&format!("https://{authority}"), config)?;
        if split_port(authority).1.is_none() {
            return Err(Refusal::of(Rule::PortMissing, url.host()));
        }
        Ok(StreamAddress { scheme, host: url.host().to_owned(), port: url.port() })
    }

    /// Host and port, for people.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The whole, for people.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}:{}", self.scheme.as_str(), self.host, self.port)
    }
}
