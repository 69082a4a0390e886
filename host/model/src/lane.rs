//! Lanes: the queue of one destination, and how others ask for its attention.

use crate::id::{CustomerId, DestinationId, TenantId};

/// Names a lane: the destination and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// The tenant.
    pub tenant: TenantId,
    /// The customer.
    pub customer: CustomerId,
    /// The destination.
    pub destination: DestinationId,
}

/// Hears about changes to lanes. The dispatcher listens; those who change destinations speak.
pub trait LaneListener: Send + Sync {
    /// The lane may have something to deliver now: it was resumed, or got new deliveries.
    fn wake(&self, lane: &Lane);

    /// The destination's config or credential changed, or it is gone: instances made before must take no new work.
    fn retire(&self, lane: &Lane);

    /// A credential version was taken back: whatever is at work with it must be cut off now.
    fn revoke(&self, lane: &Lane, version: u32);
}
