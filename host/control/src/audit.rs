//! The audit log, as the tenant reads it, takes it along and has it checked.

mod attempts;
mod checkpoint;
mod erase;
mod export;
mod start;

use freehold_model::audit::AuditRecord;
use freehold_model::page::{Page, PageRequest};
use freehold_model::permission::Permission;
use freehold_store::AuditFilter;

use crate::Control;
use crate::caller::Caller;
use crate::error::ControlError;

pub use attempts::CheckedAttempts;
pub use checkpoint::Checkpointed;
pub use export::AuditExport;

const KIND: &str = "audit record";

impl Control {
    /// What was changed in the caller's tenant, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn audit(
        &self,
        caller: &Caller,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditRecord>, ControlError> {
        let scope = caller.require(Permission::Read)?;
        self.store().audit(scope, filter, page).await.map_err(ControlError::of(KIND))
    }
}
