//! Plays a case: asks the door for its verdict, then goes through it, and watches where it dials.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use freehold_model::outcome::Failure;
use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue, Method};
use rustls::pki_types::CertificateDer;
use serde_json::json;

use super::Judgement;
use super::component;
use super::directive::{Ask, Scene};
use super::names::Names;
use super::origin::{Detour, Origin, Reply, dialler};
use crate::egress::stream::{StreamAddress, Target};
use crate::egress::url::{Scheme, canonicalise_for};
use crate::egress::{
    CanonicalUrl, Door, EgressConfig, EndpointPolicy, Request, Resolve, ResolveError, Verdict, address, literal,
};

/// How long a server is waited for that never answers.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long a stream may take to come about.
const STREAM_TIME_MAX: Duration = Duration::from_secs(10);

/// How going through the door went.
#[derive(Default)]
struct Passage {
    /// Why it did not get through, the first time that it did not.
    failure: Option<String>,
    /// An address that was dialled although it was not to be.
    strayed: Option<SocketAddr>,
}

impl Passage {
    fn refused(failure: &Failure) -> Passage {
        Passage { failure: Some(failure.code.clone()), strayed: None }
    }
}

/// Where a case leads, as the door reads it.
struct Place {
    scheme: Scheme,
    host: String,
    port: u16,
    policy: Arc<EndpointPolicy>,
}

impl Scene {
    /// Lets the door judge, and then holds it to its word.
    pub(super) async fn judge(mut self) -> Judgement {
        let url = match &self.ask {
            Ask::Import(import) => return component::judge(import).await,
            Ask::Request(url) | Ask::Stream(url) => url.clone(),
        };
        if self.reply == Reply::Silence {
            self.config.timeouts.total = PATIENCE;
        }
        let verdict = self.verdict(&url).await;
        let passage = match self.pass(&url).await {
            Ok(passage) => passage,
            Err(error) => return Judgement::Unclear(format!("it cannot be played: {error}")),
        };
        if let Some(address) = passage.strayed {
            return Judgement::Breach(format!("{address} was dialled"));
        }
        match (verdict, passage.failure) {
            (Some(code), None) => Judgement::Breach(format!("the verdict was {code}, and yet it was reached")),
            (Some(code), Some(_)) | (None, Some(code)) => Judgement::Deny(code),
            (None, None) => Judgement::Allow,
        }
    }

    /// The code of the first denial, over as many lookups as there are answers.
    async fn verdict(&self, url: &str) -> Option<String> {
        let door = Door::new(self.config.clone(), Arc::new(Script::of(&self.names)));
        for _ in 0..self.names.turns() {
            if let Verdict::Denied(error) = door.check(url, None).await {
                return Some(Failure::from(&error).code);
            }
        }
        None
    }

    /// Goes through the door as a plugin would, to a server of our own that stands in for the one that it wants to reach.
    async fn pass(&self, url: &str) -> Result<Passage, Box<dyn Error + Send + Sync>> {
        let place = match self.place(url) {
            Ok(place) => place,
            Err(failure) => return Ok(Passage::refused(&failure)),
        };
        let (origin, roots) = self.server(&place).await?;
        let detour = Arc::new(Detour::to(origin.address()));
        let config = EgressConfig { extra_roots: roots, ..self.config.clone() };
        let resolver = Arc::new(Script::of(&self.names));
        let door = Door::with_dialler(config, resolver, dialler(&detour));
        let mut failure = None;
        // Twice at least: what an answer says may change where the next one goes.
        for _ in 0..self.names.turns().max(2) {
            let passed = match self.ask {
                Ask::Stream(_) => self.open(&door, &place, url).await,
                _ => self.send(&door, &place, url).await,
            };
            failure = failure.or(passed.err());
        }
        let strayed = detour.dialled().into_iter().find(|address| !self.expects(&place, *address));
        Ok(Passage { failure, strayed })
    }

    /// Reads the URL as a destination's only endpoint.
    fn place(&self, url: &str) -> Result<Place, Failure> {
        let refused = |refusal: crate::egress::Refusal| Failure::from(&refusal);
        let (scheme, host, port, template) = match self.ask {
            Ask::Stream(_) => {
                let StreamAddress { scheme, host, port } = StreamAddress::parse(url, &self.config).map_err(refused)?;
                (scheme, host, port, format!("{}://{{url}}", scheme.as_str()))
            }
            _ => {
                let url: CanonicalUrl = canonicalise_for(url, &self.config).map_err(refused)?;
                (url.scheme(), url.host().to_owned(), url.port(), "{url}".to_owned())
            }
        };
        let value = if template == "{url}" { url.to_owned() } else { format!("{host}:{port}") };
        let compiled = EndpointPolicy::compile_for(&[template], &json!({ "url": value }), &self.config);
        let policy = Arc::new(compiled.map_err(|error| Failure::from(&error))?);
        Ok(Place { scheme, host, port, policy })
    }

    async fn server(
        &self,
        place: &Place,
    ) -> Result<(Origin, Vec<CertificateDer<'static>>), Box<dyn Error + Send + Sync>> {
        match place.scheme {
            Scheme::Http | Scheme::Tcp => Ok((Origin::start(self.reply.clone()).await?, Vec::new())),
            _ => Origin::start_with_tls(self.reply.clone(), &self.shown, &place.host).await,
        }
    }

    /// One request, over a connection of its own. The error is a failure's code.
    async fn send(&self, door: &Door, place: &Place, url: &str) -> Result<(), String> {
        let header = |(name, value): &(String, String)| {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "header-invalid")?;
            Ok((name, HeaderValue::from_str(value).map_err(|_| "header-invalid")?))
        };
        let headers = self.headers.iter().map(header).collect::<Result<Vec<_>, &str>>()?;
        let request = Request {
            method: Method::POST,
            url: (*url).into(),
            headers,
            body: Bytes::new(),
            timeout: None,
            http2: false,
        };
        match door.client(Arc::clone(&place.policy)).send(request).await {
            Ok(response) if response.status.is_success() => Ok(()),
            Ok(response) => Err(format!("http-{}", response.status.as_u16())),
            Err(error) => Err(error.failure.code),
        }
    }

    /// One stream. The error is a failure's code.
    async fn open(&self, door: &Door, place: &Place, url: &str) -> Result<(), String> {
        let target = Target { endpoint: url.to_owned(), roots: None, client_certificate: None, timeout: None };
        let opened = door.streams(Arc::clone(&place.policy)).open(target, STREAM_TIME_MAX).await;
        let mut stream = opened.map_err(|error| error.failure.code)?;
        if place.scheme == Scheme::StartTls {
            stream.start_tls(STREAM_TIME_MAX).await.map_err(|failure| failure.code)?;
        }
        Ok(())
    }

    /// Whether `dialled` is where the name leads, and may be dialled.
    fn expects(&self, place: &Place, dialled: SocketAddr) -> bool {
        let leads_there = match literal(&place.host) {
            Some(literal) => literal.to_canonical() == dialled.ip(),
            None => self.names.addresses().any(|address| address.to_canonical() == dialled.ip()),
        };
        leads_there && dialled.port() == place.port && address::judge(dialled.ip(), place.port, &self.config).is_ok()
    }
}

/// A resolver that answers by a script, lookup after lookup.
struct Script {
    names: Names,
    lookups: AtomicUsize,
}

impl Script {
    fn of(names: &Names) -> Script {
        Script { names: names.clone(), lookups: AtomicUsize::new(0) }
    }
}

impl Resolve for Script {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveError>> {
        let lookup = self.lookups.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(self.names.answer(lookup)))
    }
}
