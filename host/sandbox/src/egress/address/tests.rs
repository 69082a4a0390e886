//! Generated addresses: every edge of every range, and every IPv4 range inside every IPv6 form that can carry it.

use proptest::prelude::*;

use super::*;

/// The policy written a second time, over plain numbers, to compare with.
fn reference_v4(bits: u32) -> bool {
    !V4_DENIED.iter().any(|range| {
        let first = range.base.to_bits();
        let last = first + u32::try_from(u64::from(u32::MAX) >> range.prefix).unwrap();
        (first..=last).contains(&bits)
    })
}

fn reference_v6(bits: u128) -> bool {
    let within = |range: &Special<Ipv6Addr>| {
        let first = range.base.to_bits();
        (first..=first + (u128::MAX >> range.prefix)).contains(&bits)
    };
    let interface = (bits >> 32) as u32;
    within(&V6_PUBLIC) && !V6_DENIED.iter().any(within) && (interface & 0xfcff_ffff) != 0x5efe
}

fn allowed(ip: impl Into<IpAddr>) -> bool {
    judge(ip.into(), 443, &EgressConfig::default()).is_ok()
}

fn allowed_with_nat64(ip: impl Into<IpAddr>) -> bool {
    judge(ip.into(), 443, &EgressConfig { allow_nat64: true, ..EgressConfig::default() }).is_ok()
}

#[test]
fn every_edge_of_every_v4_range_is_judged_right() {
    for Special { base, prefix, .. } in V4_DENIED {
        let first = base.to_bits();
        let last = first | u32::try_from(u64::from(u32::MAX) >> prefix).unwrap();

        assert!(!allowed(Ipv4Addr::from(first)), "{base}/{prefix} first");
        assert!(!allowed(Ipv4Addr::from(last)), "{base}/{prefix} last");
        for beside in [first.checked_sub(1), last.checked_add(1)].into_iter().flatten() {
            assert_eq!(allowed(Ipv4Addr::from(beside)), reference_v4(beside), "{}", Ipv4Addr::from(beside));
        }
    }
}

#[test]
fn every_edge_of_every_v6_range_is_judged_right() {
    for Special { base, prefix, .. } in V6_DENIED.into_iter().chain([V6_PUBLIC]) {
        let first = base.to_bits();
        let last = first | (u128::MAX >> prefix);
        for bits in [first.checked_sub(1), Some(first), Some(last), last.checked_add(1)].into_iter().flatten() {
            assert_eq!(allowed(Ipv6Addr::from(bits)), reference_v6(bits), "{}", Ipv6Addr::from(bits));
        }
    }
}

