//! Decides whether an address may be dialled: is it public, whatever form it is wrapped in?

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::EgressConfig;
use super::refusal::Rule;

/// A range of addresses with a meaning of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Special<A> {
    /// Its first address.
    pub base: A,
    /// How many bits all its addresses share.
    pub prefix: u8,
    /// What it is for, with its source.
    pub what: &'static str,
}

const fn v4(base: [u8; 4], prefix: u8, what: &'static str) -> Special<Ipv4Addr> {
    let [a, b, c, d] = base;
    Special { base: Ipv4Addr::new(a, b, c, d), prefix, what }
}

const fn v6(first: u16, second: u16, prefix: u8, what: &'static str) -> Special<Ipv6Addr> {
    Special { base: Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), prefix, what }
}

/// IPv4 ranges that are not public: every entry of the [IANA IPv4 special-purpose registry][iana] that is not globally
/// reachable, multicast ([RFC 5771]), and one public address that is not what it seems, Azure's WireServer, which hands
/// out a machine's secrets.
///
/// Smaller entries of the registry lie inside these: 192.0.0.0/29, 192.0.0.8, 192.0.0.9, 192.0.0.10, 192.0.0.170 and
/// 192.0.0.171 in 192.0.0.0/24, 192.88.99.2 in 192.88.99.0/24, 255.255.255.255 in 240.0.0.0/4. Two of them, the anycast
/// addresses 192.0.0.9 and 192.0.0.10, are globally reachable, for finding port mappers and TURN relays: no destination
/// is one, so they are denied with their range. Globally reachable and allowed are 192.31.196.0/24, 192.52.193.0/24 and
/// 192.175.48.0/24.
///
/// [iana]: https://www.iana.org/assignments/iana-ipv4-special-registry
/// [RFC 5771]: https://www.rfc-editor.org/rfc/rfc5771
pub const V4_DENIED: [Special<Ipv4Addr>; 16] = [
    v4([0, 0, 0, 0], 8, "\"this network\" (RFC 791)"),
    v4([10, 0, 0, 0], 8, "private use (RFC 1918)"),
    v4([100, 64, 0, 0], 10, "shared by a provider's customers (RFC 6598)"),
    v4([127, 0, 0, 0], 8, "loopback (RFC 1122)"),
    v4([168, 63, 129, 16], 32, "Azure's WireServer"),
    v4([169, 254, 0, 0], 16, "link-local, with the metadata services of clouds (RFC 3927)"),
    v4([172, 16, 0, 0], 12, "private use (RFC 1918)"),
    v4([192, 0, 0, 0], 24, "IETF protocol assignments (RFC 6890)"),
    v4([192, 0, 2, 0], 24, "documentation (RFC 5737)"),
    v4([192, 88, 99, 0], 24, "6to4 relays, deprecated (RFC 7526)"),
    v4([192, 168, 0, 0], 16, "private use (RFC 1918)"),
    v4([198, 18, 0, 0], 15, "benchmarking (RFC 2544)"),
    v4([198, 51, 100, 0], 24, "documentation (RFC 5737)"),
    v4([203, 0, 113, 0], 24, "documentation (RFC 5737)"),
    v4([224, 0, 0, 0], 4, "multicast (RFC 5771)"),
    v4([240, 0, 0, 0], 4, "reserved, with the broadcast address (RFC 1112, RFC 919)"),
];

/// The only IPv6 range that is handed out as [global unicast](https://www.iana.org/assignments/ipv6-unicast-address-assignments).
///
/// What is not global and lies outside is therefore in no list of ours: of the [IANA IPv6 special-purpose registry][iana]
/// (as of 2025-10-09) ::/128, ::1/128, ::ffff:0:0/96 (judged as the IPv4 address inside), 64:ff9b::/96 (see [`NAT64`]),
/// 64:ff9b:1::/48, 100::/64, 100:0:0:1::/64, 5f00::/16, fc00::/7 and fe80::/10; besides these the deprecated forms
/// ::/96 and fec0::/10, ::ffff:0:0:0/96 (RFC 2765), and multicast, ff00::/8.
///
/// [iana]: https://www.iana.org/assignments/iana-ipv6-special-registry
pub const V6_PUBLIC: Special<Ipv6Addr> = v6(0x2000, 0, 3, "global unicast (RFC 4291)");

