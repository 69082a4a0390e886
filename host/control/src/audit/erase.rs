//! Forgets a person or a customer, as far as the audit log names them.

use freehold_model::permission::Permission;
use freehold_model::{ApiKeyId, CustomerId, TenantId};
use serde_json::json;

use super::KIND;
use crate::Control;
use crate::caller::Caller;
use crate::error::ControlError;

impl Control {
    /// Destroys the personal values (names, messages and such) of `subject` in the caller's log: a customer, an API key or
    /// the tenant, by id. The records stay, and every hash holds. Returns how many records had some.
    ///
    /// # Errors
    /// When the caller is no admin, `subject` is no such id, or the store fails.
    pub async fn erase_audit(&self, caller: &Caller, subject: &str) -> Result<u64, ControlError> {
        let scope = caller.require_of_tenant(Permission::Admin)?;
        let customer = subject.parse::<CustomerId>().ok();
        let kind = match () {
            () if customer.is_some() => "customer",
            () if subject.parse::<ApiKeyId>().is_ok() => "api-key",
            () if subject.parse::<TenantId>().is_ok() => "tenant",
            () => {
                let message = "must be the id of a customer (cus_…), of an API key (key_…) or of the tenant (ten_…)";
                return Err(ControlError::invalid("", message));
            }
        };
        let entry = caller.entry("audit.erase", (kind, subject), customer.as_ref(), json!({}));
        let erase = self.store().erase_audit(scope, subject, move |records| {
            let details = json!({ "records": records });
            freehold_model::audit::AuditEntry { details, ..entry }
        });
        erase.await.map_err(ControlError::of(KIND))
    }
}
