//! A server of ours that hands out tokens for a registry, as those of the large registries do: it stands in for them, and the
//! real registry judges its tokens (<https://distribution.github.io/distribution/spec/auth/jwt/>).

use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode, header};
use rcgen::{CertificateParams, KeyPair};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::json;
use tokio::task::JoinHandle;

use super::{PASSWORD, USER};
use crate::certificates::pem;
use crate::clock;
use crate::trouble::{Result, trouble};

/// Who signs, and for whom.
const ISSUER: &str = "tokens-of-the-tests";
const SERVICE: &str = "registry-of-the-tests";

/// The running server. It ends when dropped.
pub(super) struct TokenServer {
    url: String,
    certificate: String,
    serving: JoinHandle<()>,
}

struct Signer {
    key: EcdsaKeyPair,
    certificate: String,
}

/// What is asked for.
#[derive(serde::Deserialize)]
struct Asked {
    service: String,
    scope: String,
}

impl TokenServer {
    pub(super) async fn start() -> Result<TokenServer> {
        let pair = KeyPair::generate()?;
        let certificate = CertificateParams::new(Vec::new())?.self_signed(&pair)?;
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pair.serialize_der(), &SystemRandom::new())
                .map_err(|why| trouble(format!("the new key is none: {why}")))?;
        let signer = Arc::new(Signer { key, certificate: STANDARD.encode(certificate.der()) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/token", listener.local_addr()?);
        let router = axum::Router::new().route("/token", axum::routing::get(hand_out)).with_state(signer);
        let serving = tokio::spawn(async move {
            // It ends with its task; the tests see from outside when it does not serve.
            drop(axum::serve(listener, router).await);
        });
        Ok(TokenServer { url, certificate: pem("CERTIFICATE", certificate.der()), serving })
    }

    /// What the registry must trust.
    pub(super) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The part of the registry's configuration that sends callers here.
    pub(super) fn configuration(&self, root: &Path) -> String {
        format!(
            "auth:\n  token:\n    realm: {}\n    service: {SERVICE}\n    issuer: {ISSUER}\n    rootcertbundle: {}\n",
            self.url,
            root.display()
        )
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn hand_out(State(signer): State<Arc<Signer>>, headers: HeaderMap, Query(asked): Query<Asked>) -> Response {
    let wanted = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given != Some(wanted.as_str()) || asked.service != SERVICE {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match signer.token(&asked.scope) {
        Ok(token) => Json(json!({ "token": token })).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl Signer {
    /// A token for `scope`, such as `repository:acme/collector:pull,push`.
    fn token(&self, scope: &str) -> Result<String> {
        let mut parts = scope.splitn(3, ':');
        let [kind, name, actions] = [(); 3].map(|()| parts.next().unwrap_or_default());
        let access = json!([{ "type": kind, "name": name, "actions": actions.split(',').collect::<Vec<_>>() }]);
        let now = clock::system().now().millis() / 1000;
        let header = json!({ "typ": "JWT", "alg": "ES256", "x5c": [self.certificate] });
        let claims = json!({
            "iss": ISSUER, "sub": USER, "aud": SERVICE, "exp": now + 300, "nbf": now - 60, "iat": now, "jti": "1",
            "access": access,
        });
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let signature =
            self.key.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| trouble("nothing is signed"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
