//! How is an event written as one line of JSON? Pure.

use super::Event;
use crate::Error;

impl Event {
    /// Appends the event as one JSON object on one line, without a line break at its end:
    ///
    /// ```
    /// # use freehold_sdk::Event;
    /// let event = Event { id: "e1".into(), event_type: "order.paid".into(), data: b"{ \"n\": 1.10 }".to_vec(), ..Event::default() };
    /// let mut line = Vec::new();
    /// event.append_json(&mut line, "cus_1")?;
    /// let expected = r#"{"id":"e1","type":"order.paid","time":"1970-01-01T00:00:00.000Z","customer":"cus_1","data":{"n":1.10},"metadata":{}}"#;
    /// assert_eq!(line, expected.as_bytes());
    /// # Ok::<(), freehold_sdk::Error>(())
    /// ```
    ///
    /// Numbers and texts in the data stay as they were published.
    ///
    /// # Errors
    /// Of kind [`Rejected`](crate::ErrorKind::Rejected), with nothing appended, when the data would break the line.
    pub fn append_json(&self, line: &mut Vec<u8>, customer: &str) -> Result<(), Error> {
        let start = line.len();
        for (name, value) in [
            (r#"{"id":"#, self.id.as_str()),
            (r#","type":"#, &self.event_type),
            (r#","time":"#, &self.time().to_string()),
            (r#","customer":"#, customer),
        ] {
            line.extend_from_slice(name.as_bytes());
            append_text(line, value);
        }
        line.extend_from_slice(br#","data":"#);
        if let Err(error) = self.append_data(line) {
            line.truncate(start);
            return Err(error);
        }
        line.extend_from_slice(br#","metadata":"#);
        self.append_metadata(line);
        line.push(b'}');
        Ok(())
    }

    /// Appends the data on one line: without the white space between its parts, and otherwise as it was published.
    ///
    /// # Errors
    /// Of kind [`Rejected`](crate::ErrorKind::Rejected), with nothing appended, when the data would break the line.
    pub fn append_data(&self, line: &mut Vec<u8>) -> Result<(), Error> {
        let start = line.len();
        if append_compact(line, &self.data) {
            return Ok(());
        }
        line.truncate(start);
        Err(Error::rejected("data-not-json", format!("the data of event {} is not JSON", self.id)))
    }

    /// Appends the metadata as one JSON object on one line.
    pub fn append_metadata(&self, line: &mut Vec<u8>) {
        line.push(b'{');
        for (index, (name, value)) in self.attributes.iter().enumerate() {
            if index > 0 {
                line.push(b',');
            }
            append_text(line, name);
            line.push(b':');
            append_text(line, value);
        }
        line.push(b'}');
    }
}

fn append_text(line: &mut Vec<u8>, text: &str) {
    line.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
}

/// Appends JSON without the white space between its tokens, so that it stays on one line. Numbers and texts stay as they are
/// written: nothing is parsed into a float. Answers false when a text is not closed or holds a raw control character, by which
/// a line could be broken.
fn append_compact(line: &mut Vec<u8>, json: &[u8]) -> bool {
    let start = line.len();
    let (mut in_text, mut escaped) = (false, false);
    for &byte in json {
        if in_text {
            if byte < b' ' {
                return false;
            }
            line.push(byte);
            match (escaped, byte) {
                (true, _) => escaped = false,
                (false, b'\\') => escaped = true,
                (false, b'"') => in_text = false,
                _ => {}
            }
        } else if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            in_text = byte == b'"';
            line.push(byte);
        }
    }
    !in_text && line.len() > start
}
