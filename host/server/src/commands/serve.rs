//! `freehold serve`: starts everything in order, and ends it in order.
//!
//! Start: data directory, lock, port, database, key, plugins, delivery engine, API. End: no new connections, no new
//! claims, wait for what is under way, close the database.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use freehold_control::Control;
use freehold_pipeline::Pipeline;
use freehold_store::Store;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::checkpoints::Outside;
use crate::commands::{print, refused};
use crate::config::Effective;
use crate::data_dir::{DataDir, DataLock};
use crate::failure::Failure;
use crate::key::{self, Keys};
use crate::{checkpoints, connections, key_health, sources, wiring};

/// The exit code of a process that was told twice to stop: 128 + SIGINT, as shells expect.
const EXIT_AT_ONCE: i32 = 130;

/// Serves until it is told to stop.
pub(super) async fn run(effective: Effective) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut signals = Signals::listen()?;
    let server = tokio::select! {
        server = Server::start(&effective) => server?,
        name = signals.next() => {
            tracing::info!(signal = name, "told to stop before the start was complete");
            return Ok(());
        }
    };
    let address = server.address()?;
    tracing::info!(address = %address, took_ms = millis(begun.elapsed()), "ready");
    server.greet(address, &effective).await?;
    server.serve_until_told(&mut signals, Duration::from_millis(effective.config.drain_ms)).await
}

/// Everything that runs.
struct Server {
    listener: TcpListener,
    router: Router,
    readiness: freehold_api::Readiness,
    pipeline: Pipeline,
    control: Control,
    store: Store,
    _watches: [AbortOnDropHandle<()>; 3],
    _checkpoints: Option<AbortOnDropHandle<()>>,
    _lock: DataLock,
}

impl Server {
    async fn start(effective: &Effective) -> Result<Server, Failure> {
        let config = &effective.config;
        let data = DataDir::open_or_create(&config.data)?;
        let lock = data.lock()?;
        let listener = TcpListener::bind(config.listen).await.map_err(|error| {
            Failure::because(format!("cannot listen on {}; choose another with --listen", config.listen), &error)
        })?;
        let sources = sources::system();
        let outside = Outside::of(effective, None, &sources)?;
        let store = wiring::open_store(config, &sources).await?;
        key::warn_of_variable(effective);
        let keys = Keys::new(effective, &store, &sources)?;
        let vault = Arc::new(keys.open_vault().await?);
        let key_watch = keys.watch(vault.clone());
        let sandbox = wiring::serving_sandbox(config, &data, &vault, &sources)?;
        let catalogue = wiring::open_catalogue(config, &data, &store, &sandbox, &vault).await?;
        if catalogue.all().is_empty() {
            tracing::warn!("no destination types are installed; `freehold plugin install FILE` installs one");
        }
        let registry = prometheus::Registry::new();
        let (pipeline, control) = wiring::start(
            config,
            store.clone(),
            vault.clone(),
            sandbox,
            catalogue.clone(),
            sources.clone(),
            registry.clone(),
        )
        .await?;
        let look_around = Duration::from_millis(config.delivery.look_around_ms.max(1));
        let resuming = pipeline.clone();
        let looking = tokio::spawn(catalogue.keep_looking(look_around, move || resuming.resume_waiting()));
        let looking = AbortOnDropHandle::new(looking);
        control.record_start(env!("CARGO_PKG_VERSION")).await.map_err(refused)?;
        let checkpoints = checkpoints::keep(control.clone(), config.audit_checkpoint_ms, outside, sources);
        let readiness = freehold_api::Readiness::default();
        let key_health = key_health::watch(vault, pipeline.clone(), readiness.clone(), &registry)?;
        let portal = freehold_portal::PortalState::new(control.clone(), pipeline.clone());
        let router = freehold_api::router(freehold_api::ApiState::new(
            control.clone(),
            pipeline.clone(),
            registry.clone(),
            readiness.clone(),
        ))
        .nest("/portal", freehold_portal::router(portal.clone()))
        .nest("/console", freehold_portal::console(portal, registry))
        .nest("/embed", freehold_portal::embed());
        let (_watches, _checkpoints, _lock) = ([key_watch, key_health, looking], checkpoints, lock);
        Ok(Server { listener, router, readiness, pipeline, control, store, _watches, _checkpoints, _lock })
    }

    fn address(&self) -> Result<SocketAddr, Failure> {
        self.listener.local_addr().map_err(|error| Failure::because("the listening address is unknown", &error))
    }

    /// Says that it is ready, and to a newcomer what to do next.
    async fn greet(&self, address: SocketAddr, effective: &Effective) -> Result<(), Failure> {
        if self.control.tenants().await.map_err(refused)?.is_empty() {
            eprint!("{}", first_steps(address, effective));
        }
        self.readiness.set(true);
        print(&format!("freehold: listening on http://{address}\n"));
        Ok(())
    }

    async fn serve_until_told(self, signals: &mut Signals, drain: Duration) -> Result<(), Failure> {
        let stop = CancellationToken::new();
        let serving = connections::serve(self.listener, self.router, connections::HEAD_TIME, stop.clone());
        let mut serving = tokio::spawn(serving);

        tokio::select! {
            name = signals.next() => tracing::info!(signal = name, "stopping: finishing what is under way"),
            ended = &mut serving => return Err(Failure::new(format!("the API stopped by itself: {ended:?}"))),
        }
        self.readiness.set(false);
        stop.cancel();

        let ending = async {
            let (answered, settled) =
                tokio::join!(tokio::time::timeout(drain, &mut serving), self.pipeline.shutdown(drain));
            self.store.close().await;
            if answered.is_err() || !settled {
                tracing::warn!(
                    "some work was cut off at the deadline; what was accepted is tried again at the next start"
                );
            }
        };
        tokio::select! {
            () = ending => {
                tracing::info!("stopped");
                Ok(())
            }
            name = signals.next() => {
                tracing::warn!(signal = name, "stopping at once; what was under way is tried again at the next start");
                std::process::exit(EXIT_AT_ONCE);
            }
        }
    }
}

/// The signals that mean stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::because("signals cannot be listened for", &error));
        Ok(Signals { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

fn first_steps(address: SocketAddr, effective: &Effective) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "freehold".to_owned());
    let reachable = match address.ip() {
        ip if ip.is_unspecified() => SocketAddr::from((IpAddr::from(Ipv4Addr::LOCALHOST), address.port())),
        _ => address,
    };
    format!(
        "
There is no tenant yet. In another terminal, make one with its API key:

  {program} tenants create acme --data {}

and ask for the destination types with that key:

  curl -s http://{reachable}/v1/destination-types -H \"authorization: Bearer $KEY\"

",
        effective.config.data.display()
    )
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
