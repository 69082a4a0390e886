//! Makes what a server shows in its TLS handshake: a certificate that is right, or wrong in one way, or no TLS at all.

use std::error::Error;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Where a certificate points whose directive does not say so.
const POINTED_AT: &str = "http://169.254.169.254/";

/// Authority information access (RFC 5280, 4.2.2.1), and its ways of access: a responder, the issuer's certificate.
const ACCESS: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 1, 1];
const OCSP: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 48, 1];
const ISSUERS: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 48, 2];

/// What a server shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    /// A certificate for these names, from an issuer that is trusted; without names, for the one that was asked for.
    For(Vec<String>),
    /// One that names the host in its subject alone, as was usual long ago.
    WithoutNames,
    /// One that ended long ago.
    Expired,
    /// One that begins in the far future.
    NotYetValid,
    /// One from an issuer that nobody knows.
    UnknownIssuer,
    /// One that says where more about it can be fetched.
    Pointing(String),
    /// None: it speaks only versions of TLS that are long broken.
    OldTls,
    /// None: it does not speak TLS.
    NoTls,
}

impl Shown {
    /// Reads a directive that speaks of a certificate or of TLS.
    pub(super) fn parse(directive: &str) -> Option<Shown> {
        let lower = directive.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if !says(&["cert", "tls"]) {
            return None;
        }
        if says(&["expired"]) {
            Some(Shown::Expired)
        } else if says(&["not yet valid"]) {
            Some(Shown::NotYetValid)
        } else if says(&["self-signed", "self signed", "untrusted", "unknown issuer", "unknown ca", "unknown root"]) {
            Some(Shown::UnknownIssuer)
        } else if says(&["without san", "no san", "without names"]) {
            Some(Shown::WithoutNames)
        } else if says(&[" aia", " ocsp", " crl"]) {
            let url = directive.split_whitespace().find(|word| word.contains("://"));
            Some(Shown::Pointing(url.unwrap_or(POINTED_AT).to_owned()))
        } else if says(&["tls 1.0", "tls 1.1", "tls1.0", "tls1.1"]) {
            Some(Shown::OldTls)
        } else if says(&["no tls", "plain text", "plaintext"]) {
            Some(Shown::NoTls)
        } else {
            Shown::named(directive)
        }
    }

    /// `certificate for a.test, *.b.test`, `certificate SAN=a.test`.
    fn named(directive: &str) -> Option<Shown> {
        let (_, names) = directive.split_once("for ").or(directive.split_once('='))?;
        let names: Vec<String> = names
            .split([',', ' '])
            .filter(|name| name.contains(['.', ':']))
            .map(|name| name.trim_matches(['[', ']', '`', '"']).to_owned())
            .collect();
        (!names.is_empty()).then_some(Shown::For(names))
    }
}

/// What shakes hands as `host`, or as `shown` has it, and the root that a client must trust.
pub(crate) fn acceptor(
    shown: &Shown,
    host: &str,
    protocols: &[&[u8]],
) -> Result<(TlsAcceptor, CertificateDer<'static>), Box<dyn Error + Send + Sync>> {
    let (chain, key, root) = certify(shown, host)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok((TlsAcceptor::from(Arc::new(config)), root))
}

type Certified = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, CertificateDer<'static>);

/// A certificate as `shown`, its key, and the root that a client is told to trust.
fn certify(shown: &Shown, host: &str) -> Result<Certified, rcgen::Error> {
    let issuer = |name: &str| {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate()?)
    };
    let (trusted, stranger) = (issuer("Trusted by the test")?, issuer("Unknown to the test")?);
    let bare = host.trim_matches(['[', ']']);
    let names = match shown {
        Shown::For(names) if !names.is_empty() => names.clone(),
        Shown::WithoutNames => Vec::new(),
        _ => vec![bare.to_owned()],
    };
    let mut params = CertificateParams::new(names)?;
    match shown {
        Shown::Expired => params.not_after = rcgen::date_time_ymd(2020, 1, 1),
        Shown::NotYetValid => params.not_before = rcgen::date_time_ymd(2999, 1, 1),
        Shown::WithoutNames => params.distinguished_name.push(DnType::CommonName, bare),
        Shown::Pointing(url) => {
            params.custom_extensions.push(CustomExtension::from_oid_content(&ACCESS, access(url)));
        }
        _ => {}
    }
    let key = KeyPair::generate()?;
    let signer = if *shown == Shown::UnknownIssuer { &stranger } else { &trusted };
    let certificate = params.signed_by(&key, signer)?;
    Ok((vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()), trusted.der().clone()))
}

/// The extension that says where a responder and the issuer's certificate are, in DER.
fn access(url: &str) -> Vec<u8> {
    let way = |method: &[u8]| der(0x30, &[der(0x06, method), der(0x86, url.as_bytes())].concat());
    der(0x30, &[way(&OCSP), way(&ISSUERS)].concat())
}

/// One value in DER. Lengths of up to 255 bytes are written, which URLs of cases do not exceed by far.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
    let mut bytes = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    bytes.extend_from_slice(&content[..usize::from(length)]);
    bytes
}
