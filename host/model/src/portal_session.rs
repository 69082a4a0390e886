//! Portal sessions: a customer's own, short access to what is theirs.

use crate::id::{CustomerId, PortalSessionId, TenantId};
use crate::permission::Permissions;
use crate::time::Timestamp;

/// A portal session as it is kept: neither its code nor its token.
///
/// The vendor's backend makes it and hands the code to the customer's browser, which exchanges it, once, for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortalSession {
    /// Names the session.
    pub id: PortalSessionId,
    /// The tenant.
    pub tenant: TenantId,
    /// The one customer whose things it opens.
    pub customer: CustomerId,
    /// What its holder may do with these.
    pub scopes: Permissions,
    /// The origin of the page that may show the portal; none when it is opened by a link.
    pub origin: Option<String>,
    /// SHA-256 of the code.
    pub code_hash: [u8; 32],
    /// Until when the code is good.
    pub code_expires_at: Timestamp,
    /// SHA-256 of the token, once the code was exchanged.
    pub token_hash: Option<[u8; 32]>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it: an API key, or `cli`.
    pub created_by: String,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was ended before.
    pub revoked_at: Option<Timestamp>,
}
