//! Who asks, what they may touch and what they may do with it.

use std::str::FromStr;

use freehold_model::audit::{Actor, ActorKind, AuditEntry};
use freehold_model::permission::{Permission, Permissions};
use freehold_model::{CustomerId, Scope, TenantId};

use crate::Control;
use crate::error::ControlError;

/// Who asks. Made only by [`Control::authenticate`] and [`Control::operator`].
#[derive(Debug, Clone)]
pub struct Caller {
    scope: Scope,
    actor: Actor,
    permissions: Permissions,
}

impl Caller {
    pub(crate) fn new(scope: Scope, actor: Actor, permissions: Permissions) -> Self {
        Caller { scope, actor, permissions }
    }

    /// The caller's scope, if their permissions include `need`. In a portal session it is one customer's.
    ///
    /// # Errors
    /// [`ControlError::Forbidden`] when they do not.
    pub fn require(&self, need: Permission) -> Result<&Scope, ControlError> {
        if self.permissions.allow(need) { Ok(&self.scope) } else { Err(ControlError::Forbidden { need }) }
    }

    /// The same for what concerns a tenant as a whole, which no portal session may do.
    ///
    /// # Errors
    /// [`ControlError::Forbidden`] and [`ControlError::OfTenant`].
    pub fn require_of_tenant(&self, need: Permission) -> Result<&Scope, ControlError> {
        let scope = self.require(need)?;
        if scope.customer().is_none() { Ok(scope) } else { Err(ControlError::OfTenant) }
    }

    /// The one customer whose things the caller may touch, in a portal session.
    pub fn customer(&self) -> Option<&CustomerId> {
        self.scope.customer()
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The audit entry for something that this caller changes. `details` must hold no secret.
    pub fn entry(
        &self,
        action: &'static str,
        target: (&'static str, &str),
        customer: Option<&CustomerId>,
        details: serde_json::Value,
    ) -> AuditEntry {
        AuditEntry {
            actor: self.actor.clone(),
            action,
            target: (target.0, target.1.to_owned()),
            customer: customer.cloned(),
            details,
        }
    }

    pub(crate) fn actor_kind(&self) -> ActorKind {
        self.actor.kind
    }

    /// Who created something, as it is noted beside it.
    pub(crate) fn actor_id(&self) -> &str {
        &self.actor.id
    }
}

impl Control {
    /// The operator at the command line, acting for `tenant` with every right.
    pub fn operator(&self, tenant: TenantId) -> Caller {
        Caller::new(Scope::authenticated(tenant), operator_actor(), [Permission::Admin].into_iter().collect())
    }
}

pub(crate) fn operator_actor() -> Actor {
    Actor { kind: ActorKind::Operator, id: "cli".to_owned(), request_id: None }
}

/// Reads an id that came from outside. A text that cannot be an id names nothing, so it is "not found" like any other.
pub(crate) fn id<T: FromStr>(text: &str, kind: &'static str) -> Result<T, ControlError> {
    text.parse().map_err(|_| ControlError::NotFound { kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(has: Permission, need: Permission, allowed: bool, allowed_of_tenant: bool) {
        let tenant = "ten_01hzzzzzzzzzzzzzzzzzzzzzzz".parse().unwrap();
        let customer = "cus_01hzzzzzzzzzzzzzzzzzzzzzzz".parse().unwrap();
        let scope = Scope::authenticated(tenant);
        let permissions: Permissions = [has].into_iter().collect();
        let caller = Caller::new(scope.clone(), operator_actor(), permissions);
        let of_customer = Caller::new(scope.narrowed_to(&customer), operator_actor(), permissions);

        assert_eq!(caller.require(need).is_ok(), allowed, "{has:?} for {need:?}");
        assert_eq!(caller.require_of_tenant(need).is_ok(), allowed_of_tenant, "{has:?} for {need:?} of the tenant");
        assert!(of_customer.require_of_tenant(need).is_err(), "{has:?} for {need:?} of the tenant, in a session");
    }

    #[test]
    fn what_concerns_a_tenant_is_for_no_session() {
        check(Permission::Read, Permission::Read, true, true);
        check(Permission::Read, Permission::Admin, false, false);
        check(Permission::Admin, Permission::Admin, true, true);
    }
}
