//! Signs what every log has become since its last checkpoint, after reading that it is still one chain.

use freehold_audit::{Checkpoint, Head, PublicKey, Tree, hash};
use freehold_model::audit::{Actor, ActorKind, AuditEntry, Chain, Digest};
use freehold_model::permission::Permission;
use freehold_store::{StoreError, StoredCheckpoint};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::KIND;
use crate::Control;
use crate::caller::Caller;
use crate::error::ControlError;

/// Records that are read at once.
const PORTION: u32 = 500;
/// What the signing key is derived for, and what checkpoints call it.
const PURPOSE: &str = "audit checkpoints";
const KEY_NAME: &str = "freehold-audit";

/// What came of a round of checkpoints.
#[derive(Debug)]
pub struct Checkpointed {
    /// The new checkpoints.
    pub made: Vec<StoredCheckpoint>,
    /// The logs that could not be signed, and why: nothing is signed that does not hold together.
    pub refused: Vec<(Chain, ControlError)>,
}

impl Control {
    /// The key that checkpoints are checked with.
    pub fn audit_key(&self) -> PublicKey {
        PublicKey::new(KEY_NAME, self.parts().vault.public_key(PURPOSE))
    }

    /// The last checkpoint of the caller's log, if there is one yet. It tells how much all customers did.
    ///
    /// # Errors
    /// When the caller may not read the whole tenant, or the store fails.
    pub async fn audit_checkpoint(&self, caller: &Caller) -> Result<Option<StoredCheckpoint>, ControlError> {
        let chain = Chain::Tenant(caller.require_of_tenant(Permission::Read)?.tenant().clone());
        self.last_checkpoint_of(&chain).await
    }

