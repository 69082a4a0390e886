//! Attempts are many, so each does not get a record: what was settled since the last time is digested into one.

use std::collections::BTreeMap;

use freehold_audit::canonical;
use freehold_model::TenantId;
use freehold_model::audit::{Actor, ActorKind, AuditEntry, AuditRecord, Digest};
use freehold_model::permission::Permission;
use freehold_store::{AuditFilter, SettledAttempt, StoreError};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::KIND;
use crate::Control;
use crate::caller::Caller;
use crate::error::ControlError;

const ACTION: &str = "attempts.digest";
/// Attempts, and records, that are read at once.
const PORTION: u32 = 1_000;

/// How a tenant's attempts compare with their digests.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CheckedAttempts {
    /// Digests that were compared.
    pub digests: u64,
    /// Attempts that they were made of.
    pub attempts: u64,
    /// The records whose digest the attempts do not have any more, and what each says.
    pub wrong: Vec<(u64, String)>,
}

/// Attempts under digestion.
struct Digesting {
    hash: Sha256,
    count: u64,
    first: String,
    last: String,
}

impl Digesting {
    fn begin(first: &SettledAttempt) -> Digesting {
        Digesting { hash: Sha256::new(), count: 0, first: first.id.to_string(), last: String::new() }
    }

    fn add(&mut self, attempt: &SettledAttempt) {
        self.hash.update(line(attempt));
        self.count += 1;
        self.last = attempt.id.to_string();
    }

    fn entry(self) -> AuditEntry {
        let digest = Digest(self.hash.finalize().into());
        AuditEntry {
            actor: Actor { kind: ActorKind::System, id: "audit".to_owned(), request_id: None },
            action: ACTION,
            target: ("attempt", self.last.clone()),
            customer: None,
            details: json!({ "count": self.count, "first": self.first, "last": self.last, "digest": digest }),
        }
    }
}

/// What is digested of an attempt: canonical JSON and a line break.
fn line(attempt: &SettledAttempt) -> String {
    let value = json!({
        "attempt": attempt.id,
        "batch": attempt.batch,
        "component": attempt.component_digest,
        "credential_version": attempt.credential_version,
        "destination": attempt.destination,
        "events": attempt.events,
        "finished_at": attempt.finished_at,
        "number": attempt.number,
        "report": Digest(Sha256::digest(&attempt.report).into()),
        "started_at": attempt.started_at,
        "state": attempt.state,
    });
    format!("{}\n", canonical(&value))
}

impl Control {
    /// Digests what was settled since the last time, into a record of each tenant that had attempts.
    pub(super) async fn digest_attempts(&self) -> Result<(), ControlError> {
        let store = self.store();
        let from = store.attempts_digested_across_tenants().await.map_err(ControlError::of(KIND))?;
        let mut to = from;
        let mut tenants: BTreeMap<TenantId, Digesting> = BTreeMap::new();
        loop {
            let portion = store.settled_attempts_across_tenants(to, PORTION).await.map_err(ControlError::of(KIND))?;
            for attempt in &portion {
                tenants.entry(attempt.tenant.clone()).or_insert_with(|| Digesting::begin(attempt)).add(attempt);
                to = attempt.seq;
            }
            if portion.is_empty() {
                break;
            }
        }
        if to == from {
            return Ok(());
        }
        let entries = tenants.into_iter().map(|(tenant, digesting)| (tenant, digesting.entry())).collect();
        let recorded =
            store.record_digests_across_tenants((from, to), entries).await.map_err(ControlError::of(KIND))?;
        if !recorded {
            tracing::info!("another process digested the attempts at the same time");
        }
        Ok(())
    }

    /// Compares the attempts of the caller's tenant, as the database has them, with the digests in the log.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn check_attempts(&self, caller: &Caller) -> Result<CheckedAttempts, ControlError> {
        let scope = caller.require(Permission::Read)?;
        let filter = AuditFilter { action: Some(ACTION.to_owned()), ..AuditFilter::default() };
        let mut checked = CheckedAttempts::default();
        let mut after = 0;
        loop {
            let records = self.store().audit_after(scope, &filter, after, PORTION).await;
            let records = records.map_err(ControlError::of(KIND))?;
            let Some(last) = records.last() else { return Ok(checked) };
            after = last.seq;
            for record in &records {
                checked.digests += 1;
                match self.digest_again(caller, record).await? {
                    Ok(attempts) => checked.attempts += attempts,
                    Err(why) => checked.wrong.push((record.seq, why)),
                }
            }
        }
    }

    /// How many attempts a digest was made of, or why they do not have it any more.
    async fn digest_again(&self, caller: &Caller, record: &AuditRecord) -> Result<Result<u64, String>, ControlError> {
        let scope = caller.require(Permission::Read)?;
        let text = |name: &str| record.details[name].as_str().unwrap_or_default();
        let (first, last) = (text("first"), text("last"));
        let mut digesting: Option<Digesting> = None;
        let mut after = 0;
        loop {
            let portion = match self.store().attempts_between(scope, (first, last), after, PORTION).await {
                Err(StoreError::NotFound) => return Ok(Err(format!("{first} or {last} is not there any more"))),
                portion => portion.map_err(ControlError::of(KIND))?,
            };
            let Some(end) = portion.last() else { break };
            after = end.seq;
            for attempt in &portion {
                digesting.get_or_insert_with(|| Digesting::begin(attempt)).add(attempt);
            }
        }
        let found = digesting.map(|digesting| (digesting.count, digesting.entry().details));
        match found {
            Some((count, details)) if details == record.details => Ok(Ok(count)),
            Some((count, _)) if record.details["count"] != count => {
                Ok(Err(format!("it was made of {} attempts, and there are {count}", record.details["count"])))
            }
            _ => Ok(Err(format!("attempts from {first} to {last} were changed"))),
        }
    }
}
