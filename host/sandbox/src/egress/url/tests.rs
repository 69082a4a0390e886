//! What is refused and by which rule, what is accepted and in which form, and spellings that nobody thought of.

use proptest::prelude::*;

use super::*;

fn rule(text: &str) -> Rule {
    canonicalise(text).unwrap_err().rule
}

fn canonical(text: &str) -> String {
    canonicalise(text).unwrap().as_str().to_owned()
}

#[test]
fn each_text_is_refused_by_the_rule_that_it_breaks() {
    assert_eq!(rule(""), Rule::NotAUrl);
    assert_eq!(rule("example.com/hook"), Rule::NotAUrl);
    assert_eq!(rule("https:///example.com/"), Rule::NotAUrl);
    assert_eq!(rule("https:/example.com"), Rule::Scheme);
    assert_eq!(rule("ftp://example.com/"), Rule::Scheme);
    assert_eq!(rule("jar:https://example.com!/"), Rule::Scheme);
    assert_eq!(rule("https://user@example.com/"), Rule::UserInfo);
    assert_eq!(rule("https://example.com/#@127.0.0.1/"), Rule::Fragment);
    assert_eq!(rule("https://example.com#@127.0.0.1/"), Rule::Fragment);
    assert_eq!(rule("https://ex%61mple.com/"), Rule::Spelling);
    assert_eq!(rule("https://example.com\\@127.0.0.1/"), Rule::UserInfo);
    assert_eq!(rule("https://example.com\\.evil.test/"), Rule::Spelling);
    assert_eq!(rule("https://example.com/a\\b"), Rule::Spelling);
    assert_eq!(rule("https://exam\tple.com/"), Rule::Spelling);
    assert_eq!(rule(" https://example.com/"), Rule::Spelling);
    assert_eq!(rule("https://0x7f.1/"), Rule::Spelling);
    assert_eq!(rule("https://example.com:/"), Rule::Spelling);
    assert_eq!(rule("https://example.com:0443/"), Rule::Spelling);
    assert_eq!(rule("https://example.com:65536/"), Rule::Port);
    assert_eq!(rule("https://example.com:25/"), Rule::Port);
    assert_eq!(rule("https://1.2.3.4.5/"), Rule::HostName);
    assert_eq!(rule("https://example..com/"), Rule::HostName);
    assert_eq!(rule("https://exa$mple.com/"), Rule::HostName);
    assert_eq!(rule("https://intranet/"), Rule::LocalName);
    assert_eq!(rule("https://wiki/"), Rule::SingleLabel);
    assert_eq!(rule("https://a.LOCALHOST./"), Rule::LocalName);
}

#[test]
fn a_host_that_reads_as_another_is_refused_and_other_scripts_are_not() {
    for host in [
        "ho\u{200b}st.example",
        "exam\u{ad}ple.com",
        "ｅｘａｍｐｌｅ.com",
        "example。com",
        "ⓔxample.com",
        "bü\u{ad}cher.de",
    ] {
        assert_eq!(rule(&format!("https://{host}/")), Rule::Spelling, "{host:?}");
    }
    for host in ["bücher.example", "BÜCHER.example.", "bu\u{308}cher.example", "例え.テスト.example", "пример.example"]
    {
        assert!(canonical(&format!("https://{host}/")).starts_with("https://xn--"), "{host:?}");
    }
    assert_eq!(canonical("https://xn--bcher-kva.example/"), "https://xn--bcher-kva.example/");
}

#[test]
fn a_url_is_brought_into_one_form() {
    assert_eq!(canonical("HTTPS://Example.COM"), "https://example.com/");
    assert_eq!(canonical("https://example.com:443/x?y"), "https://example.com/x?y");
    assert_eq!(canonical("https://example.com.:8443/"), "https://example.com:8443/");
    assert_eq!(canonical("https://bücher.example/ä"), "https://xn--bcher-kva.example/%C3%A4");
    assert_eq!(canonical("https://example.com/%0d%0aX:1"), "https://example.com/%0d%0aX:1");
    assert_eq!(canonical("https://example.com?@127.0.0.1/"), "https://example.com/?@127.0.0.1/");
}

