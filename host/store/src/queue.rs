//! The queue: batches are claimed under a lease, and settled by whoever holds the newest one.

use freehold_model::attempt::AttemptReport;
use freehold_model::audit::AuditEntry;
use freehold_model::delivery::{ClaimedBatch, Verdict};
use freehold_model::destination::Pause;
use freehold_model::lane::Lane;
use freehold_model::{AttemptId, BatchId, DeliveryId, DestinationId, Scope, Timestamp};

use crate::engine::Reach;
use crate::sql::queue::Standing;
use crate::sql::{claim, queue, settle};
use crate::{Store, StoreError};

/// How much to claim of a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRequest {
    /// Batches at most.
    pub batches_max: u32,
    /// How long the lease lasts, in milliseconds. Then the batch may be claimed again.
    pub lease_ms: u64,
    /// The destination type's limits, which a destination's own settings can only tighten.
    pub limits: BatchLimits,
}

/// What a destination type can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Events in one batch at most.
    pub events: u32,
    /// Bytes of event data in one batch at most; a single larger event travels alone.
    pub bytes: u32,
    /// How long the first event of a batch may wait for more, in milliseconds.
    pub age_ms: u32,
    /// Batches of one destination under way at the same time at most.
    pub concurrency: u32,
}

/// What a claim got.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The batches, each under a lease, each with an open attempt.
    pub batches: Vec<ClaimedBatch>,
    /// When the lane next has something to claim: now if there is more at once, `None` if there is nothing at all or
    /// the destination is paused or deleted. While the lane is at its concurrency, it is when a lease runs out.
    pub next_at: Option<Timestamp>,
}

/// What became of a claimed batch.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The batch.
    pub batch: BatchId,
    /// The lease under which it was attempted.
    pub lease_token: u64,
    /// The attempt that the claim opened.
    pub attempt: AttemptId,
    /// One verdict per member.
    pub verdicts: Vec<(DeliveryId, Verdict)>,
    /// What the attempt found out.
    pub report: AttemptReport,
    /// The component that ran.
    pub component_digest: Option<String>,
    /// Whether the plugin itself broke (a trap, a limit, a broken answer): counted in the batch as
    /// `plugin_failures`, which any other outcome sets back to 0. A `Hold` leaves it as it is.
    pub plugin_failed: bool,
    /// Takes the batch apart: every member with a `Retry` verdict goes on in a new batch of its own, so that the one
    /// event that breaks the plugin cannot hold up the others.
    pub split: bool,
    /// Pauses the destination, if it is active. For a refused credential only if that is still the active one: another
    /// version is refused for itself, and the batch goes on with the active one.
    pub pause: Option<(Pause, AuditEntry)>,
}

/// What a settlement did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Whether the lease was no longer the newest: then nothing was changed.
    pub stale: bool,
    /// Whether the destination refused a credential version that is not the active one any more: what is left of the batch
    /// goes on with the active one, and nothing was paused.
    pub repinned: bool,
    /// When the lane next has something to claim, as in [`Claim::next_at`]; waiting deliveries count as claimable now.
    pub next_at: Option<Timestamp>,
}

impl Store {
    /// Claims batches of a destination: first those due for a retry or left by a lost lease, then new ones.
    ///
    /// # Errors
    /// When the database fails. A destination that is not there has nothing to claim.
    pub async fn claim(
        &self,
        scope: &Scope,
        destination: &DestinationId,
        request: &ClaimRequest,
    ) -> Result<Claim, StoreError> {
        let scope = scope.clone();
        let destination = destination.clone();
        let request = request.clone();
        self.engine
            .write(Reach::lane(&scope), move |tx| {
                Box::pin(async move { claim::claim(tx, &scope, &destination, &request).await })
            })
            .await
    }

    /// Writes down what became of a claimed batch: its attempt, its deliveries, and what is left of it.
    ///
    /// # Errors
    /// [`Conflict::Members`](crate::Conflict::Members) when the verdicts are not one for each member.
    pub async fn settle(&self, scope: &Scope, settlement: &Settlement) -> Result<Settled, StoreError> {
        let scope = scope.clone();
        let settlement = settlement.clone();
        self.engine
            .write(Reach::lane(&scope), move |tx| {
                Box::pin(async move { settle::settle(tx, &scope, &settlement).await })
            })
            .await
    }

    /// Every lane of an active destination that has something to claim, now or later.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lanes_with_work_across_tenants(&self) -> Result<Vec<Lane>, StoreError> {
        let mut connection = self.engine.read_across_tenants().await?;
        queue::lanes_across_tenants(&mut connection, Standing::Active).await
    }

    /// Every lane of an active destination that has something to claim now, as far as its bounds allow it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due_lanes_across_tenants(&self) -> Result<Vec<Lane>, StoreError> {
        let standing = Standing::Due(self.sources.now());
        let mut connection = self.engine.read_across_tenants().await?;
        queue::lanes_across_tenants(&mut connection, standing).await
    }

    /// Ends every lease of this host: at start, those of the former process are lost. Must not be called later.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recover_leases_across_tenants(&self) -> Result<u64, StoreError> {
        self.engine.write(Reach::Deployment, |tx| Box::pin(queue::recover_across_tenants(tx))).await
    }

    /// How many deliveries are queued.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn queued_across_tenants(&self) -> Result<u64, StoreError> {
        let mut connection = self.engine.read_across_tenants().await?;
        queue::queued_across_tenants(&mut connection).await
    }

    /// Forgets idempotency keys whose time is over. Returns how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expire_idempotency_across_tenants(&self) -> Result<u64, StoreError> {
        self.engine.write(Reach::Sweep, |tx| Box::pin(queue::expire_idempotency_across_tenants(tx))).await
    }
}
