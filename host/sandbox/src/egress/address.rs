//! Decides whether an address may be dialled: is it public, whatever form it is wrapped in?

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::EgressConfig;
use super::refusal::Rule;

/// IPv4 ranges that are not public (IANA special-purpose registry), and one public address that is not: Azure's
/// WireServer, which hands out a machine's secrets.
pub const V4_DENIED: [(Ipv4Addr, u8); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The only IPv6 range that is handed out as global unicast.
pub const V6_PUBLIC: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Ranges inside [`V6_PUBLIC`] that are not public: protocol assignments with Teredo, documentation, 6to4.
pub const V6_DENIED: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// NAT64's well-known prefix (RFC 6052): the last 32 bits are the IPv4 address that the translator dials.
pub const NAT64: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Whether the door may dial `ip` at `port`.
///
/// # Errors
/// [`Rule::Address`] when it is not public and the operator does not allow it, or when the operator denies it.
pub fn judge(ip: IpAddr, port: u16, config: &EgressConfig) -> Result<(), Rule> {
    admit(ip, port, config).map(|_| ())
}

/// An address that may be dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// What to dial: `ip` itself, with an IPv4-mapped address as the IPv4 address that it stands for.
    pub(crate) address: IpAddr,
    /// Whether one of the operator's networks contains it. Only there is plain HTTP always fine.
    pub(crate) by_operator: bool,
}

/// [`judge`], telling on what ground.
pub(crate) fn admit(ip: IpAddr, port: u16, config: &EgressConfig) -> Result<Admitted, Rule> {
    let address = ip.to_canonical();
    if config.deny.iter().any(|network| network.contains(address, port)) {
        return Err(Rule::Address);
    }
    if config.allow.iter().any(|network| network.contains(address, port)) {
        return Ok(Admitted { address, by_operator: true });
    }
    match address {
        IpAddr::V4(v4) if is_public_v4(v4) => Ok(Admitted { address, by_operator: false }),
        IpAddr::V6(v6) if is_public_v6(v6) => Ok(Admitted { address, by_operator: false }),
        IpAddr::V6(v6) if config.allow_nat64 && v6_within(v6, NAT64) => {
            let [.., a, b, c, d] = v6.octets();
            let embedded = admit(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port, config)?;
            Ok(Admitted { address, ..embedded })
        }
        _ => Err(Rule::Address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !V4_DENIED.iter().any(|range| v4_within(address, *range))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    v6_within(address, V6_PUBLIC) && !V6_DENIED.iter().any(|range| v6_within(address, *range)) && !is_isatap(address)
}

/// ISATAP (RFC 5214) carries an IPv4 address behind the interface identifier `[02]00:5efe`, under any prefix.
fn is_isatap(address: Ipv6Addr) -> bool {
    let [_, _, _, _, high, low, _, _] = address.segments();
    // The two lowest bits of the first octet say "universal" and "group": whatever they say, the form is the same.
    high & 0xfcff == 0 && low == 0x5efe
}

fn v4_within(address: Ipv4Addr, (base, prefix): (Ipv4Addr, u8)) -> bool {
    (address.to_bits() ^ base.to_bits()) >> (32 - u32::from(prefix)) == 0
}

fn v6_within(address: Ipv6Addr, (base, prefix): (Ipv6Addr, u8)) -> bool {
    (address.to_bits() ^ base.to_bits()) >> (128 - u32::from(prefix)) == 0
}

#[cfg(test)]
mod tests;
