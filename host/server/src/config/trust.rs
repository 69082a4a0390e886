//! The section `[trust]`: whose components are trusted, and who may install them.

use std::path::{Path, PathBuf};

use freehold_catalogue::Trust;
use freehold_trust::{PublicKey, TrustList};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The section `[trust]`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TrustSection {
    /// Keys whose signatures count, each as `NAME=KEY`: PEM, or base64 in one line.
    pub(crate) keys: Vec<String>,
    /// Files with such a key in PEM; a key's name is that of its file.
    pub(crate) key_files: Vec<PathBuf>,
    /// Whether components without a signature may be installed and run. For development only.
    pub(crate) allow_unsigned: bool,
    /// Whether a tenant's admin key may install destination types for that tenant alone.
    pub(crate) tenant_installs: bool,
}

impl TrustSection {
    /// Whom the operator trusts, and with what.
    pub(crate) fn trust(&self) -> Result<Trust, Failure> {
        let keys = self.list()?;
        Ok(Trust { keys, allow_unsigned: self.allow_unsigned, tenant_installs: self.tenant_installs })
    }

    /// The keys that are trusted.
    pub(crate) fn list(&self) -> Result<TrustList, Failure> {
        let mut keys = self.keys.iter().map(|entry| entry_of(entry)).collect::<Result<Vec<_>, _>>()?;
        for file in &self.key_files {
            keys.push(read_key(file)?);
        }
        Ok(TrustList::of(keys))
    }
}

fn entry_of(entry: &str) -> Result<(String, PublicKey), Failure> {
    let (name, text) = entry.split_once('=').unwrap_or(("", entry));
    let name = name.trim();
    let unfit = |why: &dyn std::fmt::Display| Failure::new(format!("`trust.keys`: {name:?}: {why}; write NAME=KEY"));
    if name.is_empty() {
        return Err(unfit(&"the key has no name"));
    }
    let key = PublicKey::parse(text).map_err(|error| unfit(&error))?;
    Ok((name.to_owned(), key))
}

/// Reads a public key, which is called as its file is, without ending.
pub(crate) fn read_key(file: &Path) -> Result<(String, PublicKey), Failure> {
    let text = std::fs::read_to_string(file).map_err(Failure::at(file))?;
    let key = PublicKey::parse(&text).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    let name = file.file_stem().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    Ok((name, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

    fn names(keys: &[&str]) -> Result<Vec<String>, String> {
        let section = TrustSection { keys: keys.iter().map(|key| (*key).to_owned()).collect(), ..Default::default() };
        let list = section.list().map_err(|failure| failure.to_string())?;
        Ok(list.iter().map(|(name, _)| name.to_owned()).collect())
    }

    #[test]
    fn each_key_has_a_name() {
        assert_eq!(
            names(&[&format!("acme={KEY}"), &format!(" other = {KEY} ")]),
            Ok(vec!["acme".into(), "other".into()])
        );
        assert!(names(&[KEY]).unwrap_err().contains("NAME=KEY"));
        assert!(names(&["acme"]).unwrap_err().contains("has no name"));
        assert!(names(&["acme=c2hvcnQ="]).unwrap_err().contains("acme"));
    }
}
