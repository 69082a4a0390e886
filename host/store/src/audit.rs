//! The audit log: records without a change of their own, read back, read through, checkpointed, erased in part.

use freehold_model::audit::{AuditEntry, AuditRecord, Chain};
use freehold_model::page::{Page, PageRequest};
use freehold_model::{AttemptId, CustomerId, Scope, TenantId, Timestamp};

use crate::engine::Reach;
use crate::sql::audit::{self, attempts, checkpoints, part};
use crate::{Store, StoreError};

/// Which records a list has: all that fit every part that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// About things of this customer.
    pub customer: Option<CustomerId>,
    /// Of this action.
    pub action: Option<String>,
    /// At or after this moment.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
}

/// A signed checkpoint of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// The chain.
    pub chain: Chain,
    /// How many records it covers.
    pub size: u64,
    /// When it was made.
    pub at: Timestamp,
    /// The right edge of the tree of that size.
    pub edge: Vec<u8>,
    /// The signed text.
    pub note: String,
    /// The key that it was signed with.
    pub public_key: String,
}

/// A chain, its length, and how much of it its last checkpoint covers.
pub type ChainLength = (Chain, u64, u64);

/// What is digested of an attempt that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledAttempt {
    /// Its number among all attempts, in the order in which they began.
    pub seq: i64,
    /// Whose it is.
    pub tenant: TenantId,
    /// The destination.
    pub destination: String,
    /// The batch.
    pub batch: String,
    /// Names it.
    pub id: AttemptId,
    /// Which attempt of its batch it was.
    pub number: u32,
    /// How it ended.
    pub state: String,
    /// How many events it carried.
    pub events: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The component that ran.
    pub component_digest: Option<String>,
    /// The credential that was used.
    pub credential_version: Option<u32>,
    /// What was reported, as it is stored.
    pub report: String,
}

impl Store {
    /// The tenant's audit log, newest first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] when the position is not one of this list.
    pub async fn audit(
        &self,
        scope: &Scope,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditRecord>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        audit::list(&mut connection, scope, filter, page).await
    }

    /// Records something that changes nothing else in the database.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record(&self, scope: &Scope, entry: &AuditEntry) -> Result<(), StoreError> {
        let (tenant, entry) = (scope.tenant().clone(), entry.clone());
        self.engine
            .write(Reach::tenant(scope), move |tx| Box::pin(async move { audit::record(tx, &tenant, &entry).await }))
            .await
    }

    /// Records something in the deployment's own chain.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_across_tenants(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let entry = entry.clone();
        self.engine
            .write(Reach::Deployment, move |tx| {
                Box::pin(async move { audit::record_in(tx, &Chain::Deployment, &entry).await })
            })
            .await
    }

    /// Destroys what the audit log holds of `subject` in personal values, and records that; how many records had some.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase_audit(
        &self,
        scope: &Scope,
        subject: &str,
        entry: impl FnOnce(u64) -> AuditEntry + Send + 'static,
    ) -> Result<u64, StoreError> {
        let (scope, subject) = (scope.clone(), subject.to_owned());
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { audit::erase(tx, &scope, &subject, entry).await })
            })
            .await
    }

    /// Records of the scope after the `after`th, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_after(
        &self,
        scope: &Scope,
        filter: &AuditFilter,
        after: u64,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        part::filtered(&mut connection, scope, filter, after, limit).await
    }

    /// Records of any chain after the `after`th, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_after_across_tenants(
        &self,
        chain: &Chain,
        after: u64,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let mut connection = self.engine.read_chain(chain).await?;
        part::records_across_tenants(&mut connection, chain, after, limit).await
    }

    /// Every chain with its length and what of it is covered by a checkpoint.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn chain_lengths_across_tenants(&self) -> Result<Vec<ChainLength>, StoreError> {
        let mut connection = self.engine.read_across_tenants().await?;
        checkpoints::lengths_across_tenants(&mut connection).await
    }

    /// The length of a chain, and what of it is covered by a checkpoint.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn chain_length_across_tenants(&self, chain: &Chain) -> Result<(u64, u64), StoreError> {
        let mut connection = self.engine.read_chain(chain).await?;
        checkpoints::length(&mut connection, chain).await
    }

    /// The last checkpoint of a chain.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_checkpoint_across_tenants(&self, chain: &Chain) -> Result<Option<StoredCheckpoint>, StoreError> {
        let mut connection = self.engine.read_chain(chain).await?;
        checkpoints::last(&mut connection, chain).await
    }

    /// The checkpoints of a chain that cover more than `from` records and at most `to`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoints_across_tenants(
        &self,
        chain: &Chain,
        (from, to): (u64, u64),
    ) -> Result<Vec<StoredCheckpoint>, StoreError> {
        let mut connection = self.engine.read_chain(chain).await?;
        checkpoints::between(&mut connection, chain, (from, to)).await
    }

    /// The keys that the checkpoints of a chain were signed with.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoint_keys_across_tenants(&self, chain: &Chain) -> Result<Vec<String>, StoreError> {
        let mut connection = self.engine.read_chain(chain).await?;
        checkpoints::keys(&mut connection, chain).await
    }

    /// Stores a checkpoint that follows the one of `follows` records; false when another one was made in the meantime.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_checkpoint_across_tenants(
        &self,
        checkpoint: &StoredCheckpoint,
        follows: u64,
    ) -> Result<bool, StoreError> {
        let checkpoint = checkpoint.clone();
        self.engine
            .write(Reach::Deployment, move |tx| {
                Box::pin(async move { checkpoints::add(tx, &checkpoint, follows).await })
            })
            .await
    }

    /// Up to which attempt all are digested.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn attempts_digested_across_tenants(&self) -> Result<i64, StoreError> {
        let mut connection = self.engine.read_across_tenants().await?;
        attempts::digested(&mut connection).await
    }

    /// Attempts after the one numbered `after`, up to the first that is not settled.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settled_attempts_across_tenants(
        &self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<SettledAttempt>, StoreError> {
        // Alone: an attempt with a lower number that another host is still writing would be passed over for ever.
        self.engine
            .write(Reach::Deployment, move |tx| {
                Box::pin(async move { attempts::settled_across_tenants(&mut tx.connection, after, limit).await })
            })
            .await
    }

    /// Records the digests of the attempts from after `from` to `to`, each in the chain of its tenant; false when somebody
    /// else did so in the meantime.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_digests_across_tenants(
        &self,
        (from, to): (i64, i64),
        entries: Vec<(TenantId, AuditEntry)>,
    ) -> Result<bool, StoreError> {
        self.engine
            .write(Reach::Deployment, move |tx| {
                Box::pin(async move { attempts::record_digests(tx, (from, to), &entries).await })
            })
            .await
    }

    /// The attempts of the scope's tenant from `first` to `last`, after the one numbered `after`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when one of the two is not there any more.
    pub async fn attempts_between(
        &self,
        scope: &Scope,
        (first, last): (&str, &str),
        after: i64,
        limit: u32,
    ) -> Result<Vec<SettledAttempt>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        let from = attempts::number_of(&mut connection, scope, first).await?.ok_or(StoreError::NotFound)?;
        let to = attempts::number_of(&mut connection, scope, last).await?.ok_or(StoreError::NotFound)?;
        attempts::of_tenant(&mut connection, scope, (from.max(after.saturating_add(1)), to), limit).await
    }
}
