//! Which addresses are public? Written down a second time, as the registries list them and over plain numbers, so that a
//! mistake in the door's own tables shows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::seed::Seed;

/// IPv4 ranges that no destination may lie in: first and last address, from IANA's special-purpose registry; multicast;
/// Azure's WireServer.
pub(super) const V4: [(&str, &str); 16] = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.255"),
];

/// IPv6 ranges that no destination may lie in. IPv4-mapped addresses, which are the IPv4 addresses inside, lie in the
/// first.
pub(super) const V6: [(&str, &str); 6] = [
    ("::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
];

/// Ranges inside the above that registries list by themselves: their edges are tried too.
pub(super) const V6_WITHIN: [(&str, &str); 12] = [
    ("::1", "::1"),
    ("64:ff9b::", "64:ff9b::ffff:ffff"),
    ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
    ("100::", "100::ffff:ffff:ffff:ffff"),
    ("100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff"),
    ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"),
    ("2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
];

/// Whether a destination may be at `address`.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !V4.iter().any(|range| holds(range, v4.into())),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public(v4.into()),
            None => !V6.iter().any(|range| holds(range, v6.into())) && !is_isatap(v6),
        },
    }
}

/// An interface identifier `xx00:5efe`, where two bits of the first octet are free, and an IPv4 address.
fn is_isatap(v6: Ipv6Addr) -> bool {
    let octets = v6.octets();
    octets[8] & !3 == 0 && octets[9..12] == [0, 0x5e, 0xfe]
}

fn holds((first, last): &(&str, &str), address: IpAddr) -> bool {
    number(first) <= bits(address) && bits(address) <= number(last)
}

/// An address of either family as a number.
pub(super) fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The number of a written address. What cannot be read lies nowhere, and shows as a range that holds nothing.
pub(super) fn number(text: &str) -> u128 {
    text.parse().map_or(u128::MAX, bits)
}

/// An IPv4 address that is not public.
pub(super) fn denied_v4(seed: &mut Seed) -> Ipv4Addr {
    let (first, last) = *seed.one_of(&V4);
    let (first, last) = (number(first), number(last));
    let address = first + u128::from(seed.bits32()) % (last - first + 1);
    Ipv4Addr::from(u32::try_from(address).unwrap_or_default())
}
