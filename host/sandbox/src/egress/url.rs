//! Decides whether a text is a URL that the door will look at, and gives its one canonical form.
//!
//! A text that different programs could read differently is refused, not repaired. Whether the host may be reached is
//! decided later, by its addresses.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use url::{Host, ParseError, Url};

use super::EgressConfig;
use super::refusal::{Refusal, Rule};

/// Bytes of a URL: what common servers accept.
const URL_BYTES_MAX: usize = 8 * 1024;
/// Octets of a DNS name (RFC 1035).
const NAME_BYTES_MAX: usize = 253;
/// Octets of one label of a DNS name (RFC 1035).
const LABEL_BYTES_MAX: usize = 63;

/// Suffixes that belong to machines and local networks, not to the public DNS.
const LOCAL_SUFFIXES: [&str; 17] = [
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "home.arpa",
    "arpa",
    "lan",
    "svc",
    "cluster.local",
    "consul",
    "onion",
    "invalid",
    "alt",
];

/// Ports of other protocols, the "bad ports" of the Fetch standard: what is sent there could be understood as something
/// else than HTTP.
const BAD_PORTS: [u16; 83] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
    110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531,
    532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060,
    5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/// A scheme that an endpoint can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// HTTP over TLS.
    Https,
    /// HTTP in the clear.
    Http,
    /// A byte stream over TLS, of whatever protocol.
    Tls,
    /// A byte stream that begins in the clear and goes over to TLS.
    StartTls,
    /// A byte stream in the clear.
    Tcp,
}

impl Scheme {
    /// The scheme as written in front of `://`.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Https => "https",
            Scheme::Http => "http",
            Scheme::Tls => "tls",
            Scheme::StartTls => "starttls",
            Scheme::Tcp => "tcp",
        }
    }

    /// The byte stream's scheme that `text` begins with, and what follows `://`.
    pub(crate) fn of_stream(text: &str) -> Option<(Scheme, &str)> {
        let (scheme, rest) = text.split_once("://")?;
        let streams = [Scheme::Tls, Scheme::StartTls, Scheme::Tcp];
        streams.into_iter().find(|stream| scheme.eq_ignore_ascii_case(stream.as_str())).map(|stream| (stream, rest))
    }

    /// The port when none is written. Byte streams have none.
    pub(crate) fn default_port(self) -> Option<u16> {
        match self {
            Scheme::Https => Some(443),
            Scheme::Http => Some(80),
            Scheme::Tls | Scheme::StartTls | Scheme::Tcp => None,
        }
    }
}

/// An http or https URL in its one canonical form: what is matched, resolved, dialled and sent.
#[derive(Clone, PartialEq, Eq)]
pub struct CanonicalUrl {
    url: Url,
    scheme: Scheme,
    port: u16,
}

impl CanonicalUrl {
    /// Its scheme: [`Scheme::Https`] or [`Scheme::Http`].
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Its host: a name in lower case without a trailing dot, or an address, IPv6 in brackets.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Its port, written or not.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address, when the host is one.
    pub fn literal(&self) -> Option<IpAddr> {
        match self.url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        }
    }

    /// The whole text, path and query included: not for logs.
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// The text as the HTTP library wants it; nothing is copied.
    pub(crate) fn into_uri(self) -> Result<Uri, Refusal> {
        let text = bytes::Bytes::from(String::from(self.url));
        Uri::from_maybe_shared(text).map_err(|_| Refusal::without_host(Rule::NotAUrl))
    }
}

/// Shows scheme, host and port alone: path and query may carry secrets.
impl fmt::Debug for CanonicalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}/…", self.scheme.as_str(), self.host(), self.port)
    }
}

/// Reads `text` as a URL of a public service, with no exceptions by the operator.
///
/// # Errors
/// Names the first rule that the text breaks.
pub fn canonicalise(text: &str) -> Result<CanonicalUrl, Refusal> {
    canonicalise_for(text, &EgressConfig::default())
}

/// [`canonicalise`], with the operator's own list of names.
pub(crate) fn canonicalise_for(text: &str, config: &EgressConfig) -> Result<CanonicalUrl, Refusal> {
    let written = split(text)?;
    let mut url = Url::parse(text).map_err(|error| Refusal::of(rule_of(error), written.host))?;
    check_host(&mut url, &written, config)?;
    check_port(&written)?;
    let port = url.port_or_known_default().ok_or_else(|| Refusal::of(Rule::Port, written.host))?;
    if BAD_PORTS.contains(&port) {
        return Err(Refusal::of(Rule::Port, written.host));
    }
    Ok(CanonicalUrl { url, scheme: written.scheme, port })
}

/// The parts of a URL as they were written.
struct Written<'a> {
    scheme: Scheme,
    host: &'a str,
    port: Option<&'a str>,
}

