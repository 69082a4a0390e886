//! Which events are delivered? Each holds a text of its own, by which it is found in what was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use freehold_model::delivery::ClaimedDelivery;
use freehold_model::event::{Event, EventId, EventType, InvalidName};
use freehold_model::limits::EVENT_DATA_BYTES_MAX;
use freehold_model::{BatchId, CustomerId, DeliveryId, DestinationId, Sources, TenantId};
use serde_json::{Value, json};

/// What every marker begins with.
const MARKER: &str = "fhkit-";
/// Digits behind it.
const DIGITS: usize = 6;
/// The number of the marker with which the text of the largest event ends.
pub(crate) const LAST: usize = 999_999;
/// A number in an event's data that no machine type holds.
pub(crate) const LONG_NUMBER: &str = "123456789012345678901234567890";
/// The event in which it stands.
pub(crate) const LONG_NUMBER_IN: usize = 4;
/// Text in which much can go wrong: several scripts, a right-to-left word, a combining mark, a surrogate pair, signs that JSON,
/// HTML and shells want escaped, and line ends that only some programs know.
const UNICODE: &str = "Zürich 東京 שלום e\u{301} 🦀 \"quoted\" \\ <b>&amp; '$(x)' \u{2028}\u{85}";
/// The part of it that is looked for: without what is escaped in different ways.
const UNICODE_PART: &str = "Zürich 東京 שלום";

/// Whose the events are.
#[derive(Debug, Clone)]
pub(crate) struct Whose {
    pub(crate) tenant: TenantId,
    pub(crate) customer: CustomerId,
    pub(crate) destination: DestinationId,
    pub(crate) batch: BatchId,
    types: [EventType; 2],
}

impl Whose {
    pub(crate) fn new(sources: &Sources) -> Result<Whose, InvalidName> {
        Ok(Whose {
            tenant: TenantId::generate(sources),
            customer: CustomerId::generate(sources),
            destination: DestinationId::generate(sources),
            batch: BatchId::generate(sources),
            types: [EventType::parse("conformance.tested")?, EventType::parse("invoice.paid")?],
        })
    }
}

/// The marker of the event of that number.
pub(crate) fn marker(number: usize) -> String {
    format!("{MARKER}{number:0DIGITS$}")
}

/// The numbers of the events whose markers are in `said`.
pub(crate) fn numbers_in(said: &[u8]) -> BTreeSet<usize> {
    let start = MARKER.as_bytes();
    let mut found = BTreeSet::new();
    let mut at = 0;
    while let Some(offset) = said[at..].windows(start.len()).position(|window| window == start) {
        at += offset + start.len();
        let digits = said.get(at..at + DIGITS).and_then(|digits| std::str::from_utf8(digits).ok());
        found.extend(digits.and_then(|digits| digits.parse::<usize>().ok()));
    }
    found
}

/// Whether the text of [`unicode`] is in `said`, as it is or escaped as JSON has it.
pub(crate) fn has_unicode(said: &[u8]) -> bool {
    let escaped = |upper: bool| -> String {
        let unit = |unit: u16| match (char::from_u32(unit.into()), upper) {
            (Some(letter), _) if letter.is_ascii() => letter.to_string(),
            (_, true) => format!("\\u{unit:04X}"),
            (_, false) => format!("\\u{unit:04x}"),
        };
        UNICODE_PART.encode_utf16().map(unit).collect()
    };
    let forms = [UNICODE_PART.to_owned(), escaped(true), escaped(false)];
    forms.iter().any(|form| super::play::contains(said, form.as_bytes()))
}

/// `count` ordinary events, numbered from 1.
pub(crate) fn ordinary(whose: &Whose, sources: &Sources, count: usize) -> Vec<ClaimedDelivery> {
    numbered(whose, sources, 1..=count)
}

/// Ordinary events with these numbers.
pub(crate) fn numbered(whose: &Whose, sources: &Sources, numbers: RangeInclusive<usize>) -> Vec<ClaimedDelivery> {
    numbers.map(|number| one(whose, sources, number, &ordinary_data(number), BTreeMap::new())).collect()
}

/// So many events of these that the host would hand them over at once: as many as `most`, and no more than `bytes` of data,
/// unless the first alone is larger.
pub(crate) fn fitting(mut members: Vec<ClaimedDelivery>, most: usize, bytes: usize) -> Vec<ClaimedDelivery> {
    members.truncate(most);
    let mut sum = 0;
    let fits = |member: &&ClaimedDelivery| {
        sum += member.event.data.len();
        sum <= bytes
    };
    let count = members.iter().take_while(fits).count();
    members.truncate(count.max(1));
    members
}

/// `count` events at most, with as much data that together they have `bytes`, as far as single events may.
pub(crate) fn padded(whose: &Whose, sources: &Sources, count: usize, bytes: usize) -> Vec<ClaimedDelivery> {
    let frame = filled_data(1, 0).to_string().len();
    let count = count.min(bytes / frame).max(1);
    let each = (bytes / count).min(EVENT_DATA_BYTES_MAX).max(frame);
    let made = |number| one(whose, sources, number, &filled_data(number, each - frame), BTreeMap::new());
    (1..=count).map(made).collect()
}

/// Data with so many characters of text, all of them in ASCII.
fn filled_data(number: usize, characters: usize) -> Value {
    let text: String = "The quick brown fox. ".chars().cycle().take(characters).collect();
    json!({ "marker": marker(number), "text": text })
}

