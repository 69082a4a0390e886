//! Byte streams against real TLS servers: how the tests set the scene.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_model::outcome::{ErrorKind, Failure};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::*;

mod clear;
mod life;
mod trust;

/// Longer than any of these tests may take.
const LONG: Duration = Duration::from_secs(20);

/// Issues certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
struct Pair {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn root(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    fn pem(&self) -> String {
        pem("CERTIFICATE", &self.root())
    }

    fn issue(&self, name: &str) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        Pair { certificate: certificate.der().clone(), key: key.serialize_der() }
    }
}

impl Pair {
    fn chain(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    fn shown(&self) -> Option<ClientCertificate> {
        self.shown_with(&pem("PRIVATE KEY", &self.key))
    }

    fn shown_with(&self, key: &str) -> Option<ClientCertificate> {
        Some(ClientCertificate { chain: self.chain(), key: key.as_bytes().to_vec().into() })
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// What a server shows, and whether it wants to be shown something.
fn acceptor(shown: &Pair, clients: Option<&Authority>, versions: &[&'static SupportedProtocolVersion]) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions).unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.root()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::Pkcs8(shown.key.clone().into());
    TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![shown.certificate.clone()], key).unwrap()))
}

/// A TLS server for `broker.example.com` that hands each connection to `serve`; its port.
async fn tls_server<F, Served>(acceptor: TlsAcceptor, serve: F) -> u16
where
    F: Fn(TlsStream<TcpStream>) -> Served + Clone + Send + Sync + 'static,
    Served: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let (address, _) = server(move |tcp| {
        let (acceptor, serve) = (acceptor.clone(), serve.clone());
        async move { serve(acceptor.accept(tcp).await?).await }
    })
    .await;
    address.port()
}

/// Says everything back.
async fn echo(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) -> std::io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return stream.shutdown().await;
        }
        stream.write_all(&buffer[..count]).await?;
        stream.flush().await?;
    }
}

/// A plain server that tells everything it hears, and `None` when the other side has closed.
async fn listener() -> (u16, mpsc::UnboundedReceiver<Option<Vec<u8>>>) {
    let (heard, hearing) = mpsc::unbounded_channel();
    let (address, _) = server(move |mut tcp| {
        let heard = heard.clone();
        async move {
            let mut buffer = [0; 1024];
            loop {
                let count = tcp.read(&mut buffer).await?;
                let said = (count > 0).then(|| buffer[..count].to_vec());
                let over = said.is_none() || heard.send(said).is_err();
                if over {
                    let _ = heard.send(None);
                    return Ok(());
                }
            }
        }
    })
    .await;
    (address.port(), hearing)
}

fn streams_for(config: EgressConfig, names: Arc<Names>, endpoint: &str) -> Streams {
    let templates = [endpoint.to_owned()];
    let policy = EndpointPolicy::compile(&templates, &json!({})).unwrap();
    Door::new(config, names).streams(Arc::new(policy))
}

fn target(endpoint: &str) -> Target {
    Target { endpoint: endpoint.to_owned(), roots: None, client_certificate: None, timeout: None }
}

/// Opens `endpoint` on this machine under `config`.
async fn open_under(config: EgressConfig, target: Target) -> Result<Stream, Failure> {
    let streams = streams_for(config, Names::new(&[&["127.0.0.1"]]), &target.endpoint);
    streams.open(target, LONG).await.map_err(|error| error.failure)
}

/// A plain stream to `port` on this machine.
async fn plain(config: EgressConfig, port: u16) -> Stream {
    open_under(config, target(&format!("tcp://127.0.0.1:{port}"))).await.unwrap()
}

fn at(port: u16) -> String {
    format!("tls://broker.example.com:{port}")
}