/// Ranges inside [`V6_PUBLIC`] that are not public: every entry of the [IANA IPv6 special-purpose registry][iana] there
/// that is not globally reachable, and those that carry an IPv4 address.
///
/// 2001::/23 holds smaller entries: Teredo 2001::/32, benchmarking 2001:2::/48, ORCHID 2001:10::/28, and some that are
/// globally reachable, though no place for a destination: the anycast addresses 2001:1::1, 2001:1::2 and 2001:1::3, AMT
/// relays 2001:3::/32, AS112 2001:4:112::/48, identifiers that are no locators 2001:20::/28 and 2001:30::/28. They are
/// denied with their range. Globally reachable and allowed is 2620:4f:8000::/48.
///
/// [iana]: https://www.iana.org/assignments/iana-ipv6-special-registry
pub const V6_DENIED: [Special<Ipv6Addr>; 4] = [
    v6(0x2001, 0, 23, "IETF protocol assignments, with Teredo and benchmarking (RFC 2928)"),
    v6(0x2001, 0xdb8, 32, "documentation (RFC 3849)"),
    v6(0x2002, 0, 16, "6to4, which carries an IPv4 address (RFC 3056)"),
    v6(0x3fff, 0, 20, "documentation (RFC 9637)"),
];

/// What lies outside [`V6_PUBLIC`], to be named. That it is denied does not depend on this list.
const V6_NAMES: [Special<Ipv6Addr>; 10] = [
    Special { base: Ipv6Addr::LOCALHOST, prefix: 128, what: "loopback (RFC 4291)" },
    Special { base: Ipv6Addr::UNSPECIFIED, prefix: 128, what: "the unspecified address (RFC 4291)" },
    Special { base: Ipv6Addr::UNSPECIFIED, prefix: 96, what: "an IPv4 address inside, deprecated form (RFC 4291)" },
    NAT64,
    v6(0x64, 0xff9b, 32, "NAT64 for local use, which carries an IPv4 address (RFC 8215)"),
    v6(0x100, 0, 48, "discard-only and dummy addresses (RFC 6666, RFC 9780)"),
    v6(0x5f00, 0, 16, "segment identifiers (RFC 9602)"),
    v6(0xfc00, 0, 7, "unique local, which is private (RFC 4193)"),
    v6(0xfe80, 0, 10, "link-local (RFC 4291)"),
    v6(0xff00, 0, 8, "multicast (RFC 4291)"),
];

/// NAT64's well-known prefix (RFC 6052): the last 32 bits are the IPv4 address that the translator dials.
pub const NAT64: Special<Ipv6Addr> = v6(0x64, 0xff9b, 96, "NAT64, which carries an IPv4 address (RFC 6052)");

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
        IpAddr::V6(v6) if config.allow_nat64 && is_nat64(address) => {
            let [.., a, b, c, d] = v6.octets();
            let embedded = admit(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port, config)?;
            Ok(Admitted { address, ..embedded })
        }
        _ => Err(Rule::Address),
    }
}

/// Whether `ip` is one of [`NAT64`].
pub fn is_nat64(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if v6_within(v6, &NAT64))
}

/// What `ip` is when it is not public: its range and what that is for. `None` when it is public.
pub fn special(ip: IpAddr) -> Option<String> {
    match ip.to_canonical() {
        IpAddr::V4(v4) => V4_DENIED.iter().find(|range| v4_within(v4, range)).map(Special::describe),
        IpAddr::V6(v6) if is_public_v6(v6) => None,
        IpAddr::V6(v6) if is_isatap(v6) => Some("ISATAP, which carries an IPv4 address (RFC 5214)".to_owned()),
        IpAddr::V6(v6) => {
            let named = V6_DENIED.iter().chain(&V6_NAMES).find(|range| v6_within(v6, range));
            Some(named.map_or_else(|| "outside 2000::/3, which alone is global unicast".to_owned(), Special::describe))
        }
    }
}

impl<A: std::fmt::Display> Special<A> {
    fn describe(&self) -> String {
        format!("{}/{}, {}", self.base, self.prefix, self.what)
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !V4_DENIED.iter().any(|range| v4_within(address, range))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    v6_within(address, &V6_PUBLIC) && !V6_DENIED.iter().any(|range| v6_within(address, range)) && !is_isatap(address)
}

/// ISATAP (RFC 5214) carries an IPv4 address behind the interface identifier `[02]00:5efe`, under any prefix.
fn is_isatap(address: Ipv6Addr) -> bool {
    let [_, _, _, _, high, low, _, _] = address.segments();
    // The two lowest bits of the first octet say "universal" and "group": whatever they say, the form is the same.
    high & 0xfcff == 0 && low == 0x5efe
}

fn v4_within(address: Ipv4Addr, range: &Special<Ipv4Addr>) -> bool {
    (address.to_bits() ^ range.base.to_bits()) >> (32 - u32::from(range.prefix)) == 0
}

fn v6_within(address: Ipv6Addr, range: &Special<Ipv6Addr>) -> bool {
    // A shift by all 128 bits, for a range of everything, would be none at all; there is no such range.
    (address.to_bits() ^ range.base.to_bits()).checked_shr(128 - u32::from(range.prefix)).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests;
