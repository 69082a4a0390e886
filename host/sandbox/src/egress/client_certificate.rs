//! Can a certificate and its private key be shown to a server? Both come from a customer, the key sealed.

use std::sync::Arc;

use freehold_model::outcome::{ErrorKind, Failure};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys};
use zeroize::Zeroizing;

use super::tls::certificates_from_pem;
use crate::pem;

/// A certificate and its private key, in PEM.
pub struct ClientCertificate {
    /// The certificate and what leads from it to its issuer, leaf first.
    pub chain: String,
    /// The private key: PKCS #8, PKCS #1 or SEC 1.
    pub key: Zeroizing<Vec<u8>>,
}

/// Why a certificate and a key cannot be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error(
        "the client certificate is not in PEM form: give the whole `-----BEGIN CERTIFICATE-----` block, leaf first"
    )]
    Certificate,
    #[error("the private key of the client certificate is protected by a passphrase: save it without one")]
    Encrypted,
    #[error(
        "the private key of the client certificate is not one in PEM form (PKCS #8, PKCS #1 or SEC 1); RSA from 2048 bits, ECDSA on P-256 and P-384 and Ed25519 are known"
    )]
    Key,
    #[error("the private key does not belong to the client certificate: save the two that were made together")]
    Mismatch,
}

impl From<Unusable> for Failure {
    fn from(why: Unusable) -> Self {
        let (kind, code) = match why {
            Unusable::Certificate => (ErrorKind::Config, "client-certificate-bad"),
            Unusable::Encrypted => (ErrorKind::Auth, "client-key-encrypted"),
            Unusable::Key => (ErrorKind::Auth, "client-key-bad"),
            Unusable::Mismatch => (ErrorKind::Auth, "client-key-mismatch"),
        };
        Failure::new(kind, code, why.to_string())
    }
}

impl ClientCertificate {
    /// The certificate as TLS wants it. The key's text and its DER are wiped on the way.
    pub(crate) fn resolver(self) -> Result<Arc<dyn ResolvesClientCert>, Unusable> {
        let chain = certificates_from_pem(self.chain.as_bytes()).map_err(|_| Unusable::Certificate)?;
        if self.key.windows(PEM_ENCRYPTION.len()).any(|window| window == PEM_ENCRYPTION) {
            return Err(Unusable::Encrypted);
        }
        let block = pem::private_key(&self.key).ok_or(Unusable::Key)?;
        if block.label.starts_with("ENCRYPTED") {
            return Err(Unusable::Encrypted);
        }
        let der = block.der.as_slice();
        let der = match block.label.as_str() {
            "RSA PRIVATE KEY" => PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der)),
            "EC PRIVATE KEY" => PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(der)),
            _ => PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der)),
        };
        let key = rustls::crypto::ring::sign::any_supported_type(&der).map_err(|_| Unusable::Key)?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(Error::InconsistentKeys(_)) => return Err(Unusable::Mismatch),
            Err(_) => return Err(Unusable::Certificate),
        }
        Ok(Arc::new(SingleCertAndKey::from(certified)))
    }
}

/// What stands in a PEM text whose key is encrypted in the old way (RFC 1421).
const PEM_ENCRYPTION: &[u8] = b"Proc-Type: 4,ENCRYPTED";
