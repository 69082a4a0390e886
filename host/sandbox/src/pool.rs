//! Keeps idle instances warm for the next batch of the same destination.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use freehold_model::DestinationId;

use crate::instance::{Instance, InstanceKey};
use crate::limits::Limits;

/// Idle instances by key, and when destinations were last retired.
pub(crate) struct Pool {
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    instances: HashMap<InstanceKey, Vec<Waiting>>,
    retired: HashMap<DestinationId, Instant>,
}

struct Waiting {
    instance: Instance,
    since: Instant,
}

impl Pool {
    pub(crate) fn new() -> Self {
        Pool { idle: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The instance of this key that was used last, so that surplus ones grow cold.
    pub(crate) fn take(&self, key: &InstanceKey) -> Option<Instance> {
        let mut idle = self.lock();
        let waiting = idle.instances.get_mut(key)?;
        let taken = waiting.pop();
        if waiting.is_empty() {
            idle.instances.remove(key);
        }
        taken.map(|waiting| waiting.instance)
    }

    /// Keeps `instance`, unless it is unhealthy, too old, worn out or its destination was retired since it was made.
    pub(crate) fn put(&self, instance: Instance, limits: &Limits) {
        let now = Instant::now();
        let age = now.saturating_duration_since(instance.born);
        let worn = age >= Duration::from_millis(limits.warm_age_ms) || instance.batches >= limits.warm_batches;
        let mut idle = self.lock();
        let retired = idle.retired.get(&instance.key.destination).is_some_and(|at| *at >= instance.born);
        if !instance.healthy || worn || retired {
            // Dropping a store unmaps memory: not under the lock.
            drop(idle);
            drop(instance);
            return;
        }
        let key = instance.key.clone();
        idle.instances.entry(key).or_default().push(Waiting { instance, since: now });
    }

    /// Drops the idle instances of a destination, and later those that are at work now.
    pub(crate) fn retire(&self, destination: &DestinationId) {
        let mut idle = self.lock();
        idle.retired.insert(destination.clone(), Instant::now());
        let gone: Vec<_> = idle.instances.extract_if(|key, _| key.destination == *destination).collect();
        drop(idle);
        drop(gone);
    }

    /// Drops the instance that has waited longest, to make room. False when none is idle.
    pub(crate) fn evict(&self) -> bool {
        let mut idle = self.lock();
        let oldest = idle
            .instances
            .iter()
            .filter_map(|(key, waiting)| waiting.first().map(|first| (first.since, key)))
            .min_by_key(|(since, _)| *since)
            .map(|(_, key)| key.clone());
        let Some(key) = oldest else { return false };
        let mut evicted = None;
        if let Some(waiting) = idle.instances.get_mut(&key) {
            evicted = Some(waiting.remove(0));
            if waiting.is_empty() {
                idle.instances.remove(&key);
            }
        }
        drop(idle);
        evicted.is_some()
    }

    /// Drops what has waited too long, and closes byte streams that have.
    pub(crate) fn sweep(&self, limits: &Limits) {
        let idle_max = Duration::from_millis(limits.warm_idle_ms);
        let now = Instant::now();
        let mut idle = self.lock();
        let mut gone = Vec::new();
        for waiting in idle.instances.values_mut() {
            gone.extend(waiting.extract_if(.., |one| now.saturating_duration_since(one.since) >= idle_max));
            waiting.iter_mut().for_each(|one| one.instance.close_idle_streams());
        }
        idle.instances.retain(|_, waiting| !waiting.is_empty());
        // An instance made before the retirement cannot be at work longer than its age allows plus one call.
        let remembered = Duration::from_millis(limits.warm_age_ms + limits.call_ms + limits.open_ms);
        idle.retired.retain(|_, at| now.saturating_duration_since(*at) < remembered);
        drop(idle);
        drop(gone);
    }

    /// How many instances are idle.
    pub(crate) fn len(&self) -> usize {
        self.lock().instances.values().map(Vec::len).sum()
    }
}
