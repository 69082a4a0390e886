//! Every IPv6 form that carries an IPv4 address, around addresses that are not public, in every way of writing IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use freehold_sandbox::egress::EgressConfig;

use super::reference;
use super::seed::Seed;
use super::{Gate, Tally};
use crate::proof::Proof;

/// Addresses that are wrapped, each in every form.
const WRAPPED: usize = 100;

/// Puts IPv4 addresses that are not public into every form; NAT64 then also with public ones, open and closed.
pub(super) async fn check(seed: &mut Seed, scale: usize, proof: &mut Proof) {
    let closed = Gate::new(EgressConfig::default());
    let open = Gate::new(EgressConfig { allow_nat64: true, ..EgressConfig::default() });
    let mut tally = Tally::default();
    for _ in 0..WRAPPED * scale {
        let v4 = reference::denied_v4(seed);
        for form in forms(seed, v4) {
            for gate in [&closed, &open] {
                tally.address(gate, form.into(), &written(seed, form), false).await;
            }
        }
    }
    tally.tell("IPv4 addresses that are not public, inside every IPv6 form", proof);
    let mut tally = Tally::default();
    for _ in 0..WRAPPED * scale {
        let v4 = Ipv4Addr::from(seed.bits32());
        let form = Ipv6Addr::from(0x64_ff9b_u128 << 96 | u128::from(v4.to_bits()));
        tally.address(&closed, form.into(), &written(seed, form), false).await;
        tally.address(&open, form.into(), &written(seed, form), reference::is_public(v4.into())).await;
    }
    tally.tell("NAT64, closed and opened by the operator", proof);
}

/// Every form that carries `v4`, with chance in the bits that the form leaves free.
fn forms(seed: &mut Seed, v4: Ipv4Addr) -> Vec<Ipv6Addr> {
    let low = u128::from(v4.to_bits());
    let (free64, free32, free16) = (u128::from(seed.next()), u128::from(seed.bits32()), seed.bits128() >> 112);
    // Prefixes of networks for ISATAP: a global one, link-local, unique local.
    let isatap = [0x2a00_u128 << 112 | free32 << 64, 0xfe80_u128 << 112, 0xfd00_u128 << 112 | free32 << 64];
    let identifier = (*seed.one_of(&[0_u128, 1, 2, 3]) << 24 | 0x5efe) << 32 | low;
    let mut forms = vec![
        0xffff << 32 | low,                                                    // mapped
        low,                                                                   // compatible
        0xffff << 48 | low,                                                    // translated, SIIT
        0x64_ff9b << 96 | low,                                                 // NAT64, well-known
        0x64_ff9b_0001 << 80 | free16 << 64 | low,                             // NAT64, local use
        0x64_ff9b_0001 << 80 | (low >> 16) << 64 | (low & 0xffff) << 40,       // the same, prefix of 48 bits (RFC 6052)
        0x2002 << 112 | low << 80 | (free64 & !(0xffff << 48)) | free16 << 64, // 6to4
        0x2001_0000 << 96 | free32 << 64 | (low ^ 0xffff_ffff),                // Teredo, the client
        0x2001_0000 << 96 | low << 64 | free32,                                // Teredo, the server
    ];
    forms.extend(isatap.map(|prefix| prefix | identifier));
    forms.into_iter().map(Ipv6Addr::from).collect()
}

/// A way of writing the address, in brackets.
fn written(seed: &mut Seed, address: Ipv6Addr) -> String {
    let segments = address.segments();
    let text = match seed.below(5) {
        0 => segments.map(|segment| format!("{segment:x}")).join(":"),
        1 => segments.map(|segment| format!("{segment:04x}")).join(":"),
        2 => segments.map(|segment| format!("{segment:04X}")).join(":"),
        3 => {
            let head = segments[..6].iter().map(|segment| format!("{segment:x}")).collect::<Vec<_>>().join(":");
            let [.., a, b, c, d] = address.octets();
            format!("{head}:{a}.{b}.{c}.{d}")
        }
        _ => IpAddr::V6(address).to_string(),
    };
    format!("[{text}]")
}
