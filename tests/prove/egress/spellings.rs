//! One IPv4 address, written in all the ways that some program somewhere understands: only plain dotted decimals are let
//! through, and only of public addresses.

use std::net::Ipv4Addr;

use freehold_sandbox::egress::EgressConfig;

use super::reference;
use super::seed::Seed;
use super::{Gate, Tally};
use crate::proof::Proof;

/// Spellings that are tried.
const SPELLINGS: usize = 4_000;

/// Dots that are taken for dots under IDNA.
const DOTS: [char; 3] = ['\u{3002}', '\u{ff0e}', '\u{ff61}'];
/// Characters that vanish under IDNA or in careless parsers.
const NOTHINGS: [&str; 5] = ["\u{ad}", "\u{200b}", "\u{2060}", "\t", "\n"];

/// Re-spells addresses, half of them public: it is the spelling that is refused.
pub(super) async fn check(seed: &mut Seed, scale: usize, proof: &mut Proof) {
    let gate = Gate::new(EgressConfig::default());
    let mut tally = Tally::default();
    for _ in 0..SPELLINGS * scale {
        let address = if seed.below(2) == 0 { reference::denied_v4(seed) } else { Ipv4Addr::from(seed.bits32()) };
        let spelt = spell(seed, address);
        let may_pass = spelt == address.to_string() && reference::is_public(address.into());
        for url in [format!("https://{spelt}/"), format!("tls://{spelt}:9093")] {
            let refusal = gate.refusal(&url).await;
            let is_so = match &refusal {
                None => may_pass,
                Some(code) => !may_pass && code.starts_with("egress-"),
            };
            tally.count(is_so, || format!("{url:?} for {address}: {refusal:?}"));
        }
    }
    tally.tell("re-spellings of IPv4 addresses", proof);
}

fn spell(seed: &mut Seed, address: Ipv4Addr) -> String {
    let host = numbers(seed, address);
    match seed.below(10) {
        0 => percent_encoded(seed, &host),
        1 => host.chars().map(full_width).collect(),
        2 => host.chars().map(|c| circled(seed, c)).collect(),
        3 => host.replace('.', &seed.one_of(&DOTS).to_string()),
        4 => format!("{host}{}", ".".repeat(1 + seed.below(2))),
        5 => {
            let at = seed.below(host.len() + 1);
            format!("{}{}{}", &host[..at], seed.one_of(&NOTHINGS), &host[at..])
        }
        6 => format!("[{host}]"),
        7 => overflown(seed, address),
        _ => host,
    }
}

/// One to four numbers, each decimal, octal or hexadecimal, with zeros in front.
fn numbers(seed: &mut Seed, address: Ipv4Addr) -> String {
    let octets = address.octets();
    let parts = 1 + seed.below(4);
    let rest = octets[parts - 1..].iter().fold(0, |sum, octet| sum << 8 | u32::from(*octet));
    let values = octets[..parts - 1].iter().map(|octet| u32::from(*octet)).chain([rest]);
    let spelt: Vec<String> = values.map(|value| number(seed, value)).collect();
    spelt.join(".")
}

fn number(seed: &mut Seed, value: u32) -> String {
    let zeros = "0".repeat(seed.below(3));
    match seed.below(5) {
        0 => format!("0{zeros}{value:o}"),
        1 => format!("0x{zeros}{value:x}"),
        2 => format!("0X{zeros}{value:X}"),
        3 => format!("{zeros}{value}"),
        _ => value.to_string(),
    }
}

/// Numbers that only wrap around to the address.
fn overflown(seed: &mut Seed, address: Ipv4Addr) -> String {
    if seed.below(2) == 0 {
        return (u64::from(address.to_bits()) + (1 << 32)).to_string();
    }
    address.octets().map(|octet| (u32::from(octet) + 256).to_string()).join(".")
}

fn percent_encoded(seed: &mut Seed, host: &str) -> String {
    let first = seed.below(host.len());
    let encode = |(index, byte): (usize, u8)| match index == first || seed.below(2) == 0 {
        true => format!("%{byte:02x}"),
        false => char::from(byte).to_string(),
    };
    host.bytes().enumerate().map(encode).collect()
}

fn full_width(c: char) -> char {
    match c {
        '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
        other => other,
    }
}

/// Circled digits, where there is one.
fn circled(seed: &mut Seed, c: char) -> char {
    match c {
        '0' => '\u{24ea}',
        '1'..='9' => char::from_u32(u32::from(c) - u32::from('1') + 0x2460).unwrap_or(c),
        '.' => *seed.one_of(&DOTS),
        other => other,
    }
}
