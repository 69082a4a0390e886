//! Which table does an event go to? Pure.

use freehold_sdk::Error;

/// A table's name, with places that are filled from the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Naming {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Type,
    Customer,
}

impl Naming {
    /// The manifest's default.
    pub(crate) const DEFAULT: &str = "events";

    pub(crate) fn parse(template: &str) -> Result<Naming, Error> {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, tail) = after.split_once('}').ok_or_else(|| invalid("it has a { without its }"))?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(match name {
                "type" => Part::Type,
                "customer" => Part::Customer,
                _ => return Err(invalid("only {type} and {customer} may stand in it")),
            });
            rest = tail;
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| *part != Part::Text(String::new()));
        if parts.is_empty() {
            return Err(invalid("it is empty"));
        }
        Ok(Naming { parts })
    }

    /// The table for events of this type.
    pub(crate) fn table(&self, event_type: &str, customer: &str) -> String {
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Type => name.extend(event_type.chars().map(fitting)),
                Part::Customer => name.extend(customer.chars().map(fitting)),
            }
        }
        name
    }

    /// Whether all events go to the same table.
    pub(crate) fn is_one_table(&self) -> bool {
        !self.parts.contains(&Part::Type)
    }
}

/// Tables may have more in their names, but only these need no quoting in SQL.
fn fitting(character: char) -> char {
    if character.is_ascii_alphanumeric() { character } else { '_' }
}

fn invalid(problem: &str) -> Error {
    Error::config("table-invalid", format!("the table's name cannot work: {problem}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_type_and_the_customer_fill_the_places() {
        for (template, expected) in [
            ("events", "events"),
            ("events_{type}", "events_invoice_paid"),
            ("{type}", "invoice_paid"),
            ("{customer}_{type}_v2", "cus_1_invoice_paid_v2"),
        ] {
            assert_eq!(Naming::parse(template).unwrap().table("invoice.paid", "cus_1"), expected);
        }
    }

    #[test]
    fn only_a_name_with_the_type_in_it_means_several_tables() {
        assert!(Naming::parse("events_{customer}").unwrap().is_one_table());
        assert!(!Naming::parse("events_{type}").unwrap().is_one_table());
    }

    #[test]
    fn unknown_and_open_places_are_refused() {
        for template in ["", "{date}", "events_{type", "{}"] {
            assert_eq!(Naming::parse(template).unwrap_err().code(), "table-invalid", "{template}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_type_is_the_name_needs_no_quoting(event_type in "\\PC{1,128}") {
            let name = Naming::parse("events_{type}").unwrap().table(&event_type, "cus_1");

            prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{}", name);
        }
    }
}
