//! Who asks, what they may touch and what they may do with it.

use std::str::FromStr;

use freehold_model::api_key::Role;
use freehold_model::audit::{Actor, ActorKind, AuditEntry};
use freehold_model::{CustomerId, Scope, TenantId};

use crate::Control;
use crate::error::ControlError;

/// Who asks. Made only by [`Control::authenticate`] and [`Control::operator`].
#[derive(Debug, Clone)]
pub struct Caller {
    scope: Scope,
    actor: Actor,
    role: Role,
}

impl Caller {
    pub(crate) fn new(scope: Scope, actor: Actor, role: Role) -> Self {
        Caller { scope, actor, role }
    }

    /// The caller's scope, if their role includes `need`: a reader may read, a publisher may read and publish, an admin
    /// may do everything.
    ///
    /// # Errors
    /// [`ControlError::Forbidden`] when it does not.
    pub fn require(&self, need: Role) -> Result<&Scope, ControlError> {
        if rank(self.role) >= rank(need) { Ok(&self.scope) } else { Err(ControlError::Forbidden { need }) }
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

    /// Who created something, as it is noted beside it.
    pub(crate) fn actor_id(&self) -> &str {
        &self.actor.id
    }
}

impl Control {
    /// The operator at the command line, acting for `tenant` with every right.
    pub fn operator(&self, tenant: TenantId) -> Caller {
        Caller::new(Scope::authenticated(tenant), operator_actor(), Role::Admin)
    }
}

pub(crate) fn operator_actor() -> Actor {
    Actor { kind: ActorKind::Operator, id: "cli".to_owned(), request_id: None }
}

/// Reads an id that came from outside. A text that cannot be an id names nothing, so it is "not found" like any other.
pub(crate) fn id<T: FromStr>(text: &str, kind: &'static str) -> Result<T, ControlError> {
    text.parse().map_err(|_| ControlError::NotFound { kind })
}

fn rank(role: Role) -> u8 {
    match role {
        Role::Reader => 0,
        Role::Publisher => 1,
        Role::Admin => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(has: Role, need: Role, allowed: bool) {
        let tenant = "ten_01hzzzzzzzzzzzzzzzzzzzzzzz".parse().unwrap();
        let caller = Caller::new(Scope::authenticated(tenant), operator_actor(), has);

        assert_eq!(caller.require(need).is_ok(), allowed, "{has:?} for {need:?}");
    }

    #[test]
    fn each_role_includes_the_lesser_ones_only() {
        check(Role::Admin, Role::Admin, true);
        check(Role::Admin, Role::Publisher, true);
        check(Role::Admin, Role::Reader, true);
        check(Role::Publisher, Role::Admin, false);
        check(Role::Publisher, Role::Publisher, true);
        check(Role::Publisher, Role::Reader, true);
        check(Role::Reader, Role::Admin, false);
        check(Role::Reader, Role::Publisher, false);
        check(Role::Reader, Role::Reader, true);
    }
}
