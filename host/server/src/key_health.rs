//! Do the keys that key services keep do their work? Looked at again and again while a server runs: the log, the metrics
//! and `/readyz` tell, and what waited for a key goes on when it is back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use freehold_api::Readiness;
use freehold_pipeline::Pipeline;
use freehold_vault::{Health, KeyEncryption, Vault};
use futures_util::future::join_all;
use prometheus::{IntGaugeVec, Opts, Registry};
use tokio_util::task::AbortOnDropHandle;

use crate::failure::Failure;

/// How often the keys are looked at. A key that does its work is asked far more seldom than that.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(2);

/// Whom a change is told.
struct Watch {
    vault: Arc<Vault>,
    pipeline: Pipeline,
    readiness: Readiness,
    available: IntGaugeVec,
    /// The keys of the last look, and why those that are away are.
    seen: BTreeMap<String, Option<String>>,
}

/// Looks at the keys of `vault` until it is dropped.
pub(crate) fn watch(
    vault: Arc<Vault>,
    pipeline: Pipeline,
    readiness: Readiness,
    registry: &Registry,
) -> Result<AbortOnDropHandle<()>, Failure> {
    let unregistered = |error| Failure::because("the metrics of the keys cannot be registered", &error);
    let options = Opts::new("freehold_key_available", "Whether a key that a key service keeps can be used: 1 or 0");
    let available = IntGaugeVec::new(options, &["key"]).map_err(unregistered)?;
    registry.register(Box::new(available.clone())).map_err(unregistered)?;
    let mut watch = Watch { vault, pipeline, readiness, available, seen: BTreeMap::new() };
    Ok(AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            watch.look().await;
            tokio::time::sleep(LOOKED_AT_EVERY).await;
        }
    })))
}

impl Watch {
    async fn look(&mut self) {
        let keys: Vec<Arc<dyn KeyEncryption>> =
            self.vault.keks().into_iter().filter(|key| key.local().is_none()).collect();
        let looked = join_all(keys.iter().map(|key| key.health())).await;
        let mut found = BTreeMap::new();
        let mut is_any_back = false;
        for (key, health) in keys.iter().zip(looked) {
            let id = key.id().to_owned();
            let was_away = self.seen.get(&id).is_some_and(Option::is_some);
            is_any_back |= matches!(health, Ok(Health::Back)) || (was_away && health.is_ok());
            let reason = health.err().map(|error| error.to_string());
            match &reason {
                Some(reason) if !was_away => {
                    tracing::error!(key = id, reason, "a key cannot be used: deliveries that need it wait");
                }
                None if was_away => tracing::info!(key = id, "a key can be used again: what waited for it goes on"),
                _ => {}
            }
            self.available.with_label_values(&[&id]).set(i64::from(reason.is_none()));
            found.insert(id, reason);
        }
        for gone in self.seen.keys().filter(|id| !found.contains_key(*id)) {
            // It was set when the key was seen.
            let _ = self.available.remove_label_values(&[gone]);
        }
        let away = found.iter().filter(|(_, reason)| reason.is_some()).map(|(id, _)| id.clone()).collect();
        self.readiness.set_keys_away(away);
        if is_any_back {
            self.pipeline.resume_waiting();
        }
        self.seen = found;
    }
}
