//! What the holder of an API key or a portal session may do.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What an operation asks for, and what a key or session has: its scopes, as the API calls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Publish events.
    Publish,
    /// Read destinations, events, deliveries, attempts and the audit log.
    Read,
    /// Read, and set up, change, rotate, try, pause and replay destinations.
    Manage,
    /// Everything within the tenant: customers, API keys and portal sessions too.
    Admin,
}

impl Permission {
    /// All of them, the least first.
    pub const ALL: [Permission; 4] = [Permission::Publish, Permission::Read, Permission::Manage, Permission::Admin];

    /// The permission as written in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Permission::Publish => "publish",
            Permission::Read => "read",
            Permission::Manage => "manage",
            Permission::Admin => "admin",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == text)
    }

    fn includes(self, need: Permission) -> bool {
        self == need || self == Permission::Admin || (self == Permission::Manage && need == Permission::Read)
    }
}

/// Several permissions, in their own order, each once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions([bool; Permission::ALL.len()]);

impl Permissions {
    /// Whether any of them includes `need`: `admin` includes everything, `manage` includes `read`.
    pub fn allow(self, need: Permission) -> bool {
        self.iter().any(|permission| permission.includes(need))
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().zip(self.0).filter(|(_, has)| *has).map(|(permission, _)| permission)
    }

    /// Reads what [`fmt::Display`] writes: their names with a space between each two.
    pub fn parse(text: &str) -> Option<Self> {
        text.split_whitespace().map(Permission::parse).collect()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        let mut all = Permissions::default();
        for permission in permissions {
            all.0[permission as usize] = true;
        }
        all
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, permission) in self.iter().enumerate() {
            if place > 0 {
                f.write_str(" ")?;
            }
            f.write_str(permission.as_str())?;
        }
        Ok(())
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Permission>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(has: &[Permission], allowed: &[Permission]) {
        let permissions: Permissions = has.iter().copied().collect();
        let found: Vec<Permission> = Permission::ALL.into_iter().filter(|need| permissions.allow(*need)).collect();
        assert_eq!(found, allowed, "{has:?}");
    }

    #[test]
    fn each_permission_includes_the_lesser_ones_only() {
        use Permission::{Admin, Manage, Publish, Read};
        check(&[], &[]);
        check(&[Publish], &[Publish]);
        check(&[Read], &[Read]);
        check(&[Manage], &[Read, Manage]);
        check(&[Admin], &[Publish, Read, Manage, Admin]);
        check(&[Read, Publish], &[Publish, Read]);
    }

    #[test]
    fn they_are_read_as_they_are_written() {
        let permissions: Permissions = [Permission::Read, Permission::Publish, Permission::Read].into_iter().collect();

        assert_eq!(permissions.to_string(), "publish read");
        assert_eq!(Permissions::parse("publish read"), Some(permissions));
        assert_eq!(Permissions::parse("publish write"), None);
        assert_eq!(serde_json::to_string(&permissions).unwrap(), r#"["publish","read"]"#);
        assert_eq!(serde_json::from_str::<Permissions>(r#"["read","publish"]"#).unwrap(), permissions);
    }
}
