//! What every request handler works with.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use freehold_control::Control;
use freehold_pipeline::Pipeline;
use prometheus::Registry;

use crate::around::HttpMetrics;

/// What every request handler works with. Clones share everything.
#[derive(Clone)]
pub struct ApiState {
    pub(crate) control: Control,
    pub(crate) pipeline: Pipeline,
    pub(crate) registry: Registry,
    pub(crate) readiness: Readiness,
    pub(crate) http: HttpMetrics,
}

impl ApiState {
    /// The use-cases, the pipeline, where metrics are registered (the API adds its own), and whether to say "ready".
    pub fn new(control: Control, pipeline: Pipeline, registry: Registry, readiness: Readiness) -> Self {
        let http = HttpMetrics::register(&registry);
        ApiState { control, pipeline, registry, readiness, http }
    }
}

impl fmt::Debug for ApiState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiState")
    }
}

/// Whether the host wants requests: false until everything has started, and again when it stops; and which keys it cannot
/// use meanwhile. Clones share one.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Ready>);

#[derive(Debug, Default)]
struct Ready {
    is_ready: AtomicBool,
    keys_away: Mutex<Vec<String>>,
}

impl Readiness {
    /// Says so from now on.
    pub fn set(&self, ready: bool) {
        self.0.is_ready.store(ready, Ordering::Relaxed);
    }

    /// Whether the host wants requests.
    pub fn get(&self) -> bool {
        self.0.is_ready.load(Ordering::Relaxed)
    }

    /// Says from now on that these keys cannot be used.
    pub fn set_keys_away(&self, keys: Vec<String>) {
        *self.0.keys_away.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// The keys that cannot be used just now.
    pub fn keys_away(&self) -> Vec<String> {
        self.0.keys_away.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
