//! Names objects: the same events of the same batch always lead to the same key. Pure.

use freehold_sdk::{Error, Event};

/// A key with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Slot(Slot),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Type,
    Date,
    Hour,
    Year,
    Month,
    Day,
    BatchId,
    Customer,
    Destination,
}

/// What does not come from the event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) batch_id: &'a str,
    pub(crate) customer: &'a str,
    pub(crate) destination: &'a str,
}

impl Template {
    pub(crate) const DEFAULT: &'static str = "{type}/{date}/{hour}/{batch_id}.ndjson";

    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        check_folders(text)?;
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(|| invalid("a `{` has no `}`"))?;
            let slot = Slot::named(name).ok_or_else(|| invalid(&format!("there is no placeholder {{{name}}}")))?;
            parts.extend([Part::Text(before.to_owned()), Part::Slot(slot)]);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        if parts.iter().any(|part| matches!(part, Part::Text(text) if text.contains('}'))) {
            return Err(invalid("a `}` has no `{`"));
        }
        if !parts.contains(&Part::Slot(Slot::BatchId)) {
            return Err(invalid("without {batch_id}, later events would overwrite earlier ones"));
        }
        Ok(Template(parts))
    }

    /// The key of the object that `event` goes into.
    pub(crate) fn key(&self, event: &Event, names: Names<'_>) -> String {
        let time = event.time();
        let mut key = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => key.push_str(text),
                Part::Slot(Slot::Type) => key.push_str(&event.event_type),
                Part::Slot(Slot::Date) => key.push_str(&time.date()),
                Part::Slot(Slot::Hour) => key.push_str(&format!("{:02}", time.hour)),
                Part::Slot(Slot::Year) => key.push_str(&format!("{:04}", time.year)),
                Part::Slot(Slot::Month) => key.push_str(&format!("{:02}", time.month)),
                Part::Slot(Slot::Day) => key.push_str(&format!("{:02}", time.day)),
                Part::Slot(Slot::BatchId) => key.push_str(names.batch_id),
                Part::Slot(Slot::Customer) => key.push_str(names.customer),
                Part::Slot(Slot::Destination) => key.push_str(names.destination),
            }
        }
        key
    }

    /// The folder that all keys share, with its `/`: where a policy for these objects certainly allows to write.
    pub(crate) fn shared_folder(&self) -> &str {
        match self.0.first() {
            Some(Part::Text(text)) => text.rfind('/').map_or("", |end| &text[..=end]),
            _ => "",
        }
    }
}

impl Slot {
    fn named(name: &str) -> Option<Slot> {
        Some(match name {
            "type" => Slot::Type,
            "date" => Slot::Date,
            "hour" => Slot::Hour,
            "year" => Slot::Year,
            "month" => Slot::Month,
            "day" => Slot::Day,
            "batch_id" => Slot::BatchId,
            "customer" => Slot::Customer,
            "destination" => Slot::Destination,
            _ => return None,
        })
    }
}

/// Folders that software between here and the bucket would rewrite: the signature would not fit any more.
fn check_folders(text: &str) -> Result<(), Error> {
    if text.chars().any(|c| c.is_control() || c == '\\') {
        return Err(invalid("it holds a control character or a backslash"));
    }
    match text.split('/').find(|folder| matches!(*folder, "" | "." | "..")) {
        Some("") => Err(invalid("it begins or ends with `/`, or has two in a row")),
        Some(folder) => Err(invalid(&format!("a folder cannot be called `{folder}`"))),
        None => Ok(()),
    }
}

fn invalid(problem: &str) -> Error {
    Error::config("key-template-invalid", format!("key_template does not work: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names<'_> = Names { batch_id: "bat_1", customer: "cus_1", destination: "dst_1" };

    fn key(template: &str) -> String {
        let event = Event { event_type: "order.paid".to_owned(), time_ms: 1_649_367_553_250, ..Event::default() };
        Template::parse(template).unwrap().key(&event, NAMES)
    }

    #[test]
    fn placeholders_are_filled_from_the_event_and_the_batch() {
        assert_eq!(key(Template::DEFAULT), "order.paid/2022-04-07/21/bat_1.ndjson");
        assert_eq!(
            key("x/{customer}/{destination}/y={year}/m={month}/d={day}/{batch_id}"),
            "x/cus_1/dst_1/y=2022/m=04/d=07/bat_1"
        );
    }

    #[test]
    fn a_template_that_cannot_work_is_refused() {
        for template in [
            "events.ndjson",
            "",
            "/{batch_id}",
            "{batch_id}/",
            "a//{batch_id}",
            "../{batch_id}",
            "a/./{batch_id}",
            "{batch_id",
            "batch_id}{batch_id}",
            "{batch}",
            "{batch_id}{}",
            "a\n{batch_id}",
            "a\\{batch_id}",
        ] {
            assert_eq!(Template::parse(template).unwrap_err().code(), "key-template-invalid", "{template:?}");
        }
    }

    #[test]
    fn the_shared_folder_ends_where_keys_begin_to_differ() {
        for (template, folder) in [
            ("{type}/{batch_id}", ""),
            ("events/{batch_id}", "events/"),
            ("a/b/c-{date}/{batch_id}", "a/b/"),
            ("a-{batch_id}", ""),
        ] {
            assert_eq!(Template::parse(template).unwrap().shared_folder(), folder);
        }
    }
}
