//! What does an answer's status mean? As the customer says, and otherwise as the SDK reads it. Pure.

use std::ops::RangeInclusive;

use freehold_sdk::{Error, ErrorKind};

use crate::config::invalid;

/// Which statuses mean what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statuses {
    success: Vec<RangeInclusive<u16>>,
    /// Those of events that will never be accepted; `None` for the usual ones.
    rejected: Option<Vec<RangeInclusive<u16>>>,
}

impl Statuses {
    pub(crate) fn parse(success: Option<&[String]>, rejected: Option<&[String]>) -> Result<Self, Error> {
        let success = success.map(|all| ranges("success_statuses", all)).transpose()?;
        Ok(Statuses {
            success: success.unwrap_or_else(|| vec![200..=299]),
            rejected: rejected.map(|all| ranges("rejected_statuses", all)).transpose()?,
        })
    }

    pub(crate) fn is_success(&self, status: u16) -> bool {
        self.success.iter().any(|range| range.contains(&status))
    }

    /// What a status that is no success means; `usual` is how the SDK reads it.
    pub(crate) fn failure(&self, status: u16, usual: Error) -> Error {
        match &self.rejected {
            None if (200..300).contains(&status) => unexpected(status, usual),
            None => usual,
            Some(rejected) if rejected.iter().any(|range| range.contains(&status)) => {
                usual.with_kind(ErrorKind::Rejected)
            }
            // What the customer does not call hopeless is tried again.
            Some(_) if usual.kind() == ErrorKind::Rejected => usual.with_kind(ErrorKind::Transient),
            Some(_) if (200..300).contains(&status) => unexpected(status, usual),
            Some(_) => usual,
        }
    }
}

/// A 2xx that the customer does not count as a success.
fn unexpected(status: u16, usual: Error) -> Error {
    let message = format!("the destination answered {status}, which success_statuses does not name; it is tried again");
    Error::transient(usual.code(), message).with_request_sent(true)
}

fn ranges(field: &str, texts: &[String]) -> Result<Vec<RangeInclusive<u16>>, Error> {
    let number = |text: &str| text.parse::<u16>().ok().filter(|status| (100..600).contains(status));
    let range = |text: &String| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Ok(first..=last),
            _ => Err(invalid(field, &format!("`{text}` is neither a status such as 409 nor a range such as 200-299"))),
        }
    };
    texts.iter().map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|text| (*text).to_owned()).collect()
    }

    fn usual(status: u16) -> Error {
        let kind = if matches!(status, 400 | 422) { ErrorKind::Rejected } else { ErrorKind::Transient };
        Error::new(kind, format!("http-{status}"), "usual")
    }

    #[test]
    fn without_a_word_of_the_customers_the_usual_holds() {
        let statuses = Statuses::parse(None, None).unwrap();

        assert!(statuses.is_success(204) && !statuses.is_success(302));
        assert_eq!(statuses.failure(422, usual(422)).kind(), ErrorKind::Rejected);
        assert_eq!(statuses.failure(500, usual(500)).kind(), ErrorKind::Transient);
    }

    #[test]
    fn the_customer_says_what_is_a_success_and_what_is_hopeless() {
        let (success, rejected) = (texts(&["201", "409"]), texts(&["404-410"]));
        let statuses = Statuses::parse(Some(&success), Some(&rejected)).unwrap();

        assert!(statuses.is_success(409) && !statuses.is_success(200));
        assert_eq!(statuses.failure(404, usual(404)).kind(), ErrorKind::Rejected);
        assert_eq!(statuses.failure(422, usual(422)).kind(), ErrorKind::Transient);
        assert!(statuses.failure(200, usual(200)).message().contains("success_statuses"));
    }

    #[test]
    fn what_is_no_status_is_refused() {
        for text in ["2xx", "", "99", "600", "299-200", "200-"] {
            assert!(Statuses::parse(Some(&texts(&[text])), None).is_err(), "{text}");
        }
    }
}