/// Takes the text apart where every parser must agree, and refuses what parsers are known to disagree about.
fn split(text: &str) -> Result<Written<'_>, Refusal> {
    if text.len() > URL_BYTES_MAX {
        return Err(Refusal::without_host(Rule::NotAUrl));
    }
    if text.chars().any(char::is_control) || text.trim() != text {
        return Err(Refusal::without_host(Rule::Spelling));
    }
    let (scheme, rest) = split_scheme(text)?;
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.is_empty() {
        return Err(Refusal::without_host(Rule::NotAUrl));
    }
    if authority.contains('@') {
        return Err(Refusal::without_host(Rule::UserInfo));
    }
    if authority.contains(|c: char| matches!(c, '\\' | '%') || c.is_whitespace()) {
        return Err(Refusal::without_host(Rule::Spelling));
    }
    let (host, port) = split_port(authority);
    if tail.contains('#') {
        return Err(Refusal::of(Rule::Fragment, host));
    }
    if tail.split('?').next().is_some_and(|path| path.contains('\\')) {
        return Err(Refusal::of(Rule::Spelling, host));
    }
    Ok(Written { scheme, host, port })
}

fn split_scheme(text: &str) -> Result<(Scheme, &str), Refusal> {
    let Some((scheme, rest)) = text.split_once("://") else {
        let has_scheme = text.split_once(':').is_some_and(|(scheme, _)| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(|b| b.is_ascii_alphanumeric())
        });
        return Err(Refusal::without_host(if has_scheme { Rule::Scheme } else { Rule::NotAUrl }));
    };
    if scheme.eq_ignore_ascii_case("https") {
        Ok((Scheme::Https, rest))
    } else if scheme.eq_ignore_ascii_case("http") {
        Ok((Scheme::Http, rest))
    } else {
        Err(Refusal::without_host(Rule::Scheme))
    }
}

pub(super) fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        // The colons inside the brackets of an IPv6 address divide no port off.
        Some((_, after)) if after.ends_with(']') => (authority, None),
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    }
}

fn rule_of(error: ParseError) -> Rule {
    match error {
        ParseError::InvalidPort => Rule::Port,
        ParseError::EmptyHost
        | ParseError::IdnaError
        | ParseError::InvalidIpv4Address
        | ParseError::InvalidIpv6Address
        | ParseError::InvalidDomainCharacter => Rule::HostName,
        _ => Rule::NotAUrl,
    }
}

/// Judges the host as written against the host as parsed; takes the trailing dot off a name.
fn check_host(url: &mut Url, written: &Written<'_>, config: &EgressConfig) -> Result<(), Refusal> {
    match url.host() {
        Some(Host::Domain(name)) => {
            let bare = name.strip_suffix('.').unwrap_or(name);
            if !is_plainly(written.host, bare) {
                return Err(Refusal::of(Rule::Spelling, written.host));
            }
            check_name(bare, config).map_err(|rule| Refusal::of(rule, written.host))?;
            if bare.len() < name.len() {
                let bare = bare.to_owned();
                url.set_host(Some(&bare)).map_err(|error| Refusal::of(rule_of(error), written.host))?;
            }
            Ok(())
        }
        Some(Host::Ipv4(address)) if !is_written_as(written.host, address) => {
            Err(Refusal::of(Rule::Spelling, written.host))
        }
        Some(_) => Ok(()),
        None => Err(Refusal::without_host(Rule::NotAUrl)),
    }
}

fn is_written_as(text: &str, address: std::net::Ipv4Addr) -> bool {
    text.parse() == Ok(address)
}

/// Whether `written` shows the labels of `name`: letters of other scripts stand for themselves, but not for ASCII letters,
/// dots or nothing at all.
fn is_plainly(written: &str, name: &str) -> bool {
    let (mut shown, mut meant) = (written.strip_suffix('.').unwrap_or(written).split('.'), name.split('.'));
    loop {
        match (shown.next(), meant.next()) {
            (None, None) => return true,
            (Some(shown), Some(meant)) if shown.eq_ignore_ascii_case(meant) => {}
            (Some(shown), Some(meant)) if meant.starts_with("xn--") && !shown.contains(is_invisible) => {}
            _ => return false,
        }
    }
}

/// Characters that are not seen and that IDNA takes out (Unicode's default ignorable code points).
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Whether `name`, in lower case and ASCII, can be a public DNS name.
fn check_name(name: &str, config: &EgressConfig) -> Result<(), Rule> {
    let fits = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
    };
    if name.len() > NAME_BYTES_MAX || !name.split('.').all(fits) {
        return Err(Rule::HostName);
    }
    if config.denied_suffixes.iter().any(|suffix| is_under(name, suffix)) {
        return Err(Rule::LocalName);
    }
    if config.allow_names.iter().any(|allowed| allowed.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    if LOCAL_SUFFIXES.iter().any(|suffix| is_under(name, suffix)) {
        return Err(Rule::LocalName);
    }
    if name.contains('.') { Ok(()) } else { Err(Rule::SingleLabel) }
}

fn is_under(name: &str, suffix: &str) -> bool {
    let suffix = suffix.trim_matches('.');
    let Some(start) = name.len().checked_sub(suffix.len()) else { return false };
    name.is_char_boundary(start)
        && name[start..].eq_ignore_ascii_case(suffix)
        && (start == 0 || name[..start].ends_with('.'))
}

fn check_port(written: &Written<'_>) -> Result<(), Refusal> {
    let Some(port) = written.port else { return Ok(()) };
    let is_plain =
        !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) && (port == "0" || !port.starts_with('0'));
    if is_plain { Ok(()) } else { Err(Refusal::of(Rule::Spelling, written.host)) }
}

#[cfg(test)]
mod tests;
