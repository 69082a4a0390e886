//! Addresses at the edges of every range, and addresses from anywhere: each is judged by the ranges alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use freehold_sandbox::egress::EgressConfig;

use super::reference::{self, V4, V6, V6_WITHIN};
use super::seed::Seed;
use super::{Gate, Tally, in_url};
use crate::proof::Proof;

/// Addresses from inside each range, beside its edges.
const INSIDE: usize = 4;
/// Addresses from anywhere, of each family.
const ANYWHERE: usize = 500;

/// The first and last address of every range, the ones beside them, and some from inside.
pub(super) async fn edges(seed: &mut Seed, scale: usize, proof: &mut Proof) {
    let gate = Gate::new(EgressConfig::default());
    let mut tally = Tally::default();
    for (first, last) in V4 {
        for number in around(seed, scale, (reference::number(first), reference::number(last)), u32::MAX.into()) {
            let address = Ipv4Addr::from(u32::try_from(number).unwrap_or_default());
            try_out(&mut tally, &gate, address.into()).await;
        }
    }
    tally.tell("edges of every IPv4 range, one less and one more", proof);
    let mut tally = Tally::default();
    for (first, last) in V6.into_iter().chain(V6_WITHIN) {
        for number in around(seed, scale, (reference::number(first), reference::number(last)), u128::MAX) {
            try_out(&mut tally, &gate, Ipv6Addr::from(number).into()).await;
        }
    }
    tally.tell("edges of every IPv6 range, one less and one more", proof);
}

fn around(seed: &mut Seed, scale: usize, (first, last): (u128, u128), max: u128) -> Vec<u128> {
    let mut numbers = vec![first, last];
    numbers.extend(first.checked_sub(1));
    numbers.extend(last.checked_add(1).filter(|after| *after <= max));
    let width = (last - first).saturating_add(1);
    numbers.extend((0..INSIDE * scale).map(|_| first + seed.bits128() % width));
    numbers
}

/// Addresses from anywhere.
pub(super) async fn random(seed: &mut Seed, scale: usize, proof: &mut Proof) {
    let gate = Gate::new(EgressConfig::default());
    let mut tally = Tally::default();
    for _ in 0..ANYWHERE * scale {
        try_out(&mut tally, &gate, Ipv4Addr::from(seed.bits32()).into()).await;
        let bits = seed.bits128();
        // Half of them inside 2000::/3: elsewhere nothing is public.
        let bits = if seed.below(2) == 0 { bits } else { bits >> 3 | 1 << 125 };
        try_out(&mut tally, &gate, Ipv6Addr::from(bits).into()).await;
    }
    tally.tell("addresses from anywhere", proof);
}

async fn try_out(tally: &mut Tally, gate: &Gate, address: IpAddr) {
    tally.address(gate, address, &in_url(address), reference::is_public(address)).await;
}
