//! The whole log, or what of it a filter lets through, as text in portions.

use freehold_audit::{Format, Header, Writer};
use freehold_model::Scope;
use freehold_model::audit::{AuditEntry, AuditRecord, Chain};
use freehold_model::permission::Permission;
use freehold_store::{AuditFilter, Store};
use serde_json::json;

use super::KIND;
use crate::Control;
use crate::caller::{Caller, operator_actor};
use crate::error::ControlError;

/// Records in one portion.
const PORTION: u32 = 500;

/// An export under way. Each portion is read when it is asked for.
#[derive(Debug)]
pub struct AuditExport {
    store: Store,
    reads: Reads,
    writer: Option<Writer>,
    /// What comes before the first record, until it was given out.
    header: Option<Header>,
    after: u64,
    /// Where the log ended when the export began, and what its last checkpoint covered then. What comes later is left to
    /// the next export: otherwise a checkpoint could come in between that belongs into a portion already given out.
    end: u64,
    covered: u64,
}

/// Which records are read.
#[derive(Debug)]
enum Reads {
    All(Chain),
    Some(Scope, AuditFilter),
}

impl Control {
    /// Begins an export of the caller's log, and records that. Only without a filter is it one that can be verified.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn export_audit(
        &self,
        caller: &Caller,
        format: Format,
        filter: AuditFilter,
    ) -> Result<AuditExport, ControlError> {
        let scope = caller.require(Permission::Read)?;
        let chain = Chain::Tenant(scope.tenant().clone());
        let complete = filter == AuditFilter::default() && scope.customer().is_none();
        let details = json!({ "format": format, "filtered": !complete });
        let entry = caller.entry("audit.export", ("audit", chain.as_str()), scope.customer(), details);
        self.store().record(scope, &entry).await.map_err(ControlError::of(KIND))?;
        let reads = if complete { Reads::All(chain.clone()) } else { Reads::Some(scope.clone(), filter) };
        self.begin(chain, reads, format).await
    }

    /// Begins an export of the deployment's own log, and records that. Only the operator may call this.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn export_deployment_audit(&self, format: Format) -> Result<AuditExport, ControlError> {
        let entry = AuditEntry {
            actor: operator_actor(),
            action: "audit.export",
            target: ("audit", Chain::Deployment.to_string()),
            customer: None,
            details: json!({ "format": format, "filtered": false }),
        };
        self.store().record_across_tenants(&entry).await.map_err(ControlError::of(KIND))?;
        self.begin(Chain::Deployment, Reads::All(Chain::Deployment), format).await
    }

    async fn begin(&self, chain: Chain, reads: Reads, format: Format) -> Result<AuditExport, ControlError> {
        let store = self.store().clone();
        let (end, covered) = store.chain_length_across_tenants(&chain).await.map_err(ControlError::of(KIND))?;
        let keys = store.checkpoint_keys_across_tenants(&chain).await.map_err(ControlError::of(KIND))?;
        let keys = keys.iter().filter_map(|key| key.parse().ok()).collect();
        let complete = matches!(reads, Reads::All(_));
        let header = Some(Header { chain, complete, exported_at: self.parts().sources.now(), keys });
        Ok(AuditExport { store, reads, writer: Some(Writer::new(format)), header, after: 0, end, covered })
    }
}

impl AuditExport {
    /// The next portion; none after the last.
    ///
    /// # Errors
    /// When the store fails. What was given out so far then has no end, and says so when it is verified.
    pub async fn next(&mut self) -> Result<Option<String>, ControlError> {
        let Some(mut writer) = self.writer.take() else { return Ok(None) };
        let mut text = self.header.take().map(|header| writer.begin(&header)).unwrap_or_default();
        let records = self.records().await?;
        let is_last = u32::try_from(records.len()).is_ok_and(|read| read < PORTION);
        let to = records.last().map_or(self.after, |last| last.seq);
        let mut notes = self.notes(to).await?.into_iter().peekable();
        for record in &records {
            text += &writer.record(record);
            while let Some((_, note)) = notes.next_if(|(size, _)| *size <= record.seq) {
                text += &writer.checkpoint(&note);
            }
        }
        self.after = to;
        if is_last {
            text += &writer.end();
        } else {
            self.writer = Some(writer);
        }
        Ok(Some(text))
    }

    async fn records(&self) -> Result<Vec<AuditRecord>, ControlError> {
        let found = match &self.reads {
            Reads::All(chain) => self.store.audit_after_across_tenants(chain, self.after, PORTION).await,
            Reads::Some(scope, filter) => self.store.audit_after(scope, filter, self.after, PORTION).await,
        };
        let mut records = found.map_err(ControlError::of(KIND))?;
        records.retain(|record| record.seq <= self.end);
        Ok(records)
    }

    /// The checkpoints of the next records, up to the `to`th. A filtered export has none: they would cover other records.
    async fn notes(&self, to: u64) -> Result<Vec<(u64, String)>, ControlError> {
        let Reads::All(chain) = &self.reads else { return Ok(Vec::new()) };
        let range = (self.after, to.min(self.covered));
        let found = self.store.checkpoints_across_tenants(chain, range).await.map_err(ControlError::of(KIND))?;
        Ok(found.into_iter().map(|checkpoint| (checkpoint.size, checkpoint.note)).collect())
    }
}
