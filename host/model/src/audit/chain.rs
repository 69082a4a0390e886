//! Whose audit log is this? Each tenant has one, and the deployment itself.

use std::fmt;
use std::str::FromStr;

use crate::id::TenantId;

/// What the deployment's own chain is called. No tenant's id looks like it.
const DEPLOYMENT: &str = "deployment";

/// The audit log of one tenant, or of the deployment itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chain {
    /// A tenant's.
    Tenant(TenantId),
    /// Of what concerns no single tenant, such as the start of a server.
    Deployment,
}

/// A text that names no chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an audit log: it is a tenant's id, or `deployment`")]
pub struct InvalidChain;

impl Chain {
    /// Its name.
    pub fn as_str(&self) -> &str {
        match self {
            Chain::Tenant(tenant) => tenant.as_str(),
            Chain::Deployment => DEPLOYMENT,
        }
    }
}

impl FromStr for Chain {
    type Err = InvalidChain;

    fn from_str(text: &str) -> Result<Self, InvalidChain> {
        match text {
            DEPLOYMENT => Ok(Chain::Deployment),
            tenant => tenant.parse().map(Chain::Tenant).map_err(|_| InvalidChain),
        }
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_a_tenants_or_the_deployments() {
        for text in ["deployment", "ten_01hzzzzzzzzzzzzzzzzzzzzzzz"] {
            assert_eq!(text.parse::<Chain>().unwrap().as_str(), text);
        }
        for text in ["", "Deployment", "cus_01hzzzzzzzzzzzzzzzzzzzzzzz", "ten_1"] {
            assert_eq!(text.parse::<Chain>(), Err(InvalidChain), "{text}");
        }
    }
}
