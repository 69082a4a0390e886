//! What events go through, in reading order: [`ingest`] accepts them, [`matching`] says where they go, [`queue`] gives every
//! lane its turn, [`send`] runs a batch through its plugin, [`settle`] decides what becomes of it.
//!
//! Each arrow between two of them is one transaction of the store: killing the process anywhere loses nothing.

pub mod config;
mod credentials;
pub mod ingest;
pub mod journal;
pub mod matching;
mod metrics;
mod queue;
mod send;
pub mod settle;

use std::sync::Arc;
use std::time::Duration;

use freehold_catalogue::Catalogue;
use freehold_model::Sources;
use freehold_model::lane::LaneListener;
use freehold_sandbox::Sandbox;
use freehold_store::{Store, StoreError};
use freehold_vault::Vault;

pub use config::PipelineConfig;
pub use ingest::{Draft, Problem, PublishError, Published, PublishedEvent, Submission};

use crate::ingest::Ingest;
use crate::metrics::Metrics;
use crate::queue::dispatcher::Dispatcher;
use crate::send::Sender;

/// What the pipeline works with.
pub struct PipelineParts {
    /// Where everything is kept.
    pub store: Store,
    /// Opens credentials.
    pub vault: Arc<Vault>,
    /// Runs plugins.
    pub sandbox: Sandbox,
    /// The installed destination types.
    pub catalogue: Catalogue,
    /// Time and randomness.
    pub sources: Sources,
    /// Bounds and waits.
    pub config: PipelineConfig,
    /// Where its metrics are registered.
    pub registry: prometheus::Registry,
}

/// Accepts events and delivers them. Clones share one.
#[derive(Clone)]
pub struct Pipeline(Arc<Shared>);

struct Shared {
    store: Store,
    ingest: Ingest,
    dispatcher: Dispatcher,
}

impl Pipeline {
    /// Starts delivering: first what a former process left behind, then whatever comes.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the store cannot be read, or the metrics are registered already.
    pub async fn start(parts: PipelineParts) -> Result<Pipeline, StartError> {
        let PipelineParts { store, vault, sandbox, catalogue, sources, config, registry } = parts;
        let metrics = Arc::new(Metrics::register(&registry)?);
        let lost = store.recover_leases_across_tenants().await?;
        if lost > 0 {
            tracing::warn!(
                batches = lost,
                "batches were under way when the former process ended; they are tried again"
            );
        }
        let sender = Arc::new(Sender {
            store: store.clone(),
            vault,
            sandbox: sandbox.clone(),
            catalogue: catalogue.clone(),
            sources: sources.clone(),
            metrics: metrics.clone(),
            config: config.clone(),
        });
        let dispatcher = Dispatcher::start(sender).await?;
        let ingest = Ingest::new(store.clone(), sources, metrics, &config);
        Ok(Pipeline(Arc::new(Shared { store, ingest, dispatcher })))
    }

    /// Accepts events: when this returns, they are durable.
    ///
    /// # Errors
    /// When an event is not acceptable (then none is stored), or the store fails.
    pub async fn publish(
        &self,
        scope: &freehold_model::Scope,
        submission: Submission,
    ) -> Result<Published, PublishError> {
        let (published, lanes) = self.0.ingest.publish(scope, submission).await?;
        for lane in &lanes {
            self.0.dispatcher.wake(lane);
        }
        Ok(published)
    }

    /// Hears about changes to lanes, for whoever changes destinations.
    pub fn listener(&self) -> Arc<dyn LaneListener> {
        Arc::new(self.0.dispatcher.clone())
    }

    /// Has lanes that waited for something of ours, such as a key, go on at once: it is there again.
    pub fn resume_waiting(&self) {
        self.0.dispatcher.resume_waiting();
    }

    /// Stops claiming and waits for what is under way, `deadline` at most. What is still under way then is tried again
    /// after the next start. True when nothing was cut off.
    pub async fn shutdown(&self, deadline: Duration) -> bool {
        self.0.dispatcher.shutdown(deadline).await
    }
}

/// Why the pipeline cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store failed.
    #[error("the queue cannot be read")]
    Store(#[from] StoreError),
    /// The metrics could not be registered.
    #[error("the metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
}
