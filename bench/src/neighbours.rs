//! How long events take to healthy destinations: while every tenth destination beside them is dead, and while none is.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use freehold_tests::{Api, TestHost};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::figures::{Aim, Better, Figures};
use crate::stage::EVENT_BYTES;
use crate::turns::in_turns;
use crate::{Failed, host, receiver, told};

const DESTINATIONS: usize = 1_000;
/// One in this many is dead.
const DEAD_ONE_IN: usize = 10;
/// Ways in which destinations are dead, in turn: nothing listens, nothing is ever answered, nothing can be done.
const WAYS: [&str; 3] = ["refuse", "hang", "fail"];
/// Events published at once, and how often: 400 a second.
const REQUEST_EVENTS: usize = 20;
const EVERY: Duration = Duration::from_millis(50);
const REQUESTS: usize = 200;
const ROUNDS: usize = 3;
const LIMIT: Duration = Duration::from_secs(120);

/// A host with destinations, and what their healthy ones got.
struct Street {
    api: Api,
    customers: Vec<String>,
    /// How many are not dead.
    healthy: usize,
    arrivals: Arc<Arrivals>,
    _host: TestHost,
}

/// How long each event took to a healthy destination, in milliseconds.
struct Arrivals {
    began: Instant,
    took_ms: Mutex<Vec<f64>>,
    changed: Notify,
}

/// The data of an event.
#[derive(Deserialize)]
struct Sent {
    sent_ms: f64,
}

pub(crate) async fn measure(plugins: &Path, figures: &mut Figures) -> Result<(), Failed> {
    let sound = Street::lay(plugins, |_| None).await?;
    let dead = |number: usize| number.is_multiple_of(DEAD_ONE_IN).then(|| WAYS[number / DEAD_ONE_IN % WAYS.len()]);
    let blighted = Street::lay(plugins, dead).await?;
    let (none, some) = (async || sound.p99_ms().await, async || blighted.p99_ms().await);
    let measured = in_turns(ROUNDS, ("beside_none_ms", none), ("beside_dead_ms", some)).await?;
    let detail = json!({
        "p99": measured.rounds, "destinations": DESTINATIONS, "dead_percent": 100 / DEAD_ONE_IN, "ways": WAYS,
        "events_per_second": 1000 / EVERY.as_millis() * REQUEST_EVENTS as u128,
    });
    let aim = Aim { better: Better::Lower, floor: 1.5, goal: 1.1 };
    figures.add("p99_beside_dead_destinations", "× beside none", measured.ratio, Some(&aim), &detail);
    Ok(())
}

impl Street {
    /// Destinations of a customer each, of which `dead` says whether they are, and how.
    async fn lay(plugins: &Path, dead: impl Fn(usize) -> Option<&'static str>) -> Result<Street, Failed> {
        let (running, api) = host::start(plugins, &["webhook"]).await?;
        let arrivals = Arc::new(Arrivals::start());
        let taking = arrivals.clone();
        let address = receiver::start(move |request| answer(request, taking.clone())).await?;
        let refuses = nobody().await?;
        let customers = host::each(DESTINATIONS, |number| {
            let url = match dead(number) {
                Some("refuse") => format!("http://{refuses}/"),
                Some(way) => format!("http://{address}/{way}"),
                None => format!("http://{address}/"),
            };
            let api = api.clone();
            async move {
                let customer = api.create_customer(&format!("bench-{number}")).await.map_err(told)?;
                let body =
                    json!({ "type": "webhook", "name": "bench", "config": { "url": url }, "subscription": ["*"] });
                api.create_destination(&customer, &body).await.map_err(told)?;
                Ok(customer)
            }
        })
        .await?;
        let healthy = (0..DESTINATIONS).filter(|number| dead(*number).is_none()).count();
        Ok(Street { api, customers, healthy, arrivals, _host: running })
    }

    /// Publishes at a steady rate, whatever comes of it, and tells what 99 of 100 events took at most to healthy destinations.
    async fn p99_ms(&self) -> Result<f64, Failed> {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut publishing = JoinSet::new();
        for request in 0..REQUESTS {
            ticks.tick().await;
            let data = json!({ "sent_ms": self.arrivals.now_ms(), "data": "x".repeat(EVENT_BYTES) });
            let event = |place: usize| {
                let customer = &self.customers[(request * REQUEST_EVENTS + place) % DESTINATIONS];
                json!({ "type": "bench.event", "customer": customer, "data": data })
            };
            let (api, events) = (self.api.clone(), (0..REQUEST_EVENTS).map(event).collect::<Value>());
            publishing.spawn(async move { api.publish(&events).await.and_then(|answer| answer.ok()).map(drop) });
        }
        while let Some(published) = publishing.join_next().await {
            published?.map_err(told)?;
        }
        self.arrivals.p99_ms(REQUESTS * REQUEST_EVENTS / DESTINATIONS * self.healthy).await
    }
}

impl Arrivals {
    fn start() -> Arrivals {
        Arrivals { began: Instant::now(), took_ms: Mutex::default(), changed: Notify::new() }
    }

    fn now_ms(&self) -> f64 {
        self.began.elapsed().as_secs_f64() * 1000.0
    }

    fn note(&self, sent: &Sent) {
        let took = self.now_ms() - sent.sent_ms;
        self.took_ms.lock().unwrap_or_else(PoisonError::into_inner).push(took);
        self.changed.notify_one();
    }

    /// What 99 of 100 took at most, once all `wanted` have come. The next round begins with none.
    async fn p99_ms(&self, wanted: usize) -> Result<f64, Failed> {
        let count = || self.took_ms.lock().unwrap_or_else(PoisonError::into_inner).len();
        let all = async {
            while count() < wanted {
                self.changed.notified().await;
            }
        };
        let waited = tokio::time::timeout(LIMIT, all).await;
        waited.map_err(|_| format!("{} of {wanted} events came to healthy destinations within {LIMIT:?}", count()))?;
        let mut took = std::mem::take(&mut *self.took_ms.lock().unwrap_or_else(PoisonError::into_inner));
        took.sort_by(f64::total_cmp);
        took.get(took.len() * 99 / 100).copied().ok_or_else(|| "no event came".into())
    }
}

/// What the destinations answer: by their paths.
async fn answer(request: Request<Incoming>, arrivals: Arc<Arrivals>) -> Response<Empty<Bytes>> {
    let way = request.uri().path().trim_start_matches('/').to_owned();
    let body = request.into_body().collect().await;
    match way.as_str() {
        "hang" => std::future::pending().await,
        "fail" => {
            let mut answer = Response::new(Empty::new());
            *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            return answer;
        }
        _ => {}
    }
    // One cut short shows as a failed request at the sender, which sends it again.
    if let Some(sent) = body.ok().and_then(|body| serde_json::from_slice::<Sent>(&body.to_bytes()).ok()) {
        arrivals.note(&sent);
    }
    Response::new(Empty::new())
}

/// An address at which nobody listens.
async fn nobody() -> std::io::Result<SocketAddr> {
    tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()
}
