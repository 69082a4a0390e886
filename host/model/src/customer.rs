//! Customers of a tenant, and tenants.

use crate::id::{CustomerId, TenantId};
use crate::time::Timestamp;

/// The vendor: a SaaS product that sends its events through Freehold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Names it.
    pub id: TenantId,
    /// What people call it; unique.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A customer of a tenant. All destinations, events and credentials belong to exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Names it.
    pub id: CustomerId,
    /// The tenant whose customer it is.
    pub tenant: TenantId,
    /// The vendor's own name for it, unique within the tenant; may be used wherever the id may.
    pub external_id: Option<String>,
    /// What people call it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}
