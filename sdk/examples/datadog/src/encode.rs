//! What is sent for a batch. Pure.

use freehold_sdk::{Error, Event};
use serde::Serialize;
use serde_json::value::RawValue;

/// One log, as Datadog's intake takes it.
#[derive(Serialize)]
struct Log<'a> {
    ddsource: &'static str,
    service: &'a str,
    message: &'a str,
    id: &'a str,
    timestamp: u64,
    data: &'a RawValue,
}

/// A JSON array with one log for each event.
pub(crate) fn body(service: &str, events: &[Event]) -> Result<Vec<u8>, Error> {
    let logs = events.iter().map(|event| log(service, event)).collect::<Result<Vec<_>, _>>()?;
    serde_json::to_vec(&logs).map_err(|error| Error::rejected("not-json", error.to_string()))
}

fn log<'a>(service: &'a str, event: &'a Event) -> Result<Log<'a>, Error> {
    let not_json =
        |error| Error::rejected("data-not-json", format!("the data of event {} is no JSON: {error}", event.id));
    let data = serde_json::from_slice(&event.data).map_err(not_json)?;
    Ok(Log { ddsource: "freehold", service, message: &event.event_type, id: &event.id, timestamp: event.time_ms, data })
}

#[cfg(test)]
mod tests {
    use freehold_sdk::testing::event;

    use super::*;

    #[test]
    fn an_event_becomes_a_log_with_its_data_as_it_came() {
        let mut event = event("evt-1", 0);
        event.data = br#"{"total": 3.10}"#.to_vec();
        event.event_type = "order.made".to_owned();

        let body = String::from_utf8(body("billing", &[event]).unwrap()).unwrap();

        assert_eq!(
            body,
            r#"[{"ddsource":"freehold","service":"billing","message":"order.made","id":"evt-1","timestamp":1767225600000,"data":{"total": 3.10}}]"#
        );
    }
}
