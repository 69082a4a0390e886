//! Reads what names resolve to, lookup after lookup, off a `{dns …}` directive.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::egress::ResolveError;

type Answer = Result<Vec<IpAddr>, ResolveError>;

/// Where names lead that no directive speaks of: any public address will do.
const SOMEWHERE_PUBLIC: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 34);

/// Records that are never asked for, or that lead to other records: by themselves they give no address.
const OTHER_RECORDS: [&str; 13] =
    ["CNAME", "DNAME", "ALIAS", "ANAME", "HTTPS", "SVCB", "MX", "TXT", "SRV", "NS", "SOA", "PTR", "CAA"];

/// Parts of other records.
const HINTS: [&str; 6] = ["ipv4hint", "ipv6hint", "alpn", "port", "target", "priority"];

/// What a remark begins with: what is configured on the machine, which the door does not look at, or the like.
const REMARKS: [&str; 8] = ["search", "hosts", "/etc/hosts", "resolver", "wildcard", "dnssec", "loop", "nsswitch"];

/// What successive lookups answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    answers: Vec<Answer>,
}

impl Names {
    /// Every name leads to one public address.
    pub(super) fn public() -> Self {
        Names { answers: vec![Ok(vec![SOMEWHERE_PUBLIC.into()])] }
    }

    /// Reads the directive's text; `None` when it cannot be understood.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts = split(&text.replace(['(', ')'], " "));
        let several = parts.len() > 1;
        // In front of numbered answers there may be a remark on all of them.
        let is_preface =
            |index: usize, part: &str| several && index == 0 && read(part).is_some_and(|read| read.is_void());
        let mut answers = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            if !is_preface(index, part) {
                answers.push(read(part)?.answer()?);
            }
        }
        (!answers.is_empty()).then_some(Names { answers })
    }

    /// How many lookups it takes to have seen every answer.
    pub(super) fn turns(&self) -> usize {
        self.answers.len()
    }

    /// What lookup number `lookup`, from 0, answers. After the last answer it begins anew.
    pub(super) fn answer(&self, lookup: usize) -> Answer {
        self.answers.get(lookup % self.answers.len().max(1)).cloned().unwrap_or(Err(ResolveError::NoAddress))
    }

    /// Every address in any answer.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.answers.iter().flatten().flatten().copied()
    }
}

