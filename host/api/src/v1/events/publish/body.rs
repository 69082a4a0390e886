//! Reads what is published, in each of its forms, and remembers where each event stood, so that whatever is wrong with it
//! can be pointed at.

use std::collections::HashMap;

use freehold_control::decode::Object;
use freehold_model::{Timestamp, limits};
use freehold_pipeline::Draft;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::problem::{FieldError, Kind, Problem};
use crate::strict_json::{self, Refusal, Texts};

/// An event to be published.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PublishEvent)]
pub(crate) struct EventInput<'a> {
    /// The vendor's id for it, unique within the tenant: an event that comes again under its id is accepted once. 1 to 128
    /// characters of `A-Z a-z 0-9 . _ : -`. One is made when it is missing.
    #[serde(default)]
    id: Option<String>,
    /// Its kind: words of `A-Z a-z 0-9 _ -` joined by dots.
    #[serde(rename = "type")]
    #[schema(example = "invoice.paid")]
    event_type: String,
    /// When it happened (RFC 3339); now when missing.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    time: Option<Timestamp>,
    /// The customer: id or external id.
    #[schema(example = "acme")]
    customer: String,
    /// Its payload: any JSON, 256 KiB at most. It is delivered byte for byte.
    #[serde(borrow)]
    #[schema(value_type = Object)]
    data: &'a RawValue,
    /// Up to 32 short texts that travel with it.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    metadata: Option<Texts>,
}

/// The other form of a batch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped<'a> {
    #[serde(borrow)]
    events: Vec<Object<EventInput<'a>>>,
}

/// Whether an object is a batch, whatever else is in it.
#[derive(Debug, Deserialize)]
struct Probe {
    events: Option<IgnoredAny>,
}

/// What is to be published.
#[derive(Debug)]
pub(super) struct Publication {
    pub(super) drafts: Vec<Draft>,
    pub(super) places: Places,
}

/// Where the events stood in the body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Places {
    /// The body is the event.
    Whole,
    /// In a list, which is at this pointer.
    List(&'static str),
    /// On these lines, counted from 0.
    Lines(Vec<usize>),
}

impl Places {
    /// Something wrong at `pointer` within the event at `index`.
    pub(super) fn error(&self, index: usize, pointer: &str, message: &str) -> FieldError {
        match self {
            Places::Whole => FieldError::at(pointer, message),
            Places::List(list) => FieldError::at(format!("{list}/{index}{pointer}"), message),
            Places::Lines(lines) => on_line(lines.get(index).copied().unwrap_or(index), pointer, message),
        }
    }
}

/// Reads one event, a list of events, or an object with such a list.
pub(super) fn json(bytes: &[u8]) -> Result<Publication, Problem> {
    let text = strict_json::text(bytes)?;
    let is_batch = || matches!(serde_json::from_str(text), Ok(Probe { events: Some(_) }));
    let (events, places) = match text.trim_ascii_start().as_bytes().first() {
        Some(b'[') => (strict_json::value(text)?, Places::List("")),
        Some(b'{') if is_batch() => {
            let Object(Wrapped { events }) = strict_json::value(text)?;
            (events, Places::List("/events"))
        }
        _ => (vec![strict_json::value(text)?], Places::Whole),
    };
    publication(events, places)
}

/// Reads one event a line; empty lines are passed over.
pub(super) fn lines(bytes: &[u8]) -> Result<Publication, Problem> {
    let text = strict_json::text(bytes)?;
    let mut events = Vec::new();
    let mut lines = Vec::new();
    for (number, line) in text.split('\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let event: Object<EventInput<'_>> = strict_json::value(line).map_err(|refusal| match refusal {
            Refusal::Malformed(detail) => {
                // Within its line; which line that is, the pointer says.
                let detail =
                    detail.replace("the body is not JSON", "is not JSON").replace(" at line 1 column", " at column");
                Problem::invalid(Kind::MalformedJson, vec![on_line(number, "", &detail)])
            }
            Refusal::Invalid(at) => {
                Problem::invalid(Kind::InvalidRequest, vec![on_line(number, &at.pointer, &at.message)])
            }
        })?;
        events.push(event);
        lines.push(number);
        if events.len() > limits::PUBLISH_EVENTS_MAX {
            break;
        }
    }
    publication(events, Places::Lines(lines))
}

fn publication(events: Vec<Object<EventInput<'_>>>, places: Places) -> Result<Publication, Problem> {
    let list = if places == Places::List("/events") { "/events" } else { "" };
    let refused = |message: String| Err(Problem::invalid(Kind::InvalidRequest, vec![FieldError::at(list, message)]));
    if events.is_empty() {
        return refused("must have at least one event".to_owned());
    }
    if events.len() > limits::PUBLISH_EVENTS_MAX {
        return refused(format!(
            "must have at most {} events; send the rest in another request",
            limits::PUBLISH_EVENTS_MAX
        ));
    }
    let twice = repeated_ids(&events, &places);
    if !twice.is_empty() {
        return Err(Problem::invalid(Kind::InvalidRequest, twice));
    }
    Ok(Publication { drafts: events.into_iter().map(|Object(event)| draft(event)).collect(), places })
}

