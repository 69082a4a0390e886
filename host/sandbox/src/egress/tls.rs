//! Makes TLS connections: trust in the system's roots, certificates always checked, sessions never shared.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, InvalidMessage, RootCertStore};
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
    #[error("showed a certificate for another name; it must cover the host name in the URL")]
    NameMismatch,
    /// The certificate leads to no root that is trusted here.
    #[error(
        "showed a certificate from an unknown issuer; it must be issued by a public authority and sent with its chain"
    )]
    UnknownIssuer,
    /// The certificate was revoked.
    #[error("showed a certificate that was revoked")]
    Revoked,
    /// The certificate is wrong in another way.
    #[error("showed a certificate that is not acceptable")]
    BadCertificate,
    /// The other side wants a certificate of ours.
    #[error("wants a client certificate")]
    ClientCertificateWanted,
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
            TlsProblem::UnknownIssuer => "tls-unknown-issuer",
            TlsProblem::Revoked => "tls-certificate-revoked",
            TlsProblem::BadCertificate => "tls-certificate-bad",
            TlsProblem::ClientCertificateWanted => "tls-client-certificate-wanted",
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

/// The TLS settings that all clients begin with. Reads the system's roots: slow, so once per door.
pub(crate) fn load(extra_roots: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>, TlsProblem> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "a root certificate store cannot be read");
    }
    roots.add_parsable_certificates(system.certs);
    roots.add_parsable_certificates(extra_roots.iter().cloned());
    if roots.is_empty() {
        tracing::error!("no root certificates found: https destinations cannot be reached");
        return Err(TlsProblem::NoRoots);
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsProblem::Other)?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A connector with a session store of its own: a resumed session tells the server that two connections belong to the
/// same client, which two customers are not.
pub(crate) fn connector(base: &ClientConfig) -> TlsConnector {
    let mut config = base.clone();
    config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
    TlsConnector::from(Arc::new(config))
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