/// The texts of successive answers.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut alternating = false;
    for word in text.split_whitespace() {
        if matches!(word, "then" | "->" | "→") {
            parts.push(String::new());
        } else if matches!(word, "alternating" | "alternates") {
            alternating = true;
            parts.push(String::new());
        } else if alternating {
            for (index, address) in word.split(',').filter(|address| !address.is_empty()).enumerate() {
                let last = parts.last_mut().filter(|last| index == 0 && last.is_empty());
                match last {
                    Some(last) => *last = address.to_owned(),
                    None => parts.push(address.to_owned()),
                }
            }
        } else if let Some(rest) = after_number(word) {
            parts.push(rest.to_owned());
        } else if let Some(last) = parts.last_mut() {
            last.push(' ');
            last.push_str(word);
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// What follows the number of an answer: `attempt1:A=…`, `2:A=…`, `lookup#2:`, `first:A=…`.
fn after_number(word: &str) -> Option<&str> {
    let is_named = ["attempt", "lookup", "query"].iter().any(|name| {
        word.strip_prefix(name).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    });
    let (number, rest) = if is_named { (word, "") } else { word.split_once(':')? };
    let bare = ["attempt", "lookup", "query", "answer", "turn"]
        .iter()
        .find_map(|name| number.strip_prefix(name))
        .unwrap_or(number)
        .trim_start_matches('#');
    let is_ordinal = matches!(number, "first" | "second" | "third" | "later" | "else");
    // One digit or two, followed by something that cannot be the rest of an IPv6 address.
    let is_number = (1..=2).contains(&bare.len()) && bare.bytes().all(|b| b.is_ascii_digit());
    let is_answer = rest.is_empty()
        || rest.contains('=')
        || rest.parse::<Ipv4Addr>().is_ok()
        || rest.trim_end_matches(';').bytes().all(|b| b.is_ascii_uppercase());
    ((is_ordinal || is_number) && is_answer).then_some(rest)
}

/// What the words of one answer say.
#[derive(Default)]
struct Read {
    addresses: Vec<IpAddr>,
    why: Option<ResolveError>,
    leads_elsewhere: bool,
}

impl Read {
    fn is_void(&self) -> bool {
        self.addresses.is_empty() && self.why.is_none() && !self.leads_elsewhere
    }

    /// The answer; `None` when nothing was said.
    fn answer(self) -> Option<Answer> {
        if !self.addresses.is_empty() {
            return Some(Ok(self.addresses));
        }
        self.why.or(self.leads_elsewhere.then_some(ResolveError::NoAddress)).map(Err)
    }

    /// Takes a word into account that needs no other beside it.
    fn word(&mut self, word: &str) -> Option<()> {
        let (record, values) = word.split_once('=').unwrap_or((word, ""));
        let is_record = |names: &[&str]| names.iter().any(|name| record.eq_ignore_ascii_case(name));
        if matches!(values, "NODATA" | "none" | "empty") {
            self.why = Some(ResolveError::NoAddress);
        } else if is_record(&["A", "AAAA"]) {
            self.addresses.extend(addresses(values)?);
        } else if is_record(&OTHER_RECORDS) {
            self.leads_elsewhere = true;
        } else if !(is_record(&HINTS) || is_record(&["ttl", "and"])) {
            match word.to_ascii_uppercase().as_str() {
                "NODATA" | "EMPTY" => self.why = Some(ResolveError::NoAddress),
                "NXDOMAIN" => self.why = Some(ResolveError::NotFound),
                "SERVFAIL" | "REFUSED" | "FORMERR" => self.why = Some(ResolveError::Failed),
                "TIMEOUT" => self.why = Some(ResolveError::TimedOut),
                _ => self.addresses.extend(addresses(word)?),
            }
        }
        Some(())
    }
}

fn read(text: &str) -> Option<Read> {
    let mut read = Read::default();
    for statement in text.split(';') {
        let mut words = statement.split_whitespace().peekable();
        if words.peek().is_some_and(|first| REMARKS.contains(&first.to_ascii_lowercase().as_str())) {
            continue;
        }
        while let Some(word) = words.next() {
            let next_number = words.peek().and_then(|next| next.parse::<u32>().ok());
            if word.eq_ignore_ascii_case("ttl") && next_number.is_some() {
                words.next();
            } else if let Ok(count) = word.parse::<u16>() {
                let kind: Vec<&str> = words.by_ref().take_while(|word| !word.starts_with("record")).collect();
                read.addresses.extend(made_up(count, &kind)?);
            } else {
                read.word(word)?;
            }
        }
    }
    Some(read)
}

/// A list of addresses, each perhaps with its record's name again.
fn addresses(list: &str) -> Option<Vec<IpAddr>> {
    let bare = |item: &str| item.trim_start_matches("AAAA=").trim_start_matches("A=").parse().ok();
    list.split([',', '+', '|'])
        .filter(|item| !item.is_empty())
        .map(bare)
        .collect::<Option<Vec<IpAddr>>>()
        .filter(|l| !l.is_empty())
}

/// `4096 private A records`, made up.
fn made_up(count: u16, kind: &[&str]) -> Option<Vec<IpAddr>> {
    let is_v6 = kind.contains(&"AAAA");
    let (v4, v6): ([u8; 2], u16) = match kind.first() {
        Some(&"private") => ([10, 0], 0xfd00),
        Some(&"loopback") if !is_v6 => ([127, 0], 0),
        Some(&"public") => ([93, 184], 0x2a00),
        _ => return None,
    };
    let address = |index: u16| {
        let [high, low] = index.to_be_bytes();
        if is_v6 {
            Ipv6Addr::new(v6, 0, 0, 0, 0, 0, 0, index).into()
        } else {
            Ipv4Addr::new(v4[0], v4[1], high, low).into()
        }
    };
    Some((0..count).map(address).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(text: &str) -> Vec<Vec<String>> {
        let names = Names::parse(text).unwrap_or_else(|| panic!("{text} is not understood"));
        let shown = |lookup| match names.answer(lookup) {
            Ok(addresses) => addresses.iter().map(IpAddr::to_string).collect(),
            Err(error) => vec![error.code().to_owned()],
        };
        (0..names.turns()).map(shown).collect()
    }

    #[test]
    fn one_answer_is_read_with_all_its_records() {
        assert_eq!(answers("A=1.2.3.4,5.6.7.8"), [["1.2.3.4", "5.6.7.8"]]);
        assert_eq!(answers("A=1.2.3.4 A=5.6.7.8"), [["1.2.3.4", "5.6.7.8"]]);
        assert_eq!(answers("A=1.2.3.4,AAAA=fd00::5 ttl=0"), [["1.2.3.4", "fd00::5"]]);
        assert_eq!(answers("AAAA=fd00::5; A=9.9.9.9; ttl 30"), [["fd00::5", "9.9.9.9"]]);
        assert_eq!(answers("A=NODATA; AAAA=fd00::5"), [["fd00::5"]]);
        assert_eq!(answers("CNAME=a.test; CNAME=b.test; A=10.1.2.3"), [["10.1.2.3"]]);
        assert_eq!(answers("CNAME=a.internal; NXDOMAIN"), [["dns-not-found"]]);
        assert_eq!(answers("CNAME=a.test; CNAME=b.test"), [["dns-no-address"]]);
        assert_eq!(answers("SERVFAIL"), [["dns-failed"]]);
        assert_eq!(answers("timeout"), [["dns-timeout"]]);
        assert_eq!(answers("NXDOMAIN; search list would give a=10.0.0.7"), [["dns-not-found"]]);
        assert_eq!(answers("HTTPS ipv4hint=127.0.0.1; A=NODATA"), [["dns-no-address"]]);
        assert_eq!(answers("4096 private A records")[0].len(), 4096);
        assert_eq!(answers("20 public AAAA records; A=10.0.0.1")[0].len(), 21);
    }

    #[test]
    fn answers_are_read_lookup_after_lookup() {
        assert_eq!(answers("attempt1:A=1.2.3.4 attempt2:A=10.0.0.1"), [["1.2.3.4"], ["10.0.0.1"]]);
        assert_eq!(answers("1:A=1.2.3.4 2:A=10.0.0.1"), [["1.2.3.4"], ["10.0.0.1"]]);
        assert_eq!(answers("1:A=1.2.3.4; AAAA=64:ff9b::1 2:NXDOMAIN").len(), 2);
        assert_eq!(answers("ttl=0; first:A=1.2.3.4 second:AAAA=fd00::1 A=1.1.1.1")[1], ["fd00::1", "1.1.1.1"]);
        assert_eq!(answers("ttl=0 alternating 1.2.3.4,10.0.0.1"), [["1.2.3.4"], ["10.0.0.1"]]);
        assert_eq!(answers("alternating A=1.2.3.4, A=10.0.0.1"), [["1.2.3.4"], ["10.0.0.1"]]);
        assert_eq!(answers("A=1.2.3.4 then 10.0.0.1"), [["1.2.3.4"], ["10.0.0.1"]]);
        assert_eq!(answers("A=1.2.3.4 then A=10.0.0.1 then SERVFAIL").len(), 3);
        assert_eq!(answers("lookup1 A=1.2.3.4 (ttl 0) lookup2 A=10.0.0.1"), [["1.2.3.4"], ["10.0.0.1"]]);
    }

    #[test]
    fn what_cannot_be_understood_is_not_guessed() {
        for text in ["", "A=1.2.3", "something else", "perhaps", "A=", "1:A=1.2.3.4 2:what", "12 odd records", "ttl=0"]
        {
            assert_eq!(Names::parse(text), None, "{text}");
        }
    }
}
