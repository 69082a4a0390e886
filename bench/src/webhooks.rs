//! Signed webhooks per second: through the sandbox, and the same requests sent natively by the same HTTP library.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use freehold_model::event::{EventId, idempotency_key};
use freehold_model::secret::SecretFields;
use freehold_model::{BatchId, DestinationId, Secret};
use freehold_sandbox::{DestinationType, Instance};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::task::JoinSet;

use crate::figures::{Aim, Better, Figures, median};
use crate::stage::{Stage, data, delivered, rate};
use crate::{Failed, receiver};

/// Requests under way at the same time, on both sides of every ratio.
const IN_FLIGHT: usize = 64;
/// Requests that one instance sends at once through `send-all`: the sandbox's own default.
const SEND_ALL: usize = 16;
/// How long each side is measured in each round.
const ROUND: Duration = Duration::from_secs(2);
/// Rounds: each measures every way once, and each gives one ratio.
const ROUNDS: usize = 5;
const KEY: &[u8] = b"a signing key of thirty-two byte";

/// What both sides work with.
struct Ring {
    stage: Stage,
    webhook: Arc<DestinationType>,
    address: SocketAddr,
    config: Value,
}

pub(crate) async fn measure(plugins: &Path, figures: &mut Figures) -> Result<(), Failed> {
    let ring = Arc::new(Ring::set(plugins).await?);
    let mut one = Vec::new();
    let mut hundred = Vec::new();
    let mut fresh = Vec::new();
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let native = ring.native().await?;
        let warm = ring.warm(IN_FLIGHT, 1).await?;
        let batches = ring.warm(IN_FLIGHT / SEND_ALL, 100).await?;
        let cold = ring.fresh().await?;
        let native_after = ring.native().await?;
        // The native side is measured before and after, so that a machine that slows down favours neither.
        let base = f64::midpoint(native, native_after);
        one.push(warm / base);
        hundred.push(batches / base);
        fresh.push(cold / base);
        rates.push(json!({
            "native": base.round(), "warm": warm.round(), "batches_of_100": batches.round(), "fresh": cold.round(),
        }));
    }
    let detail = json!({ "events_per_second": rates });
    let aim = |floor, goal| Aim { better: Better::Higher, floor, goal };
    figures.add("webhooks_warm_single", "× native", median(one), Some(&aim(0.65, 0.9)), &detail);
    figures.add("webhooks_warm_batches_of_100", "× native", median(hundred), Some(&aim(0.85, 1.0)), &detail);
    figures.add("webhooks_fresh_single", "× native", median(fresh), None, &detail);
    Ok(())
}

impl Ring {
    async fn set(plugins: &Path) -> Result<Ring, Failed> {
        let stage = Stage::set()?;
        let webhook = stage.load(plugins, "webhook").await?;
        let address = receiver::start(receiver::take).await?;
        Ok(Ring { config: json!({ "url": format!("http://{address}/hook") }), stage, webhook, address })
    }

    async fn instance(&self) -> Result<Instance, Failed> {
        let secret = Secret::new(format!("whsec_{}", STANDARD.encode(KEY)).into_bytes());
        let credential = SecretFields::from_pairs([("secret".to_owned(), secret)]);
        self.stage.instance(&self.webhook, &self.config, credential).await
    }

    /// `lanes` warm instances, each sending one batch of `size` events after the other.
    async fn warm(self: &Arc<Self>, lanes: usize, size: usize) -> Result<f64, Failed> {
        let members = Arc::new(self.stage.members(size)?);
        let mut instances = Vec::with_capacity(lanes);
        for _ in 0..lanes {
            instances.push(self.instance().await?);
        }
        let run = instances.into_iter().map(|mut instance| {
            let (members, batch) = (members.clone(), BatchId::generate(&self.stage.sources));
            move |round: Arc<Round>| async move {
                while round.goes_on() {
                    let (result, _) = instance.deliver(&batch, 1, &members).await;
                    round.count(delivered(result)?);
                }
                Ok(())
            }
        });
        Round::run(run).await
    }

    /// A fresh instance for every event.
    async fn fresh(self: &Arc<Self>) -> Result<f64, Failed> {
        let members = Arc::new(self.stage.members(1)?);
        let run = (0..IN_FLIGHT).map(|_| {
            let (ring, members, batch) = (self.clone(), members.clone(), BatchId::generate(&self.stage.sources));
            move |round: Arc<Round>| async move {
                while round.goes_on() {
                    let mut instance = ring.instance().await?;
                    let (result, _) = instance.deliver(&batch, 1, &members).await;
                    round.count(delivered(result)?);
                }
                Ok(())
            }
        });
        Round::run(run).await
    }

    /// The same signed requests, sent by hyper's client without anything of ours.
    async fn native(self: &Arc<Self>) -> Result<f64, Failed> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
        let event = EventId::parse("evt-0")?;
        let run = (0..IN_FLIGHT).map(|_| {
            let (ring, client, event) = (self.clone(), client.clone(), event.clone());
            let destination = DestinationId::generate(&self.stage.sources);
            move |round: Arc<Round>| async move {
                while round.goes_on() {
                    let response = client.request(ring.signed(&destination, &event)?).await?;
                    if !response.status().is_success() {
                        return Err(format!("the receiver answered {}", response.status()).into());
                    }
                    response.into_body().collect().await?;
                    round.count(1);
                }
                Ok(())
            }
        });
        Round::run(run).await
    }

    /// A request such as the webhook plugin makes, with a signature made afresh.
    fn signed(&self, destination: &DestinationId, event: &EventId) -> Result<Request<Full<Bytes>>, Failed> {
        let id = idempotency_key(destination, event);
        let body = data();
        let seconds = self.stage.sources.now().millis() / 1000;
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY)?;
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(&body);
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let request = Request::post(format!("http://{}/hook", self.address))
            .header("content-type", "application/json")
            .header("user-agent", "bench")
            .header("webhook-id", &id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature)
            .header("freehold-event-id", event.as_str())
            .header("freehold-event-type", "bench.event")
            .header("freehold-event-time", "2026-01-01T00:00:00.000Z")
            .body(Full::new(Bytes::from(body)))?;
        Ok(request)
    }
}

/// One side of a ratio, measured for a while: every lane a task of its own, as in the real host.
struct Round {
    began: Instant,
    sent: AtomicU64,
}

impl Round {
    async fn run<L, F>(lanes: impl Iterator<Item = L>) -> Result<f64, Failed>
    where
        L: FnOnce(Arc<Round>) -> F,
        F: Future<Output = Result<(), Failed>> + Send + 'static,
    {
        let round = Arc::new(Round { began: Instant::now(), sent: AtomicU64::new(0) });
        let mut tasks = JoinSet::new();
        for lane in lanes {
            tasks.spawn(lane(round.clone()));
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(round.rate())
    }

    fn goes_on(&self) -> bool {
        self.began.elapsed() < ROUND
    }

    fn count(&self, events: u64) {
        self.sent.fetch_add(events, Ordering::Relaxed);
    }

    fn rate(&self) -> f64 {
        rate(self.sent.load(Ordering::Relaxed), self.began.elapsed().as_secs_f64())
    }
}