#[test]
fn a_name_that_the_operator_allows_needs_no_public_suffix() {
    let config = EgressConfig { allow_names: vec!["minio".to_owned()], ..EgressConfig::default() };

    assert!(canonicalise_for("http://minio:9000/", &config).is_ok());
    assert_eq!(canonicalise_for("http://other:9000/", &config).unwrap_err().rule, Rule::SingleLabel);
}

#[test]
fn a_suffix_that_the_operator_denies_covers_what_is_under_it() {
    let config = EgressConfig { denied_suffixes: vec![".Rival.example".to_owned()], ..EgressConfig::default() };

    assert_eq!(canonicalise_for("https://api.rival.example/", &config).unwrap_err().rule, Rule::LocalName);
    assert_eq!(canonicalise_for("https://rival.example/", &config).unwrap_err().rule, Rule::LocalName);
    assert!(canonicalise_for("https://notrival.example/", &config).is_ok());
}

/// One part of an IPv4 address, spelt in decimal, octal or hexadecimal with padding.
fn spell(value: u32, radix: u8, padding: usize) -> String {
    let zeros = "0".repeat(padding);
    match radix {
        0 => value.to_string(),
        1 => format!("0{zeros}{value:o}"),
        2 => format!("0x{zeros}{value:x}"),
        _ => format!("0X{zeros}{value:X}"),
    }
}

proptest! {
    #[test]
    fn an_address_spelt_in_any_odd_way_is_refused(
        bits in any::<u32>(),
        parts in 1..=4_usize,
        radixes in proptest::array::uniform4(0..4_u8),
        padding in 0..3_usize,
        dot in any::<bool>(),
    ) {
        let octets = bits.to_be_bytes();
        let mut spelt: Vec<String> =
            (0..parts - 1).map(|i| spell(u32::from(octets[i]), radixes[i], padding)).collect();
        let rest = octets[parts - 1..].iter().fold(0, |sum, octet| sum << 8 | u32::from(*octet));
        spelt.push(spell(rest, radixes[parts - 1], padding));
        let host = format!("{}{}", spelt.join("."), if dot { "." } else { "" });

        let plain = std::net::Ipv4Addr::from(bits).to_string();
        let result = canonicalise(&format!("https://{host}/"));

        prop_assert_eq!(result.is_ok(), host == plain, "{}", host);
    }

    #[test]
    fn an_address_in_other_characters_is_refused(bits in any::<u32>(), disguise in 0..5_u8, place in any::<usize>()) {
        let plain = std::net::Ipv4Addr::from(bits).to_string();
        let place = place % plain.len();
        let (before, after) = plain.split_at(place);
        let at = after.as_bytes()[0];
        let host = match disguise {
            0 => format!("{before}%{at:02x}{}", &after[1..]),
            1 => format!("{before}{}{}", char::from_u32(u32::from(at) + 0xfee0).unwrap(), &after[1..]),
            2 => plain.replace('.', "\u{3002}"),
            3 => format!("{before}\u{ad}{after}"),
            _ => format!("{plain}{}", ".".repeat(1 + place % 2)),
        };

        for url in [format!("https://{host}/"), format!("http://{host}:8080/")] {
            prop_assert!(canonicalise(&url).is_err(), "{:?}", url);
        }
    }

    #[test]
    fn whatever_is_accepted_is_its_own_canonical_form(text in "https?://[a-z0-9.:\\[\\]%@/\\\\?#\u{ad}\u{2460}-]{0,40}") {
        if let Ok(url) = canonicalise(&text) {
            prop_assert_eq!(canonicalise(url.as_str()).map(|again| again.as_str().to_owned()), Ok(url.as_str().to_owned()));
            prop_assert!(url.clone().into_uri().is_ok());
        }
    }
}
