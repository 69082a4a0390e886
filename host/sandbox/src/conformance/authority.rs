//! Whom does the sandbox trust while a type is examined? A root made for the occasion, which vouches for every name.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The name of a certificate that fits no endpoint.
const ANOTHER_NAME: &str = "another-name.invalid";

/// A root, and what it has certified.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    certified: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

type Trouble = Box<dyn Error + Send + Sync>;

impl Authority {
    pub(crate) fn new() -> Result<Arc<Authority>, Trouble> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "Freehold conformance kit");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Arc::new(Authority { issuer, certified: Mutex::default() }))
    }

    /// What a client must trust.
    pub(crate) fn root(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// How a server shakes hands under the name that it is asked for, or `wrongly`, under another one.
    pub(crate) fn server(self: &Arc<Self>, wrongly: bool, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>, Trouble> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Shown { authority: Arc::clone(self), wrongly }));
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Arc::new(config))
    }

    fn certificate(&self, name: &str) -> Result<Arc<CertifiedKey>, Trouble> {
        let mut certified = self.certified.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = certified.get(name) {
            return Ok(Arc::clone(known));
        }
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &self.issuer)?;
        let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let made = CertifiedKey::from_der(vec![certificate.der().clone()], private, &ring::default_provider())?;
        Ok(Arc::clone(certified.entry(name.to_owned()).or_insert(Arc::new(made))))
    }
}

/// What a server shows.
#[derive(Debug)]
struct Shown {
    authority: Arc<Authority>,
    wrongly: bool,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = hello.server_name().unwrap_or(ANOTHER_NAME);
        self.authority.certificate(if self.wrongly { ANOTHER_NAME } else { asked }).ok()
    }
}
