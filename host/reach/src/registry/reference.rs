//! Which artifact is meant? `HOST[:PORT]/NAME[:TAG][@sha256:…]`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Characters of a repository's name, and of a tag (distribution specification, §Pulling manifests).
const NAME_CHARS_MAX: usize = 255;
const TAG_CHARS_MAX: usize = 128;
/// Docker Hub goes by a name that is not its registry's.
const DOCKER_HUB: [&str; 2] = ["docker.io", "registry-1.docker.io"];

/// A reference to an artifact, always with the registry's host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    host: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Why a text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no reference: {reason}")]
pub struct InvalidReference {
    text: String,
    reason: &'static str,
}

impl Reference {
    /// Host and port, as given.
    pub fn named_host(&self) -> &str {
        &self.host
    }

    /// Host and port to be asked. `localhost` is an address, whatever resolves names: to no other may plain HTTP go.
    pub fn host(&self) -> String {
        let [name, registry] = DOCKER_HUB;
        match self.host.strip_prefix("localhost") {
            Some(port) if port.is_empty() || port.starts_with(':') => format!("127.0.0.1{port}"),
            _ if self.host == name => registry.to_owned(),
            _ => self.host.clone(),
        }
    }

    /// The repository's name.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest of the manifest: `sha256:` and 64 hex digits.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// What it is asked for by: the digest before the tag.
    pub(super) fn version(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or_default()
    }

    /// The same artifact by its digest alone.
    pub fn pinned(&self, digest: &str) -> Reference {
        Reference { tag: None, digest: Some(digest.to_owned()), ..self.clone() }
    }

    /// Whether the registry is on this machine.
    pub(super) fn is_here(&self) -> bool {
        let host = self.host.rsplit_once(':').map_or(self.host.as_str(), |(host, _)| host);
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let wrong = |reason| InvalidReference { text: text.to_owned(), reason };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (text, None),
        };
        if !digest.as_deref().is_none_or(is_digest) {
            return Err(wrong("a digest is `sha256:` and 64 hex digits"));
        }
        let (host, path) = rest.split_once('/').unwrap_or_default();
        if !is_host(host) {
            return Err(wrong("it begins with the registry's host, as in ghcr.io/acme/collector:1.0.0"));
        }
        let (name, tag) = match path.split_once(':') {
            Some((name, tag)) => (name, Some(tag.to_owned())),
            None => (path, None),
        };
        if !is_name(name) {
            return Err(wrong("a repository's name has a-z, 0-9 and, between them, `.`, `_`, `-` and `/`"));
        }
        if !tag.as_deref().is_none_or(is_tag) {
            return Err(wrong("a tag has up to 128 characters out of A-Z a-z 0-9 . _ -"));
        }
        if tag.is_none() && digest.is_none() {
            return Err(wrong("it ends with a tag or a digest, such as :1.0.0"));
        }
        Ok(Reference { host: host.to_owned(), repository: name.to_owned(), tag, digest })
    }
}

fn is_host(text: &str) -> bool {
    // Without a dot or a port it would be the first part of a name on whichever registry is usual.
    let is_one = text.contains(['.', ':']) || text == "localhost";
    let (name, port) = match text.rfind(']') {
        Some(end) => text.split_at(end + 1),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let digits = port.strip_prefix(':').unwrap_or(port);
    let is_port = port.is_empty() || (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    let bracketed = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let is_name = match bracketed {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.bytes().all(is_plain),
    };
    is_one && is_name && is_port
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let part = |part: &str| {
        part.bytes().next().is_some_and(plain)
            && part.bytes().next_back().is_some_and(plain)
            && part.bytes().all(|byte| plain(byte) || b"._-".contains(&byte))
    };
    text.len() <= NAME_CHARS_MAX && text.split('/').all(part)
}

fn is_tag(text: &str) -> bool {
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    begins
        && text.len() <= TAG_CHARS_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Whether `text` is a digest in the one form that is used here.
pub(super) fn is_digest(text: &str) -> bool {
    let digits = text.strip_prefix("sha256:").unwrap_or_default();
    digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_has_a_host_a_name_and_a_tag_or_a_digest() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, host, name) in [
            ("ghcr.io/acme/collector:1.0.0", "ghcr.io", "acme/collector"),
            ("localhost:5000/c:a_B.c-1", "127.0.0.1:5000", "c"),
            (&format!("[::1]:5000/a/b/c@{digest}"), "[::1]:5000", "a/b/c"),
            (&format!("docker.io/acme/c:1@{digest}"), "registry-1.docker.io", "acme/c"),
        ] {
            let reference: Reference = text.parse().unwrap();

            assert_eq!((reference.host().as_str(), reference.repository()), (host, name));
            assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn what_leaves_a_doubt_is_refused_with_what_to_write() {
        let long = format!("ghcr.io/c:{}", "a".repeat(129));
        for (text, word) in [
            ("collector:1.0.0", "host"),
            ("acme/collector:1.0.0", "host"),
            ("https://ghcr.io/c:1", "host"),
            ("ghcr.io:port/c:1", "host"),
            ("[ghcr.io]:5000/c:1", "host"),
            ("ghcr.io/acme/collector", "tag or a digest"),
            ("ghcr.io/Acme/c:1", "name"),
            ("ghcr.io/../c:1", "name"),
            ("ghcr.io/c:-1", "tag"),
            (&long, "tag"),
            ("ghcr.io/c@sha256:abc", "digest"),
            ("ghcr.io/c@md5:abc", "digest"),
        ] {
            let refusal = text.parse::<Reference>().unwrap_err().to_string();

            assert!(refusal.contains(word), "{text}: {refusal}");
        }
    }

    #[test]
    fn a_digest_counts_more_than_a_tag_and_pins() {
        let digest = format!("sha256:{}", "1".repeat(64));
        let tagged: Reference = "ghcr.io/acme/c:1".parse().unwrap();

        assert_eq!(tagged.version(), "1");
        assert_eq!(tagged.pinned(&digest).to_string(), format!("ghcr.io/acme/c@{digest}"));
        assert_eq!(format!("ghcr.io/acme/c:1@{digest}").parse::<Reference>().unwrap().version(), digest);
    }

    #[test]
    fn only_loopback_is_here() {
        for (text, here) in [
            ("127.0.0.1:5000/c:1", true),
            ("localhost:5000/c:1", true),
            ("[::1]:5000/c:1", true),
            ("10.0.0.1:5000/c:1", false),
            ("localhost.example/c:1", false),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().is_here(), here, "{text}");
        }
    }
}