fn ordinary_data(number: usize) -> Value {
    json!({ "marker": marker(number), "number": number, "amount": 12.5, "paid": true, "note": null, "lines": [{ "sku": "A-1" }] })
}

/// Events with text in many scripts, in their data and in their metadata.
pub(crate) fn unicode(whose: &Whose, sources: &Sources) -> Vec<ClaimedDelivery> {
    let metadata = BTreeMap::from([("region".to_owned(), UNICODE.to_owned()), ("source".to_owned(), "eu".to_owned())]);
    let data = |number| json!({ "marker": marker(number), "text": UNICODE, UNICODE: [UNICODE] });
    vec![one(whose, sources, 1, &data(1), metadata), one(whose, sources, 2, &data(2), BTreeMap::new())]
}

/// Events with little in them or nothing: every way in which JSON can be empty.
pub(crate) fn empty(whose: &Whose, sources: &Sources) -> Vec<ClaimedDelivery> {
    let empty = [json!({}), json!(null), json!([]), json!(""), json!(0), json!(false)];
    let made = |(index, data): (usize, &Value)| one(whose, sources, index + 1, data, BTreeMap::new());
    empty.iter().enumerate().map(made).collect()
}

/// Events whose data hold what is not text: control characters, NUL, a lone surrogate, long runs of base64, and numbers that no
/// machine type holds.
pub(crate) fn binary(whose: &Whose, sources: &Sources) -> Vec<ClaimedDelivery> {
    let marked = |number: usize, rest: &str| format!(r#"{{"marker":"{}",{rest}}}"#, marker(number)).into_bytes();
    let datas = [
        marked(1, r#""control":"\u0000\u0001\u001b[31m\r\n\t\u007f","nul":"\u0000""#),
        marked(2, r#""lone":"\ud800","pair":"\ud83e\udd80""#),
        marked(3, &format!(r#""bytes":"{}==""#, "AAECA/8+".repeat(512))),
        marked(
            LONG_NUMBER_IN,
            &format!(r#""large":{LONG_NUMBER},"small":1e-400,"exact":0.1000000000000000055511151231257827"#),
        ),
    ];
    let made = |(index, data): (usize, &Vec<u8>)| ClaimedDelivery {
        event: Event { data: data.clone(), ..event(whose, sources, index + 1, &json!(null), BTreeMap::new()) },
        id: DeliveryId::generate(sources),
    };
    datas.iter().enumerate().map(made).collect()
}

/// One event with as much data as an event may have, at the end of which there is the marker of [`LAST`].
pub(crate) fn largest(whose: &Whose, sources: &Sources) -> Vec<ClaimedDelivery> {
    let end = marker(LAST);
    let mut data = filled_data(1, EVENT_DATA_BYTES_MAX - filled_data(1, 0).to_string().len() - end.len());
    if let Some(Value::String(text)) = data.get_mut("text") {
        text.push_str(&end);
    }
    vec![one(whose, sources, 1, &data, BTreeMap::new())]
}

fn one(
    whose: &Whose,
    sources: &Sources,
    number: usize,
    data: &Value,
    metadata: BTreeMap<String, String>,
) -> ClaimedDelivery {
    ClaimedDelivery { id: DeliveryId::generate(sources), event: event(whose, sources, number, data, metadata) }
}

fn event(whose: &Whose, sources: &Sources, number: usize, data: &Value, metadata: BTreeMap<String, String>) -> Event {
    let id = EventId::parse(&format!("event-{number:0DIGITS$}"));
    Event {
        tenant: whose.tenant.clone(),
        customer: whose.customer.clone(),
        id: id.unwrap_or_else(|_| EventId::generate(sources)),
        event_type: whose.types[number % whose.types.len()].clone(),
        time: sources.now().minus_millis(60_000),
        data: data.to_string().into_bytes(),
        metadata,
        accepted_at: sources.now(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::sources::Fixed;

    fn bytes(members: &[ClaimedDelivery]) -> usize {
        members.iter().map(|member| member.event.data.len()).sum()
    }

    #[test]
    fn a_batch_is_cut_where_the_host_would_cut_it() {
        let sources = Fixed::new().sources();
        let whose = Whose::new(&sources).unwrap();
        let members = ordinary(&whose, &sources, 10);
        let of_three = bytes(&members[..3]);
        let lengths = |most, bytes| fitting(members.clone(), most, bytes).len();

        assert_eq!((lengths(5, 1 << 20), lengths(10, of_three), lengths(10, of_three - 1)), (5, 3, 2));
        assert_eq!(lengths(10, 1), 1, "an event that is larger travels alone");
    }

    #[test]
    fn a_padded_batch_has_as_many_bytes_as_it_may() {
        let sources = Fixed::new().sources();
        let whose = Whose::new(&sources).unwrap();
        for (count, most) in [(120, 1 << 20), (3, 100_000), (500, 4_000), (1, 4 << 20)] {
            let members = padded(&whose, &sources, count, most);
            let (sum, wanted) = (bytes(&members), most.min(count * EVENT_DATA_BYTES_MAX));

            assert!(members.len() <= count && sum <= most && sum + 2 * count > wanted, "{count} {most}: {sum}");
        }
    }

    #[test]
    fn the_largest_event_ends_with_a_marker() {
        let sources = Fixed::new().sources();
        let whose = Whose::new(&sources).unwrap();

        let data = &largest(&whose, &sources)[0].event.data;

        assert_eq!(data.len(), EVENT_DATA_BYTES_MAX);
        assert_eq!(numbers_in(data), BTreeSet::from([1, LAST]));
    }
}