    /// The last checkpoint of `chain`, if there is one yet. Only the operator and the server itself may call this.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn last_checkpoint_of(&self, chain: &Chain) -> Result<Option<StoredCheckpoint>, ControlError> {
        self.store().last_checkpoint_across_tenants(chain).await.map_err(ControlError::of(KIND))
    }

    /// The last checkpoint of every log that has one. Only the operator may call this.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn last_audit_checkpoints(&self) -> Result<Vec<StoredCheckpoint>, ControlError> {
        let mut found = Vec::new();
        for (chain, _, covered) in self.store().chain_lengths_across_tenants().await.map_err(ControlError::of(KIND))? {
            if covered > 0 {
                let last = self.store().last_checkpoint_across_tenants(&chain).await.map_err(ControlError::of(KIND))?;
                found.extend(last);
            }
        }
        Ok(found)
    }

    /// Digests the attempts that were settled, then makes a checkpoint of every log that has grown since its last one. The
    /// deployment's log gets a record and a checkpoint each time, so that it shows also that nothing happened. Only the
    /// operator and the server itself may call this.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn checkpoint_audit(&self) -> Result<Checkpointed, ControlError> {
        self.digest_attempts().await?;
        let mut done = Checkpointed { made: Vec::new(), refused: Vec::new() };
        for (chain, length, covered) in
            self.store().chain_lengths_across_tenants().await.map_err(ControlError::of(KIND))?
        {
            if length > covered && chain != Chain::Deployment {
                self.checkpoint_into(chain, &mut done).await;
            }
        }
        self.note_checkpoints(&done).await?;
        self.checkpoint_into(Chain::Deployment, &mut done).await;
        Ok(done)
    }

    async fn checkpoint_into(&self, chain: Chain, done: &mut Checkpointed) {
        match self.checkpoint(&chain).await {
            Ok(made) => done.made.extend(made),
            Err(error) => {
                tracing::error!(log = %chain, error = ?error, "the audit log cannot be signed");
                done.refused.push((chain, error));
            }
        }
    }

    /// Records in the deployment's log which checkpoints were made, so that its own one covers them all.
    async fn note_checkpoints(&self, done: &Checkpointed) -> Result<(), ControlError> {
        let notes = done.made.iter().fold(Sha256::new(), |hash, made| hash.chain_update(&made.note));
        let digest = Digest(notes.finalize().into());
        let entry = AuditEntry {
            actor: Actor { kind: ActorKind::System, id: "audit".to_owned(), request_id: None },
            action: "audit.checkpoint",
            target: ("audit", Chain::Deployment.to_string()),
            customer: None,
            details: json!({ "checkpoints": done.made.len(), "refused": done.refused.len(), "digest": digest }),
        };
        self.store().record_across_tenants(&entry).await.map_err(ControlError::of(KIND))
    }

    /// A checkpoint of `chain` as far as it has grown; none when another was made at the same time.
    async fn checkpoint(&self, chain: &Chain) -> Result<Option<StoredCheckpoint>, ControlError> {
        let last = self.store().last_checkpoint_across_tenants(chain).await.map_err(ControlError::of(KIND))?;
        let (tree, previous) = match &last {
            None => (Tree::default(), Digest::ZERO),
            Some(last) => {
                let tree = Tree::of_edge(last.size, &last.edge).ok_or_else(|| broken(chain, "edge"))?;
                // One that was changed in the database is not built upon.
                let opened = Checkpoint::open(&last.note, &[self.key_of(last)?]);
                let checkpoint = opened.ok().filter(|read| read.size == tree.size() && read.root == tree.root());
                (tree, checkpoint.ok_or_else(|| broken(chain, "note"))?.digest())
            }
        };
        let follows = tree.size();
        let tree = self.grow(chain, tree).await?;
        if tree.size() == follows {
            return Ok(None);
        }
        let at = self.parts().sources.now();
        let checkpoint = Checkpoint { chain: chain.clone(), size: tree.size(), root: tree.root(), at, previous };
        let key = self.audit_key();
        let note = key.sign_with(&checkpoint.text(), |text| self.parts().vault.sign(PURPOSE, text));
        let (chain, size, public_key) = (chain.clone(), tree.size(), key.to_string());
        let stored = StoredCheckpoint { chain, size, at, edge: tree.edge(), note, public_key };
        let is_ours = self.store().add_checkpoint_across_tenants(&stored, follows).await;
        Ok(is_ours.map_err(ControlError::of(KIND))?.then_some(stored))
    }

    /// Adds the records that `tree` does not cover yet, each of which must follow the one before it.
    async fn grow(&self, chain: &Chain, mut tree: Tree) -> Result<Tree, ControlError> {
        // The last covered record is read once more: the first new one must follow it.
        let mut head = None;
        let mut after = tree.size().saturating_sub(1);
        loop {
            let found = self.store().audit_after_across_tenants(chain, after, PORTION).await;
            let records = found.map_err(ControlError::of(KIND))?;
            for record in &records {
                let is_new = record.seq > tree.size();
                let before = head.unwrap_or(if is_new { Head::EMPTY } else { Head { seq: after, hash: record.prev } });
                if record.seq != before.seq + 1 || record.prev != before.hash || hash(record) != record.hash {
                    return Err(broken(chain, &record.seq.to_string()));
                }
                if is_new {
                    tree.push(&record.hash);
                }
                head = Some(Head { seq: record.seq, hash: record.hash });
            }
            match head {
                Some(head) if !records.is_empty() => after = head.seq,
                _ => return Ok(tree),
            }
        }
    }

    fn key_of(&self, checkpoint: &StoredCheckpoint) -> Result<PublicKey, ControlError> {
        checkpoint.public_key.parse().map_err(|_| broken(&checkpoint.chain, "public_key"))
    }
}

/// The log was changed by other hands than ours.
fn broken(chain: &Chain, place: &str) -> ControlError {
    ControlError::Store(StoreError::Inconsistent {
        table: "audit",
        column: "hash".to_owned(),
        row: format!("{place} of {chain}"),
    })
}
