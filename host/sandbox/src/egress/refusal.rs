//! Says why the door stays shut, and why a connection did not come about.
//!
//! A text made here goes to the customer: it names the host as the customer wrote it, never an address it resolved to,
//! a path or a query.

use std::fmt;
use std::time::Duration;

use freehold_model::outcome::{ErrorKind, Failure};

use super::resolve::ResolveError;
use super::tls::TlsProblem;

/// The rule that a URL, a name or an address broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// It is not an absolute URL with a host.
    NotAUrl,
    /// It is written in a way that programs read differently: odd number forms, escapes, empty ports, backslashes.
    Spelling,
    /// Its scheme is not one that the door speaks.
    Scheme,
    /// Plain HTTP, outside the networks that the operator allows.
    PlainHttp,
    /// A byte stream without TLS, outside the networks that the operator allows.
    PlainStream,
    /// It carries a user name or password.
    UserInfo,
    /// It carries a fragment.
    Fragment,
    /// Its host cannot be a DNS name.
    HostName,
    /// Its host is one word, which only a search list could complete.
    SingleLabel,
    /// Its host lies under a suffix for local use.
    LocalName,
    /// Its port is 0 or belongs to another protocol.
    Port,
    /// It is a byte stream's and has no port.
    PortMissing,
    /// It has a `*` where none can stand.
    Pattern,
    /// It is not one of this destination's endpoints.
    Endpoint,
    /// No address of its host is public.
    Address,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Rule; 15] = [
        Rule::NotAUrl,
        Rule::Spelling,
        Rule::Scheme,
        Rule::PlainHttp,
        Rule::PlainStream,
        Rule::UserInfo,
        Rule::Fragment,
        Rule::HostName,
        Rule::SingleLabel,
        Rule::LocalName,
        Rule::Port,
        Rule::PortMissing,
        Rule::Pattern,
        Rule::Endpoint,
        Rule::Address,
    ];

    /// The rule as a stable word for machines.
    pub fn slug(self) -> &'static str {
        match self {
            Rule::NotAUrl => "not-a-url",
            Rule::Spelling => "spelling",
            Rule::Scheme => "scheme",
            Rule::PlainHttp => "plain-http",
            Rule::PlainStream => "plain-stream",
            Rule::UserInfo => "user-info",
            Rule::Fragment => "fragment",
            Rule::HostName => "host-name",
            Rule::SingleLabel => "single-label",
            Rule::LocalName => "local-name",
            Rule::Port => "port",
            Rule::PortMissing => "port-missing",
            Rule::Pattern => "pattern",
            Rule::Endpoint => "endpoint",
            Rule::Address => "address",
        }
    }

    /// What is wrong and what to do about it.
    fn reason(self) -> &'static str {
        match self {
            Rule::NotAUrl => "it is not an absolute URL; write it like https://hooks.example.com/path",
            Rule::Spelling => "it is spelt in a way that programs read differently; write the plain host name and port",
            Rule::Scheme => "its scheme is not one that can be reached here; use https://",
            Rule::PlainHttp => "plain http is not encrypted; use https",
            Rule::PlainStream => {
                "a connection without TLS is not encrypted; use TLS, or ask the operator of this service to allow it"
            }
            Rule::UserInfo => "it carries a user name or password; put those into the credential instead",
            Rule::Fragment => "it carries a fragment, which is never sent; remove the `#` and what follows",
            Rule::HostName => "its host is not a valid DNS name or address",
            Rule::SingleLabel => "its host is a single word; use the full name, such as hooks.example.com",
            Rule::LocalName => "names under that suffix are for local use only; use a public name",
            Rule::Port => "that port belongs to another protocol; use 443, or the port that the service itself names",
            Rule::PortMissing => "it has no port; write host and port, such as broker.example.com:9093",
            Rule::Pattern => {
                "a `*` can only be the whole first label with two more behind it, as in *.kafka.example.com:9093"
            }
            Rule::Endpoint => "it is not one of the endpoints that this destination's config leads to",
            Rule::Address => "no public address belongs to it; private and special addresses cannot be reached",
        }
    }
}

/// Something that the door refused: which rule, and which host it was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The rule that was broken.
    pub rule: Rule,
    /// The host as it was written, where the text has one that can be told apart from the rest.
    pub host: Option<String>,
}

