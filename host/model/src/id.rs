//! Identifiers: a prefix that says what they name, then a ULID (sortable by creation time, 80 random bits).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Sources;

/// A text that is not an identifier of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind: it begins with `{prefix}_` and has 26 characters after that")]
pub struct InvalidId {
    /// What such an id begins with.
    pub prefix: &'static str,
}

/// The ULID for `now`: 48 bits of time, 80 random bits (<https://github.com/ulid/spec>).
pub(crate) fn ulid(sources: &Sources) -> String {
    let random = u128::from_le_bytes(sources.random::<16>());
    let ms = u64::try_from(sources.now().millis()).unwrap_or(0);
    ulid::Ulid::from_parts(ms, random).to_string().to_ascii_lowercase()
}

fn check(prefix: &'static str, text: &str) -> Result<(), InvalidId> {
    let body = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
    match body {
        Some(body) if body.len() == 26 && body.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()) => Ok(()),
        _ => Err(InvalidId { prefix }),
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// What every id of this kind begins with, before the `_`.
            pub const PREFIX: &'static str = $prefix;

            /// A new id, unlike any other.
            pub fn generate(sources: &Sources) -> Self {
                Self(format!("{}_{}", $prefix, ulid(sources)).into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                check($prefix, text)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(/// Names a tenant.
    TenantId, "ten");
id!(/// Names a customer of a tenant.
    CustomerId, "cus");
id!(/// Names an API key (not the key itself).
    ApiKeyId, "key");
id!(/// Names a portal session.
    PortalSessionId, "pss");
id!(/// Names a destination.
    DestinationId, "dst");
id!(/// Names one event on its way to one destination.
    DeliveryId, "dlv");
id!(/// Names deliveries that travel together.
    BatchId, "bat");
id!(/// Names one run of a batch through its plugin.
    AttemptId, "att");
id!(/// Names a row of the audit log.
    AuditId, "aud");
id!(/// Names a customer's sealing key.
    VaultKeyId, "vky");