/// Every IPv6 form that can carry `v4`, with the bits that the form leaves free.
fn forms(v4: u32, free: u64) -> [(&'static str, u128); 9] {
    let low = u128::from(v4);
    let free = u128::from(free);
    [
        ("mapped", 0xffff_u128 << 32 | low),
        ("compatible", low),
        ("translated", 0xffff_u128 << 48 | low),
        ("nat64", 0x64_ff9b_u128 << 96 | low),
        ("local nat64", 0x64_ff9b_0001_u128 << 80 | (free & 0xffff) << 64 | low),
        ("6to4", 0x2002_u128 << 112 | low << 80 | free),
        ("teredo client", 0x2001_0000_u128 << 96 | (free & 0xffff_ffff) << 64 | (low ^ 0xffff_ffff)),
        ("isatap", 0x2a00_u128 << 112 | (free & 0xffff_ffff) << 64 | 0x5efe_u128 << 32 | low),
        ("isatap, universal", 0x2a00_u128 << 112 | (free & 0xffff_ffff) << 64 | 0x0200_5efe_u128 << 32 | low),
    ]
}

fn denied_v4() -> impl Strategy<Value = u32> {
    (0..V4_DENIED.len(), any::<u32>()).prop_map(|(index, random)| {
        let Special { base, prefix, .. } = V4_DENIED[index];
        base.to_bits() | u32::try_from(u64::from(random) & (u64::from(u32::MAX) >> prefix)).unwrap()
    })
}

/// The blocks of IANA's two special-purpose registries with whether they are globally reachable ("N/A" is not), but for
/// the anycast addresses and identifiers that are denied with the range around them; then multicast, deprecated forms,
/// and some of what is allocated as unicast.
const IANA: [(&str, bool); 50] = [
    ("0.0.0.0/8", false),
    ("0.0.0.0/32", false),
    ("10.0.0.0/8", false),
    ("100.64.0.0/10", false),
    ("127.0.0.0/8", false),
    ("169.254.0.0/16", false),
    ("172.16.0.0/12", false),
    ("192.0.0.0/24", false),
    ("192.0.0.0/29", false),
    ("192.0.0.8/32", false),
    ("192.0.0.170/32", false),
    ("192.0.0.171/32", false),
    ("192.0.2.0/24", false),
    ("192.31.196.0/24", true),
    ("192.52.193.0/24", true),
    ("192.88.99.0/24", false),
    ("192.88.99.2/32", false),
    ("192.168.0.0/16", false),
    ("192.175.48.0/24", true),
    ("198.18.0.0/15", false),
    ("198.51.100.0/24", false),
    ("203.0.113.0/24", false),
    ("224.0.0.0/4", false),
    ("240.0.0.0/4", false),
    ("255.255.255.255/32", false),
    ("::/128", false),
    ("::1/128", false),
    ("::/96", false),
    ("::ffff:0:0:0/96", false),
    ("64:ff9b::/96", false),
    ("64:ff9b:1::/48", false),
    ("100::/64", false),
    ("100:0:0:1::/64", false),
    ("2001::/23", false),
    ("2001::/32", false),
    ("2001:2::/48", false),
    ("2001:10::/28", false),
    ("2001:db8::/32", false),
    ("2002::/16", false),
    ("2620:4f:8000::/48", true),
    ("3fff::/20", false),
    ("5f00::/16", false),
    ("fc00::/7", false),
    ("fe80::/10", false),
    ("fec0::/10", false),
    ("ff00::/8", false),
    ("2001:200::/23", true),
    ("2400::/12", true),
    ("2600::/12", true),
    ("2a00::/12", true),
];

/// First and last address of a range.
fn edges(range: &str) -> [IpAddr; 2] {
    let (base, prefix) = range.split_once('/').unwrap();
    let prefix: u8 = prefix.parse().unwrap();
    match base.parse().unwrap() {
        IpAddr::V4(first) => {
            let free = u32::try_from(u64::from(u32::MAX) >> prefix).unwrap();
            [first.into(), Ipv4Addr::from(first.to_bits() | free).into()]
        }
        IpAddr::V6(first) => {
            let free = u128::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
            [first.into(), Ipv6Addr::from(first.to_bits() | free).into()]
        }
    }
}

#[test]
fn what_the_registries_call_globally_reachable_is_allowed_and_nothing_else_of_theirs() {
    for (range, reachable) in IANA {
        for address in edges(range) {
            assert_eq!(allowed(address), reachable, "{range}: {address}");
            assert_eq!(special(address).is_none(), reachable, "{range}: {address}");
        }
    }
}

#[test]
fn what_is_denied_is_named_with_its_range() {
    for (address, expected) in [
        ("10.1.2.3", "10.0.0.0/8, private use (RFC 1918)"),
        ("::ffff:10.1.2.3", "10.0.0.0/8, private use (RFC 1918)"),
        ("::1", "::1/128, loopback (RFC 4291)"),
        ("::127.0.0.1", "::/96, an IPv4 address inside, deprecated form (RFC 4291)"),
        ("64:ff9b::808:808", "64:ff9b::/96, NAT64, which carries an IPv4 address (RFC 6052)"),
        ("fd00:ec2::254", "fc00::/7, unique local, which is private (RFC 4193)"),
        ("2001:4860::5efe:a00:1", "ISATAP, which carries an IPv4 address (RFC 5214)"),
        ("4000::1", "outside 2000::/3, which alone is global unicast"),
    ] {
        assert_eq!(special(address.parse().unwrap()).as_deref(), Some(expected), "{address}");
    }
    assert_eq!(special("8.8.8.8".parse().unwrap()), None);
    assert_eq!(special("2606:4700:4700::1111".parse().unwrap()), None);
}

proptest! {
    #[test]
    fn a_v4_address_is_refused_exactly_when_the_table_has_it(bits in any::<u32>()) {
        prop_assert_eq!(allowed(Ipv4Addr::from(bits)), reference_v4(bits));
    }

    #[test]
    fn a_v6_address_is_allowed_exactly_when_it_is_global_unicast(bits in any::<u128>(), global in any::<bool>()) {
        let bits = if global { bits >> 3 | 1 << 125 } else { bits };
        let expected = match Ipv6Addr::from(bits).to_ipv4_mapped() {
            Some(v4) => reference_v4(v4.to_bits()),
            None => reference_v6(bits),
        };
        prop_assert_eq!(allowed(Ipv6Addr::from(bits)), expected);
    }

    #[test]
    fn a_denied_v4_address_is_denied_inside_every_v6_form(v4 in denied_v4(), free in any::<u64>()) {
        prop_assert!(!allowed(Ipv4Addr::from(v4)));
        for (form, bits) in forms(v4, free) {
            let address = Ipv6Addr::from(bits);
            prop_assert!(!allowed(address), "{} {}", form, address);
            prop_assert!(!allowed_with_nat64(address), "{} {} with nat64", form, address);
        }
    }

    #[test]
    fn nat64_lets_public_v4_through_only_when_the_operator_says_so(v4 in any::<u32>()) {
        let address = Ipv6Addr::from(0x64_ff9b_u128 << 96 | u128::from(v4));

        prop_assert!(!allowed(address));
        prop_assert_eq!(allowed_with_nat64(address), reference_v4(v4));
    }
}

#[test]
fn an_operator_can_open_one_port_of_one_address() {
    let config = EgressConfig { allow: vec!["127.0.0.1/32:9000".parse().unwrap()], ..EgressConfig::default() };

    assert_eq!(judge("127.0.0.1".parse().unwrap(), 9000, &config), Ok(()));
    assert_eq!(judge("::ffff:127.0.0.1".parse().unwrap(), 9000, &config), Ok(()));
    assert_eq!(judge("127.0.0.1".parse().unwrap(), 9001, &config), Err(Rule::Address));
    assert_eq!(judge("127.0.0.2".parse().unwrap(), 9000, &config), Err(Rule::Address));
    assert_eq!(judge("::127.0.0.1".parse().unwrap(), 9000, &config), Err(Rule::Address));
}

#[test]
fn an_operator_can_close_a_public_network_and_closing_wins() {
    let config = EgressConfig {
        allow: vec!["10.0.0.0/8".parse().unwrap()],
        deny: vec!["8.8.8.0/24".parse().unwrap(), "10.1.0.0/16".parse().unwrap()],
        ..EgressConfig::default()
    };

    assert_eq!(judge("8.8.8.8".parse().unwrap(), 443, &config), Err(Rule::Address));
    assert_eq!(judge("8.8.4.4".parse().unwrap(), 443, &config), Ok(()));
    assert_eq!(judge("10.1.0.1".parse().unwrap(), 443, &config), Err(Rule::Address));
    assert_eq!(judge("10.2.0.1".parse().unwrap(), 443, &config), Ok(()));
}
