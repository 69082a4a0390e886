//! Networks that the operator opens or closes: a CIDR range and perhaps a port.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A range of addresses, at one port or at any: `127.0.0.0/8`, `127.0.0.1/32:9000`, `[::1]/128:9000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AllowedNetwork {
    address: IpAddr,
    prefix: u8,
    port: Option<u16>,
}

/// A text that is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    /// It does not have the form of one.
    #[error("`{0}` is not a network: write 127.0.0.0/8, 127.0.0.1/32:9000 or [::1]/128:9000")]
    Form(String),
    /// The address has bits beyond the prefix, so it is unclear what was meant.
    #[error("`{given}` names an address inside a network: write {meant} for the network")]
    HostBits {
        /// What was written.
        given: String,
        /// The network that the address lies in.
        meant: String,
    },
}

impl AllowedNetwork {
    /// Whether `address` at `port` belongs to it. An IPv4 address written as IPv4-mapped IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr, port: u16) -> bool {
        self.port.is_none_or(|own| own == port) && self.covers(address.to_canonical())
    }

    fn covers(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                u64::from(own.to_bits() ^ other.to_bits()) >> (32 - u32::from(self.prefix)) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(128 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    fn base(&self) -> IpAddr {
        let width = if self.address.is_ipv4() { 32 } else { 128 };
        let free = width - u32::from(self.prefix);
        match self.address {
            IpAddr::V4(address) => {
                let kept = u32::MAX.checked_shl(free).unwrap_or(0);
                IpAddr::V4((address.to_bits() & kept).into())
            }
            IpAddr::V6(address) => {
                let kept = u128::MAX.checked_shl(free).unwrap_or(0);
                IpAddr::V6((address.to_bits() & kept).into())
            }
        }
    }
}

impl FromStr for AllowedNetwork {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let invalid = || InvalidNetwork::Form(text.to_owned());
        let (address, rest) = text.split_once('/').ok_or_else(invalid)?;
        let (prefix, port) = match rest.split_once(':') {
            Some((prefix, port)) => (prefix, Some(decimal::<u16>(port).filter(|port| *port != 0).ok_or_else(invalid)?)),
            None => (rest, None),
        };
        let bare = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
        let address: IpAddr = match bare {
            Some(inner) => IpAddr::V6(inner.parse().map_err(|_| invalid())?),
            None => address.parse().map_err(|_| invalid())?,
        };
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = decimal::<u8>(prefix).filter(|prefix| *prefix <= width).ok_or_else(invalid)?;
        if address.to_canonical() != address {
            return Err(invalid());
        }
        let network = AllowedNetwork { address, prefix, port };
        if network.base() != address {
            let meant = AllowedNetwork { address: network.base(), ..network }.to_string();
            return Err(InvalidNetwork::HostBits { given: text.to_owned(), meant });
        }
        Ok(network)
    }
}

/// Digits alone: `FromStr` of numbers would also take a `+`.
fn decimal<T: FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

impl fmt::Display for AllowedNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            IpAddr::V4(address) => write!(f, "{address}/{}", self.prefix)?,
            IpAddr::V6(address) => write!(f, "[{address}]/{}", self.prefix)?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl Serialize for AllowedNetwork {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AllowedNetwork {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> AllowedNetwork {
        text.parse().unwrap()
    }

    fn contains(text: &str, address: &str, port: u16) -> bool {
        network(text).contains(address.parse().unwrap(), port)
    }

    #[test]
    fn a_network_is_written_as_it_is_read() {
        for text in ["127.0.0.0/8", "127.0.0.1/32:9000", "[::1]/128:9000", "0.0.0.0/0", "[::]/0", "[fd00::]/8"] {
            assert_eq!(network(text).to_string(), text);
            assert_eq!(serde_json::from_value::<AllowedNetwork>(serde_json::json!(text)).unwrap(), network(text));
        }
        assert_eq!(network("fd00::/8").to_string(), "[fd00::]/8");
    }

    #[test]
    fn a_network_contains_its_addresses_at_its_port_alone() {
        assert!(contains("127.0.0.0/8", "127.255.255.255", 1));
        assert!(!contains("127.0.0.0/8", "128.0.0.0", 1));
        assert!(contains("127.0.0.1/32:9000", "127.0.0.1", 9000));
        assert!(!contains("127.0.0.1/32:9000", "127.0.0.1", 9001));
        assert!(!contains("127.0.0.1/32:9000", "127.0.0.2", 9000));
        assert!(contains("127.0.0.0/8", "::ffff:127.0.0.1", 1));
        assert!(contains("[::1]/128", "::1", 1));
        assert!(!contains("[::1]/128", "::2", 1));
        assert!(contains("0.0.0.0/0", "255.1.2.3", 1));
        assert!(contains("[::]/0", "fe80::1", 1));
        assert!(!contains("[::]/0", "10.0.0.1", 1));
    }

    #[test]
    fn what_is_not_a_network_is_refused_with_advice() {
        for text in ["", "/", "127.0.0.1", "127.0.0.0/33", "127.0.0.0/8:0", "127.0.0.0/8:x", "::/129", "127.0.0.0/+8"] {
            assert!(matches!(text.parse::<AllowedNetwork>(), Err(InvalidNetwork::Form(_))), "{text}");
        }
        let error = "10.1.2.3/8:443".parse::<AllowedNetwork>().unwrap_err().to_string();
        assert!(error.contains("write 10.0.0.0/8:443 for the network"), "{error}");
    }
}