/// Ids that stand twice in one request: nobody can mean that.
fn repeated_ids(events: &[Object<EventInput<'_>>], places: &Places) -> Vec<FieldError> {
    let mut first_at = HashMap::with_capacity(events.len());
    let mut twice = Vec::new();
    for (index, Object(event)) in events.iter().enumerate() {
        let Some(id) = event.id.as_deref() else { continue };
        if let Some(first) = first_at.get(id) {
            let message = format!("is the id of another event of this request too, the one at position {first}");
            twice.push(places.error(index, "/id", &message));
        } else {
            first_at.insert(id, index);
        }
    }
    twice
}

fn draft(event: EventInput<'_>) -> Draft {
    Draft {
        id: event.id,
        event_type: event.event_type,
        time: event.time,
        customer: event.customer,
        data: event.data.get().as_bytes().to_vec(),
        metadata: event.metadata.unwrap_or_default().0,
    }
}

fn on_line(number: usize, pointer: &str, message: &str) -> FieldError {
    FieldError::at(format!("/{number}{pointer}"), format!("{message} (line {})", number + 1))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use http_body_util::BodyExt;
    use serde_json::Value;

    use super::*;

    const EVENT: &str = r#"{"type":"a.b","customer":"acme","data":{"n": 1.0e2 ,"n":2}}"#;

    async fn refusal(result: Result<Publication, Problem>) -> (u64, Value) {
        let body = result.unwrap_err().into_response().into_body().collect().await.unwrap().to_bytes();
        let document: Value = serde_json::from_slice(&body).unwrap();
        (document["status"].as_u64().unwrap(), document["errors"][0].clone())
    }

    async fn check(body: &str, status: u64, pointer: Option<&str>) {
        let (found, error) = refusal(json(body.as_bytes())).await;
        assert_eq!((found, error["pointer"].as_str()), (status, pointer), "{body}");
    }

    #[test]
    fn data_is_kept_byte_for_byte() {
        let publication = json(EVENT.as_bytes()).unwrap();

        assert_eq!(publication.drafts[0].data, br#"{"n": 1.0e2 ,"n":2}"#);
    }

    #[test]
    fn one_event_a_list_an_object_and_lines_are_read() {
        let list = json(format!("[{EVENT},{EVENT}]").as_bytes()).unwrap();
        let object = json(format!(" {{\"events\":[{EVENT}]}}").as_bytes()).unwrap();
        let ndjson = lines(format!("{EVENT}\n\n{EVENT}\r\n").as_bytes()).unwrap();

        assert_eq!((list.drafts.len(), list.places), (2, Places::List("")));
        assert_eq!((object.drafts.len(), object.places), (1, Places::List("/events")));
        assert_eq!((ndjson.drafts.len(), ndjson.places), (2, Places::Lines(vec![0, 2])));
    }

    #[tokio::test]
    async fn each_wrong_event_is_pointed_at() {
        check(r#"{"type":5,"customer":"acme","data":1}"#, 422, Some("/type")).await;
        check(r#"{"type":"a","customer":"acme"}"#, 422, Some("/data")).await;
        check(r#"{"type":"a","customer":"acme","data":1,"time":12}"#, 422, Some("/time")).await;
        check(r#"{"type":"a","customer":"acme","data":1,"colour":1}"#, 422, Some("/colour")).await;
        check(&format!("[{EVENT},5]"), 422, Some("/1")).await;
        check(&format!("[{EVENT},[]]"), 422, Some("/1")).await;
        check(&format!(r#"{{"events":[{EVENT},{{"type":"a","customer":"b"}}]}}"#), 422, Some("/events/1/data")).await;
        check(&format!(r#"{{"events":[{EVENT}],"more":1}}"#), 422, Some("/more")).await;
        check(r#"{"events":5}"#, 422, Some("/events")).await;
        check("[]", 422, Some("")).await;
        check("7", 422, Some("")).await;
        check(r#"{"type":"#, 400, None).await;
        check("", 400, None).await;
        check(&"[".repeat(10_000), 422, Some("/0")).await;
    }

    #[tokio::test]
    async fn a_wrong_line_is_named_by_its_number() {
        let (status, error) = refusal(lines(format!("{EVENT}\n\n{{\"customer\":\"a\"}}").as_bytes())).await;
        assert_eq!((status, error["pointer"].as_str()), (422, Some("/2/type")));
        assert_eq!(error["message"], "is required (line 3)");

        let (status, error) = refusal(lines(format!("{EVENT}\n{{").as_bytes())).await;
        assert_eq!((status, error["pointer"].as_str()), (400, Some("/1")));
    }

    #[tokio::test]
    async fn an_id_cannot_stand_twice_in_one_request() {
        let event = EVENT.replacen('{', r#"{"id":"same","#, 1);

        check(&format!("[{event},{event}]"), 422, Some("/1/id")).await;
    }

    #[tokio::test]
    async fn a_thousand_events_are_taken_and_one_more_is_not() {
        let body = |count: usize| format!("[{}]", vec![EVENT; count].join(","));

        assert_eq!(json(body(1_000).as_bytes()).unwrap().drafts.len(), 1_000);
        check(&body(1_001), 422, Some("")).await;
    }
}
