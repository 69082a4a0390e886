//! What is an object called? The same events of the same batch always lead to the same key. Pure.

use crate::template::{Escape, Names, Slot, Template};
use crate::{Error, Event};

/// How objects are named: a template in which the batch's id must stand.
///
/// ```
/// use freehold_sdk::objects::Naming;
///
/// assert!(Naming::parse("logs/{date}/{batch_id}.ndjson").is_ok());
/// assert_eq!(Naming::parse("logs/{date}.ndjson").unwrap_err().code(), "key-template-invalid");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming(Template);

impl Naming {
    /// What customers get who set none.
    pub const DEFAULT: &'static str = "{type}/{date}/{hour}/{batch_id}.ndjson";

    /// Reads the field `key_template`.
    ///
    /// # Errors
    /// Of kind [`Config`](crate::ErrorKind::Config) when it does not work, with the reason.
    pub fn parse(text: &str) -> Result<Self, Error> {
        check_folders(text)?;
        let template = Template::parse(text, |slot| {
            matches!(
                slot,
                Slot::Type
                    | Slot::Date
                    | Slot::Hour
                    | Slot::Year
                    | Slot::Month
                    | Slot::Day
                    | Slot::BatchId
                    | Slot::Customer
                    | Slot::Destination
            )
        })
        .map_err(|problem| invalid(&problem))?;
        if !template.contains(&Slot::BatchId) {
            return Err(invalid("without {batch_id}, later events would overwrite earlier ones"));
        }
        Ok(Naming(template))
    }

    /// The key of the object that `event` goes into.
    pub fn key(&self, event: &Event, names: Names<'_>) -> String {
        self.0.fill(event, names, Escape::None)
    }

    /// The folder that all keys share, with its `/`: where a policy for these objects certainly allows to write.
    pub fn shared_folder(&self) -> &str {
        let text = self.0.leading_text();
        text.rfind('/').map_or("", |end| &text[..=end])
    }
}

/// Folders that software between here and the bucket would rewrite: a signature would not fit any more.
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
        Naming::parse(template).unwrap().key(&event, NAMES)
    }

    #[test]
    fn placeholders_are_filled_from_the_event_and_the_batch() {
        assert_eq!(key(Naming::DEFAULT), "order.paid/2022-04-07/21/bat_1.ndjson");
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
            assert_eq!(Naming::parse(template).unwrap_err().code(), "key-template-invalid", "{template:?}");
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
            assert_eq!(Naming::parse(template).unwrap().shared_folder(), folder);
        }
    }
}
