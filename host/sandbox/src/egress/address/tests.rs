//! Generated addresses: every edge of every range, and every IPv4 range inside every IPv6 form that can carry it.

use proptest::prelude::*;

use super::*;

/// The policy written a second time, over plain numbers, to compare with.
fn reference_v4(bits: u32) -> bool {
    !V4_DENIED.iter().any(|(base, prefix)| {
        let first = base.to_bits();
        let last = first + u32::try_from(u64::from(u32::MAX) >> prefix).unwrap();
        (first..=last).contains(&bits)
    })
}

fn reference_v6(bits: u128) -> bool {
    let within = |(base, prefix): &(Ipv6Addr, u8)| {
        let first = base.to_bits();
        (first..=first + (u128::MAX >> prefix)).contains(&bits)
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
    for (base, prefix) in V4_DENIED {
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
    for (base, prefix) in V6_DENIED.into_iter().chain([V6_PUBLIC]) {
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
        let (base, prefix) = V4_DENIED[index];
        base.to_bits() | u32::try_from(u64::from(random) & (u64::from(u32::MAX) >> prefix)).unwrap()
    })
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
