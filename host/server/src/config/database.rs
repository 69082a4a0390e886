//! Where the database is, if it is not the file in the data directory.

use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// What a password is shown as.
const MASK: &str = "********";

/// The address of a Postgres database. Shows itself without its password.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct DatabaseUrl(Zeroizing<String>);

impl DatabaseUrl {
    /// The address with its password, for whoever connects.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    fn masked(&self) -> String {
        match password(&self.0) {
            Some(place) => format!("{}{MASK}{}", &self.0[..place.start], &self.0[place.end..]),
            None => self.0.to_string(),
        }
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(
                "`database` is the address of a Postgres database, such as postgres://freehold@db.example/freehold; \
                        leave it out to keep everything in the data directory",
            );
        }
        Ok(DatabaseUrl(Zeroizing::new(text)))
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.masked())
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.masked())
    }
}

/// Refuses an address with a password from where every user of the machine can read it.
pub(super) fn without_password(url: &str) -> Result<&str, Failure> {
    match password(url) {
        Some(_) => Err(Failure::new(
            "--database: a password on the command line can be read by everybody on this machine; put it into PGPASSWORD, \
             ~/.pgpass, FREEHOLD_DATABASE or the settings file",
        )),
        None => Ok(url),
    }
}

/// Where the password of an address is: between the first colon of what precedes the last `@` before the path, and that
/// `@`.
fn password(url: &str) -> Option<std::ops::Range<usize>> {
    let begin = url.find("://")? + 3;
    let end = url[begin..].find(['/', '?', '#']).map_or(url.len(), |length| begin + length);
    let at = begin + url[begin..end].rfind('@')?;
    let colon = begin + url[begin..at].find(':')?;
    Some(colon + 1..at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        format!("{:?}", DatabaseUrl::try_from(url.to_owned()).unwrap())
    }

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(shown("postgres://u:p%40:x@host:5432/db?a=b"), "postgres://u:********@host:5432/db?a=b");
        assert_eq!(shown("postgresql://u@host/db"), "postgresql://u@host/db");
        assert_eq!(shown("postgres:///db?host=/run/a@b:c"), "postgres:///db?host=/run/a@b:c");
    }

    #[test]
    fn a_password_on_the_command_line_is_refused() {
        assert!(without_password("postgres://u:p@host/db").unwrap_err().to_string().contains("PGPASSWORD"));
        assert!(without_password("postgres://u@host/db").is_ok());
    }

    #[test]
    fn another_kind_of_database_is_refused() {
        assert!(DatabaseUrl::try_from("mysql://u@host/db".to_owned()).unwrap_err().contains("Postgres"));
    }
}
