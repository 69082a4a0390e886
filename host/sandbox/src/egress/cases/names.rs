//! Reads what names resolve to, lookup after lookup, off a `{dns …}` directive.

use std::net::{IpAddr, Ipv4Addr};

use crate::egress::ResolveError;

type Answer = Result<Vec<IpAddr>, ResolveError>;

/// Where names lead that no directive speaks of: any public address will do.
const SOMEWHERE_PUBLIC: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 34);

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
        let answers: Option<Vec<Answer>> = if let Some((_, addresses)) = text.split_once("alternating ") {
            addresses.split(',').map(|address| answer(address.trim())).collect()
        } else if let Some(answers) = numbered(text) {
            answers.into_iter().map(answer).collect()
        } else if let Some(many) = many_private(text) {
            Some(vec![Ok(many)])
        } else {
            text.split(" then ").map(|part| answer(part.trim())).collect()
        };
        answers.map(|answers| Names { answers })
    }

    /// How many lookups it takes to have seen every answer.
    pub(super) fn turns(&self) -> usize {
        self.answers.len()
    }

    /// What lookup number `lookup`, from 0, answers. After the last answer it begins anew.
    pub(super) fn answer(&self, lookup: usize) -> Answer {
        self.answers.get(lookup % self.answers.len().max(1)).cloned().unwrap_or(Err(ResolveError::NoAddress))
    }
}

/// `attempt1:A=… attempt2:A=…` or `1:A=… 2:A=…`, taken apart.
fn numbered(text: &str) -> Option<Vec<&str>> {
    let part = |token: &'_ str| -> Option<usize> {
        let (number, _) = token.split_once(':')?;
        number.trim_start_matches("attempt").parse::<u32>().ok().map(|_| number.len() + 1)
    };
    let tokens: Vec<&str> = text.split_whitespace().collect();
    tokens.first().and_then(|token| part(token))?;
    let parts = tokens.iter().filter_map(|token| part(token).map(|start| &token[start..]));
    Some(parts.collect())
}

/// `4096 private A records`, made up.
fn many_private(text: &str) -> Option<Vec<IpAddr>> {
    let (count, rest) = text.split_once(' ')?;
    let count: u16 = count.parse().ok()?;
    let address = |index: u16| {
        let [high, low] = index.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(10, 0, high, low))
    };
    rest.contains("private").then(|| (0..count).map(address).collect())
}

/// One answer: addresses from `A=…` and `AAAA=…`, or the word for why there are none. Other records are never asked for,
/// and aliases change nothing about the addresses that they lead to.
fn answer(text: &str) -> Option<Answer> {
    let mut addresses = Vec::new();
    let mut why = None;
    for token in text.split([';', ' ']).map(str::trim).filter(|token| !token.is_empty()) {
        let (record, values) = token.split_once('=').unwrap_or(("", token));
        match (record, values) {
            (_, "NODATA") => why = Some(ResolveError::NoAddress),
            ("", "NXDOMAIN") => why = Some(ResolveError::NotFound),
            ("", "SERVFAIL") => why = Some(ResolveError::Failed),
            ("", "TIMEOUT") => why = Some(ResolveError::TimedOut),
            ("A" | "AAAA", values) => {
                addresses
                    .extend(values.split(',').map(|address| address.parse().ok()).collect::<Option<Vec<IpAddr>>>()?);
            }
            ("", values) => addresses.extend(values.split(',').filter_map(|address| address.parse::<IpAddr>().ok())),
            _ => {}
        }
    }
    if addresses.is_empty() { why.map(Err) } else { Some(Ok(addresses)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(text: &str) -> Vec<Vec<String>> {
        let names = Names::parse(text).unwrap();
        let shown = |lookup| match names.answer(lookup) {
            Ok(addresses) => addresses.iter().map(IpAddr::to_string).collect(),
            Err(error) => vec![error.code().to_owned()],
        };
        (0..names.turns()).map(shown).collect()
    }

    #[test]
    fn answers_are_read_lookup_after_lookup() {
        assert_eq!(answers("A=1.2.3.4,5.6.7.8"), [["1.2.3.4", "5.6.7.8"]]);
        assert_eq!(answers("AAAA=fd00::5; A=9.9.9.9"), [["fd00::5", "9.9.9.9"]]);
        assert_eq!(answers("CNAME=a.test; A=10.1.2.3"), [["10.1.2.3"]]);
        assert_eq!(answers("CNAME=a.internal; NXDOMAIN"), [["dns-not-found"]]);
        assert_eq!(answers("NXDOMAIN; search list would give a=10.0.0.7"), [["dns-not-found"]]);
        assert_eq!(answers("HTTPS ipv4hint=127.0.0.1; A=NODATA"), [["dns-no-address"]]);
        assert_eq!(answers("attempt1:A=1.2.3.4 attempt2:A=10.0.0.1"), [["1.2.3.4"], ["10.0.0.1"]]);
        assert_eq!(answers("1:A=1.2.3.4 2:A=10.0.0.1"), [["1.2.3.4"], ["10.0.0.1"]]);
        assert_eq!(answers("ttl=0 alternating 1.2.3.4,10.0.0.1"), [["1.2.3.4"], ["10.0.0.1"]]);
        assert_eq!(answers("A=1.2.3.4 then 10.0.0.1"), [["1.2.3.4"], ["10.0.0.1"]]);
        assert_eq!(answers("4096 private A records")[0].len(), 4096);
    }

    #[test]
    fn what_cannot_be_understood_is_not_guessed() {
        for text in ["", "A=1.2.3", "something else", "MX=mail.test"] {
            assert_eq!(Names::parse(text), None, "{text}");
        }
    }
}
