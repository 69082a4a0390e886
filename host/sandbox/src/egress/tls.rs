//! Makes TLS connections: trust in the system's roots, certificates always checked, sessions never shared.

use std::sync::Arc;

use rustls::client::{ResolvesClientCert, Resumption, WantsClientCert};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, ConfigBuilder, InvalidMessage, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Servers of which one client remembers TLS sessions: a destination has one or two.
const SESSIONS_MAX: usize = 4;

/// Why TLS did not come about. Reads on from host and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsProblem {
    /// The certificate is too old.
    #[error("showed a certificate that has expired; renew it")]
    Expired,
    /// The certificate is too new.
    #[error("showed a certificate that is not valid yet")]
    NotYetValid,
    /// The certificate is for other names.
    #[error("showed a certificate for another name; it must cover this host name")]
    NameMismatch,
    /// The certificate leads to no root that is trusted here.
    #[error(
        "showed a certificate from an unknown issuer; it must be issued by a public authority and sent with its chain"
    )]
    UnknownIssuer,
    /// The certificate does not lead to the roots that were given for this connection alone.
    #[error(
        "showed a certificate that the given CA certificates did not issue; give the certificate of the CA that did"
    )]
    OtherIssuer,
    /// The certificate was revoked.
    #[error("showed a certificate that was revoked")]
    Revoked,
    /// The certificate is wrong in another way.
    #[error("showed a certificate that is not acceptable")]
    BadCertificate,
    /// The other side wants a certificate of ours.
    #[error("wants a client certificate")]
    ClientCertificateWanted,
    /// The other side does not take the certificate that we showed.
    #[error("does not accept the client certificate; check that it is valid, and that the server trusts its issuer")]
    ClientCertificateRefused,
    /// The other side does not speak HTTP/2.
    #[error("does not offer HTTP/2, which is needed here")]
    NoHttp2,
    /// The other side ended the handshake with an alert.
    #[error("refused the TLS handshake; it may not know this host name, or speak neither TLS 1.2 nor 1.3")]
    HandshakeRefused,
    /// The other side speaks another protocol.
    #[error("does not speak TLS on this port")]
    NotTls,
    /// The other side broke the handshake off.
    #[error("closed the connection during the TLS handshake")]
    Closed,
    /// No answer in time.
    #[error("did not finish the TLS handshake in time")]
    TimedOut,
    /// This host trusts nobody.
    #[error("cannot be trusted: this server has no root certificates; install the ca-certificates package")]
    NoRoots,
    /// Anything else.
    #[error("failed the TLS handshake")]
    Other,
}

impl TlsProblem {
    pub(crate) fn code(self) -> &'static str {
        match self {
            TlsProblem::Expired => "tls-certificate-expired",
            TlsProblem::NotYetValid => "tls-certificate-not-yet-valid",
            TlsProblem::NameMismatch => "tls-name-mismatch",
            TlsProblem::UnknownIssuer | TlsProblem::OtherIssuer => "tls-unknown-issuer",
            TlsProblem::Revoked => "tls-certificate-revoked",
            TlsProblem::BadCertificate => "tls-certificate-bad",
            TlsProblem::ClientCertificateWanted => "tls-client-certificate-wanted",
            TlsProblem::ClientCertificateRefused => "tls-client-certificate-refused",
            TlsProblem::NoHttp2 => "http2-not-offered",
            TlsProblem::HandshakeRefused => "tls-handshake-refused",
            TlsProblem::NotTls => "tls-not-spoken",
            TlsProblem::Closed => "tls-closed",
            TlsProblem::TimedOut => "tls-timeout",
            TlsProblem::NoRoots => "tls-no-roots",
            TlsProblem::Other => "tls-failed",
        }
    }

    /// The problem behind an error of a TLS stream; `None` when TLS has no part in it.
    pub(crate) fn find(error: &(dyn std::error::Error + 'static)) -> Option<TlsProblem> {
        let mut next = Some(error);
        while let Some(error) = next {
            let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            if let Some(error) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return Some(TlsProblem::of(error));
            }
            next = error.source();
        }
        None
    }

    fn of(error: &rustls::Error) -> TlsProblem {
        use rustls::Error;
        match error {
            Error::InvalidCertificate(problem) => TlsProblem::of_certificate(problem),
            Error::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::BadCertificate) => {
                TlsProblem::ClientCertificateWanted
            }
            Error::AlertReceived(
                AlertDescription::UnknownCA
                | AlertDescription::CertificateUnknown
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateRevoked
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::AccessDenied,
            ) => TlsProblem::ClientCertificateRefused,
            Error::AlertReceived(AlertDescription::NoApplicationProtocol) => TlsProblem::NoHttp2,
            Error::AlertReceived(_) | Error::PeerIncompatible(_) => TlsProblem::HandshakeRefused,
            Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
                TlsProblem::NotTls
            }
            _ => TlsProblem::Other,
        }
    }

    fn of_certificate(problem: &CertificateError) -> TlsProblem {
        match problem {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsProblem::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsProblem::NotYetValid,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsProblem::NameMismatch
            }
            CertificateError::UnknownIssuer => TlsProblem::UnknownIssuer,
            CertificateError::Revoked => TlsProblem::Revoked,
            _ => TlsProblem::BadCertificate,
        }
    }
}

