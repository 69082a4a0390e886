//! Byte streams to one destination's endpoints, bounded in time and size, for protocols that are not HTTP.

use std::sync::Arc;
use std::time::Duration;

use freehold_model::outcome::{ErrorKind, Failure};
use rustls::RootCertStore;
use tokio_rustls::TlsConnector;

use super::Door;
use super::client_certificate::ClientCertificate;
use super::endpoint::EndpointPolicy;
use super::refusal::{EgressError, Refusal, Rule, in_words};
use super::tls;
use super::url::Scheme;

mod address;
mod connection;

pub use self::address::StreamAddress;
pub use self::connection::Stream;

/// Where a stream shall lead and how it is to be secured.
pub struct Target {
    /// `tls://host:port`, `starttls://host:port` or `tcp://host:port`.
    pub endpoint: String,
    /// Roots in PEM that are trusted instead of the system's and the operator's.
    pub roots: Option<String>,
    /// What is shown when the other side asks for a certificate.
    pub client_certificate: Option<ClientCertificate>,
    /// How long connecting, and each read and write after it, may take, if less than the door allows anyway.
    pub timeout: Option<Duration>,
}

/// Why no stream came about.
#[derive(Debug, thiserror::Error)]
#[error("{}", failure.message)]
pub struct StreamError {
    /// The failure. It names the host, never an address.
    pub failure: Failure,
    /// Scheme, host and port that it was to lead to, if that was one of the endpoints.
    pub origin: Option<String>,
}

/// Opens byte streams for one destination.
#[derive(Clone)]
pub struct Streams {
    door: Door,
    policy: Arc<EndpointPolicy>,
}

impl Streams {
    pub(crate) fn new(door: Door, policy: Arc<EndpointPolicy>) -> Self {
        Streams { door, policy }
    }

    /// Opens a stream, within `time_left` at most.
    ///
    /// # Errors
    /// When the door refuses, the certificates cannot be used, or no connection comes about.
    pub async fn open(&self, target: Target, time_left: Duration) -> Result<Stream, StreamError> {
        let refused = |refusal: Refusal| StreamError { failure: (&refusal).into(), origin: None };
        let address = StreamAddress::parse(&target.endpoint, self.door.config()).map_err(refused)?;
        if self.policy.position_of(address.scheme, &address.host, address.port).is_none() {
            return Err(refused(Refusal::of(Rule::Endpoint, &address.host)));
        }
        let origin = address.origin();
        let time_max = target.timeout.map_or(time_left, |own| own.min(time_left));
        let opened = match tokio::time::timeout(time_max, self.connect(address, target)).await {
            Ok(opened) => opened,
            Err(_) => {
                let authority = origin.split_once("://").map_or(origin.as_str(), |(_, authority)| authority);
                let message = format!("{authority} could not be connected to within {}", in_words(time_max));
                Err(Failure::new(ErrorKind::Transient, "timeout", message))
            }
        };
        opened.map_err(|failure| StreamError { failure, origin: Some(origin) })
    }

    async fn connect(&self, address: StreamAddress, target: Target) -> Result<Stream, Failure> {
        let has_own_roots = target.roots.is_some();
        let tls = match address.scheme {
            Scheme::Tcp => None,
            _ => Some(self.connector(&address, target.roots, target.client_certificate).await?),
        };
        let reached = self.door.reach(&self.policy, address.scheme, &address.host, address.port).await;
        let tcp = reached.map_err(|error| Failure::from(&error))?;
        let mut stream = Stream::new(self.door.clone(), address, tcp, tls);
        stream.timeout = target.timeout;
        stream.has_own_roots = has_own_roots;
        if stream.address.scheme == Scheme::Tls {
            stream.secure().await?;
        }
        Ok(stream)
    }

    async fn connector(
        &self,
        address: &StreamAddress,
        roots: Option<String>,
        certificate: Option<ClientCertificate>,
    ) -> Result<TlsConnector, Failure> {
        let failed = |problem| Failure::from(&EgressError::Tls { authority: address.authority(), problem });
        let roots = match roots {
            Some(pem) => own_roots(&pem)?,
            None => self.door.trust().await.map_err(failed)?.roots(),
        };
        let shown = certificate.map(ClientCertificate::resolver).transpose().map_err(Failure::from)?;
        tls::for_streams(roots, shown).map_err(failed)
    }
}

fn own_roots(pem: &str) -> Result<Arc<RootCertStore>, Failure> {
    let unusable = |what: &str| {
        let message = format!("the CA certificates cannot be used: {what}");
        Failure::new(ErrorKind::Config, "ca-certificate-bad", message)
    };
    let certificates = tls::certificates_from_pem(pem.as_bytes()).map_err(|error| unusable(&error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|_| unusable("one of them is not a valid X.509 certificate"))?;
    }
    Ok(Arc::new(roots))
}