impl Refusal {
    /// A refusal by `rule` of `host`.
    pub fn of(rule: Rule, host: &str) -> Self {
        Refusal { rule, host: Some(host.to_owned()) }
    }

    /// A refusal by `rule` of a text in which no host can be told.
    pub fn without_host(rule: Rule) -> Self {
        Refusal { rule, host: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) => write!(f, "{host} was refused: {}", self.rule.reason()),
            None => write!(f, "the URL was refused: {}", self.rule.reason()),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<&Refusal> for Failure {
    fn from(refusal: &Refusal) -> Self {
        Failure::new(ErrorKind::EgressDenied, &format!("egress-{}", refusal.rule.slug()), refusal.to_string())
    }
}

/// Why no connection came about. Nothing has been sent.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EgressError {
    /// The door refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The name led to no address.
    #[error("{host} {error}")]
    Unresolved {
        /// The name.
        host: String,
        /// Why.
        error: ResolveError,
    },
    /// No address took the connection.
    #[error("connection to {authority} {why}")]
    Unreachable {
        /// Host and port.
        authority: String,
        /// Why.
        why: Unreachable,
    },
    /// TLS did not come about.
    #[error("{authority} {problem}")]
    Tls {
        /// Host and port.
        authority: String,
        /// Why.
        problem: TlsProblem,
    },
}

/// How a connection failed to come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// Nothing listens there.
    #[error("was refused; check that the port is right and the service is running")]
    Refused,
    /// No answer in time.
    #[error("timed out; check that a firewall lets it through")]
    TimedOut,
    /// The other side broke it off.
    #[error("was reset by the other side")]
    Reset,
    /// There is no way there.
    #[error("found no route")]
    NoRoute,
    /// Anything else.
    #[error("failed")]
    Other,
}

impl Unreachable {
    /// Reads the kind of failure off an error of the operating system.
    pub(crate) fn from_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        match error.kind() {
            Io::ConnectionRefused => Unreachable::Refused,
            Io::TimedOut => Unreachable::TimedOut,
            Io::ConnectionReset | Io::ConnectionAborted => Unreachable::Reset,
            Io::HostUnreachable | Io::NetworkUnreachable | Io::AddrNotAvailable => Unreachable::NoRoute,
            _ => Unreachable::Other,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Unreachable::Refused => "connection-refused",
            Unreachable::TimedOut => "connect-timeout",
            Unreachable::Reset => "connection-reset",
            Unreachable::NoRoute => "no-route",
            Unreachable::Other => "connect-failed",
        }
    }
}

impl From<&EgressError> for Failure {
    fn from(error: &EgressError) -> Self {
        let code = match error {
            EgressError::Refused(refusal) => return refusal.into(),
            EgressError::Unresolved { error, .. } => error.code(),
            EgressError::Unreachable { why, .. } => why.code(),
            EgressError::Tls { problem, .. } => problem.code(),
        };
        Failure::new(ErrorKind::Transient, code, error.to_string())
    }
}

/// A length of time, for people.
pub(crate) fn in_words(time: Duration) -> String {
    if time.as_millis().is_multiple_of(1000) {
        format!("{} s", time.as_secs())
    } else {
        format!("{} ms", time.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_own_slug() {
        let slugs: std::collections::BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.slug()).collect();

        assert_eq!(slugs.len(), Rule::ALL.len());
    }

    #[test]
    fn a_refusal_becomes_a_failure_that_names_rule_and_host() {
        let failure = Failure::from(&Refusal::of(Rule::Address, "hooks.example.com"));

        assert_eq!(failure.kind, ErrorKind::EgressDenied);
        assert_eq!(failure.code, "egress-address");
        assert!(failure.message.starts_with("hooks.example.com was refused: "), "{}", failure.message);
        assert!(!failure.request_sent);
    }

    #[test]
    fn a_refused_connection_says_so_to_the_customer() {
        let error =
            EgressError::Unreachable { authority: "hooks.example.com:443".to_owned(), why: Unreachable::Refused };

        let failure = Failure::from(&error);

        assert_eq!(failure.code, "connection-refused");
        assert!(failure.message.starts_with("connection to hooks.example.com:443 was refused"), "{}", failure.message);
    }
}