/// A text that holds no certificates.
#[derive(Debug, thiserror::Error)]
#[error("no certificate in PEM form: expected at least one `-----BEGIN CERTIFICATE-----` block that is whole")]
pub struct InvalidCertificates;

/// The certificates in a PEM text, for [`super::EgressConfig::extra_roots`].
///
/// # Errors
/// When there is none, or one is not whole.
pub fn certificates_from_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, InvalidCertificates> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    certificates.ok().filter(|found| !found.is_empty()).ok_or(InvalidCertificates)
}

/// Whom TLS connections trust: the system's roots and the operator's.
pub(crate) struct Trust {
    roots: Arc<RootCertStore>,
    /// The settings that all HTTP clients begin with.
    http: ClientConfig,
}

impl Trust {
    /// Reads the system's roots: slow, so once per door.
    pub(crate) fn load(extra_roots: &[CertificateDer<'static>]) -> Result<Arc<Trust>, TlsProblem> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::warn!(%error, "a root certificate store cannot be read");
        }
        roots.add_parsable_certificates(system.certs);
        roots.add_parsable_certificates(extra_roots.iter().cloned());
        if roots.is_empty() {
            tracing::error!("no root certificates found: destinations cannot be reached over TLS");
            return Err(TlsProblem::NoRoots);
        }
        let roots = Arc::new(roots);
        let mut http = settings(roots.clone())?.with_no_client_auth();
        http.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(Trust { roots, http }))
    }

    /// The roots.
    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        self.roots.clone()
    }

    /// What makes connections for HTTP, or for HTTP/2 alone. It has a session store of its own: a resumed session tells the
    /// server that two connections belong to the same client, which two customers are not.
    pub(crate) fn for_http(&self, http2: bool) -> TlsConnector {
        let mut config = self.http.clone();
        if http2 {
            config.alpn_protocols = vec![b"h2".to_vec()];
        }
        config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        TlsConnector::from(Arc::new(config))
    }
}

/// What makes connections for byte streams. Nothing is resumed: such streams live long, and one session must not vouch for a
/// later one that trusts others.
pub(crate) fn for_streams(
    roots: Arc<RootCertStore>,
    shown: Option<Arc<dyn ResolvesClientCert>>,
) -> Result<TlsConnector, TlsProblem> {
    let settings = settings(roots)?;
    let mut config = match shown {
        Some(certificate) => settings.with_client_cert_resolver(certificate),
        None => settings.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn settings(roots: Arc<RootCertStore>) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsProblem> {
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsProblem::Other)?;
    Ok(builder.with_root_certificates(roots))
}

/// Shakes hands as with `host`, whatever address `tcp` leads to.
pub(crate) async fn handshake(
    connector: &TlsConnector,
    host: &str,
    tcp: TcpStream,
) -> Result<TlsStream<TcpStream>, TlsProblem> {
    let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    let name = ServerName::try_from(bare.to_owned()).map_err(|_| TlsProblem::NameMismatch)?;
    connector.connect(name, tcp).await.map_err(|error| {
        TlsProblem::find(&error).unwrap_or(match error.kind() {
            std::io::ErrorKind::UnexpectedEof
            | std::io::ErrorKind::ConnectionReset
            | std::io::ErrorKind::ConnectionAborted
            | std::io::ErrorKind::BrokenPipe => TlsProblem::Closed,
            _ => TlsProblem::Other,
        })
    })
}

/// Whether the other side chose HTTP/2.
pub(crate) fn is_h2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(b"h2".as_slice())
}
