//! How is a service of the operator reached? Through the egress door, set for exactly one address that the operator chose.
//!
//! It is a door of its own: what it opens here stays closed to destinations.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use freehold_sandbox::egress::{
    AllowedNetwork, Client, Door, EgressConfig, EndpointPolicy, Request, SystemResolver, Timeouts,
    certificates_from_pem,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::json;
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::ask_error::AskError;

/// Bytes of an answer: a wrapped key or a checkpoint has less than one KiB.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// Every address: the operator named the host, and the door opens for nothing else.
const ANYWHERE: [&str; 2] = ["0.0.0.0/0", "[::]/0"];

/// Why a service cannot be reached as things are set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// An address that cannot be one.
    #[error("`{setting}`: {reason}")]
    Address {
        /// The setting.
        setting: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A file of certificates that is none.
    #[error("`{setting}`: the file has no certificate in PEM form, or one that is not whole")]
    Certificates {
        /// The setting.
        setting: &'static str,
    },
}

/// The way to one service.
pub struct Reach {
    client: Client,
    base: String,
    host: String,
}

/// How it is reached.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// Roots that its certificate may lead to, besides the system's, in PEM.
    pub ca: Option<&'a [u8]>,
    /// How long one question may take.
    pub timeout: Duration,
    /// Name servers to ask instead of those that this host is configured with.
    pub name_servers: &'a [SocketAddr],
}

/// What a service may do beyond the usual.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leave {
    /// Bytes of an answer.
    pub(crate) answer_bytes: u64,
    /// Whether it may be reached without TLS although it is not on this machine.
    pub(crate) plain_http: bool,
}

/// The usual.
const USUAL: Leave = Leave { answer_bytes: ANSWER_BYTES_MAX, plain_http: false };

/// What it answered.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, up to 64 KiB.
    pub body: Bytes,
}

impl std::fmt::Debug for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reach({})", self.host)
    }
}

impl Reach {
    /// The way to `address`, which `setting` gave.
    ///
    /// # Errors
    /// When it is no address that secrets may cross to, or the certificates are none.
    pub fn new(setting: &'static str, address: &str, means: &Means<'_>) -> Result<Self, AddressError> {
        Reach::with(setting, address, means, USUAL)
    }

    /// The same for a service with other bounds.
    pub(crate) fn with(
        setting: &'static str,
        address: &str,
        means: &Means<'_>,
        leave: Leave,
    ) -> Result<Self, AddressError> {
        let wrong = |reason: &str| AddressError::Address { setting, reason: reason.to_owned() };
        let url = Url::parse(address).map_err(|_| wrong("it is not a URL such as https://bao.example.com:8200"))?;
        check(&url, leave.plain_http).map_err(wrong)?;
        let name = url.host_str().unwrap_or_default().to_owned();
        let config = EgressConfig {
            allow: ANYWHERE.iter().filter_map(|network| network.parse::<AllowedNetwork>().ok()).collect(),
            allow_names: vec![name.clone()],
            name_servers: means.name_servers.to_vec(),
            extra_roots: match means.ca {
                Some(pem) => certificates_from_pem(pem).map_err(|_| AddressError::Certificates { setting })?,
                None => Vec::new(),
            },
            timeouts: Timeouts {
                resolve: means.timeout,
                connect: means.timeout,
                tls: means.timeout,
                total: means.timeout,
                ..Timeouts::default()
            },
            response_bytes_max: leave.answer_bytes,
            ..EgressConfig::default()
        };
        let here = json!({ "address": address });
        let policy = EndpointPolicy::compile_for(&["{address}".to_owned()], &here, &config)
            .map_err(|error| wrong(&error.to_string()))?;
        let door = Door::new(config, Arc::new(SystemResolver::asking(means.name_servers)));
        let host = url.port().map_or_else(|| name.clone(), |port| format!("{name}:{port}"));
        Ok(Reach { client: door.client(Arc::new(policy)), base: address.trim_end_matches('/').to_owned(), host })
    }

    /// Host and port as the header `host` says them.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Sends `body` to `path` and reads the answer, whatever its status.
    ///
    /// # Errors
    /// [`AskError::Away`] when there is no answer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Zeroizing<Vec<u8>>,
    ) -> Result<Answer, AskError> {
        self.send_bytes(method, path, headers, Bytes::from_owner(body)).await
    }

    /// The same with a body that is no secret and may be sent again.
    pub(crate) async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> Result<Answer, AskError> {
        let request =
            Request { method, url: format!("{}{path}", self.base).into(), headers, body, http2: false, timeout: None };
        let answer = self.client.send(request).await.map_err(|error| AskError::Away(error.failure.message))?;
        Ok(Answer { status: answer.status.as_u16(), headers: answer.headers, body: answer.body })
    }
}

/// Only on this machine may secrets cross a connection in the clear.
fn check(url: &Url, plain_http: bool) -> Result<(), &'static str> {
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        _ => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if is_here || plain_http => {}
        "http" => return Err("secrets cross plain HTTP to 127.0.0.1 or [::1] only: write https://"),
        _ => return Err("it must begin with https://"),
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("it has more than scheme, host, port and path");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(address: &str) -> Result<Reach, AddressError> {
        let means = Means { ca: None, timeout: Duration::from_secs(1), name_servers: &[] };
        Reach::new("transit.address", address, &means)
    }

    #[test]
    fn any_host_of_the_operators_will_do_over_tls() {
        for (address, host) in [
            ("https://bao:8200", "bao:8200"),
            ("https://bao.svc.cluster.local/", "bao.svc.cluster.local"),
            ("https://10.1.2.3:8200", "10.1.2.3:8200"),
            ("http://127.0.0.1:8100", "127.0.0.1:8100"),
            ("http://[::1]:8100", "[::1]:8100"),
            ("https://kms.eu-west-1.amazonaws.com", "kms.eu-west-1.amazonaws.com"),
        ] {
            assert_eq!(new(address).unwrap().host(), host);
        }
    }

    #[test]
    fn keys_do_not_leave_the_machine_in_the_clear() {
        for address in ["http://bao:8200", "http://10.1.2.3", "http://localhost:8200", "ftp://bao", "bao:8200"] {
            assert!(new(address).is_err(), "{address}");
        }
    }

    #[test]
    fn an_address_with_a_password_is_refused_without_repeating_it() {
        let refusal = new("https://user:hunter2@bao:8200").map(|_| ()).unwrap_err().to_string();

        assert!(refusal.contains("transit.address") && !refusal.contains("hunter2"), "{refusal}");
    }
}
