//! Whose data a query may touch.

use crate::id::{CustomerId, TenantId};

/// The right to touch the data of one tenant, or of one customer of a tenant.
///
/// Every function of the store takes one, so that no query can forget it. Only the places that know whose data is
/// meant may make one: authentication, the dispatcher (for the lane it serves) and the operator's command line. A test
/// of the house rules holds the list of callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    tenant: TenantId,
    customer: Option<CustomerId>,
}

impl Scope {
    /// All of one tenant, for a caller who proved to be that tenant.
    pub fn authenticated(tenant: TenantId) -> Self {
        Scope { tenant, customer: None }
    }

    /// One customer, for the dispatcher that serves one of the customer's lanes.
    pub fn dispatched(tenant: TenantId, customer: CustomerId) -> Self {
        Scope { tenant, customer: Some(customer) }
    }

    /// The same tenant narrowed to one customer. A scope that is already narrowed to another customer stays as it is,
    /// so this can only ever take rights away.
    #[must_use]
    pub fn narrowed_to(&self, customer: &CustomerId) -> Self {
        Scope { tenant: self.tenant.clone(), customer: Some(self.customer.clone().unwrap_or_else(|| customer.clone())) }
    }

    /// The tenant.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The customer, when the scope is narrowed to one.
    pub fn customer(&self) -> Option<&CustomerId> {
        self.customer.as_ref()
    }
}
