//! Makes rows of events. Pure, and deterministic: a retry sends the same bytes under the same token.

use freehold_sdk::template::Names;
use freehold_sdk::{Error, Event};

use crate::config::Target;

/// The row of `event`, as a line of JSON.
pub(crate) fn row(target: &Target, event: &Event, names: Names<'_>) -> Result<Vec<u8>, Error> {
    // What the customer and the vendor wrote may have line breaks between its parts; texts cannot have any.
    let filled = Event { id: event.id.clone(), data: target.row.fill(event, names).into_bytes(), ..Event::default() };
    let mut line = Vec::new();
    filled.append_data(&mut line)?;
    if !line.starts_with(b"{") {
        let message = format!(
            "the row of event {} is not a JSON object: with a row of {{{{data}}}}, data has to be one",
            event.id
        );
        return Err(Error::rejected("row-not-an-object", message));
    }
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::target;

    const NAMES: Names<'_> = Names { batch_id: "bat_1", customer: "cus_1", destination: "dst_1" };

    fn row_of(config: &str, data: &str) -> Result<String, Error> {
        let event = Event {
            id: "e1".to_owned(),
            event_type: "order.paid".to_owned(),
            data: data.as_bytes().to_vec(),
            attributes: vec![("k".to_owned(), "v".to_owned())],
            ..Event::default()
        };
        row(&target(config).unwrap(), &event, NAMES).map(|row| String::from_utf8(row).unwrap())
    }

    #[test]
    fn an_event_becomes_a_line_with_a_value_for_each_column() {
        let expected = concat!(
            r#"{"id":"e1","type":"order.paid","time":"1970-01-01T00:00:00.000Z","customer":"cus_1","#,
            r#""data":"{\n\"n\": 1.10}","metadata":"{\"k\":\"v\"}"}"#,
            "\n"
        );

        assert_eq!(row_of(r#"{"url":"https://x","table":"t"}"#, "{\n\"n\": 1.10}").unwrap(), expected);
    }

    #[test]
    fn data_itself_can_be_the_row_if_it_is_an_object() {
        let config = r#"{"url":"https://x","table":"t","row":"{{data}}"}"#;

        assert_eq!(row_of(config, "{ \"n\": 1.10 }").unwrap(), "{\"n\":1.10}\n");
        assert_eq!(row_of(config, "[1]").unwrap_err().code(), "row-not-an-object");
    }
}
