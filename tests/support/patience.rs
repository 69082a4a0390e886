//! How long is something waited for? Never a fixed time: until it is so, or a deadline says that it never will be.

use std::time::{Duration, Instant};

use crate::trouble::{Result, trouble};

/// How long anything may take that takes well under a second on an idle machine.
pub const LONG: Duration = Duration::from_secs(90);

/// Asks again and again until `ask` has an answer.
///
/// # Errors
/// When it has none within `limit`, in words that name `what` was waited for; or when asking fails.
pub async fn until<T>(what: &str, limit: Duration, mut ask: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if began.elapsed() > limit {
            return Err(trouble(format!("waited {} s in vain for {what}", limit.as_secs())));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Something closed that others wait before, until it is opened for good.
#[derive(Clone, Debug)]
pub struct Gate(std::sync::Arc<tokio::sync::watch::Sender<bool>>);

impl Gate {
    /// A closed gate.
    pub fn closed() -> Self {
        Gate(std::sync::Arc::new(tokio::sync::watch::Sender::new(false)))
    }

    /// Lets everyone through, from now on.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Waits until it is open.
    pub async fn passed(&self) {
        // The sender lives as long as this gate, so waiting cannot fail.
        drop(self.0.subscribe().wait_for(|open| *open).await);
    }
}
