//! Attaches the credential, sends, and judges the answers.

use std::time::Duration;

use freehold_sdk::credential::{self, Secret};
use freehold_sdk::http::{Request, Response, send_all};
use freehold_sdk::template::Names;
use freehold_sdk::{Error, Event, Outcome, context, isolate};

use crate::config::{Auth, Settings};
use crate::encode;

/// Requests that are handed to the host at once: as many as it sends at a time.
const REQUESTS_MAX: usize = 16;

/// What is left of a delivery's time after the last request, to answer in.
const ANSWER_RESERVE: Duration = Duration::from_secs(2);

/// How the credential is attached to requests.
pub(crate) enum Access {
    None,
    Bearer(Secret),
    Basic(String, Secret),
    Header(String, String, Secret),
    Query(String, Secret),
}

impl Access {
    pub(crate) fn from_credential(settings: &Settings) -> Result<Self, Error> {
        let name = || settings.auth_name.clone();
        Ok(match settings.auth {
            Auth::None => Access::None,
            Auth::Bearer => Access::Bearer(credential::field("secret")?),
            Auth::Basic => Access::Basic(credential::text("username")?, credential::field("secret")?),
            Auth::Header => Access::Header(name(), settings.auth_prefix.clone(), credential::field("secret")?),
            Auth::Query => Access::Query(name(), credential::field("secret")?),
        })
    }

    fn attach_to(&self, request: Request) -> Request {
        match self {
            Access::None => request,
            Access::Bearer(token) => request.bearer(token),
            Access::Basic(user, password) => request.basic_auth(user, password),
            Access::Header(name, prefix, value) => request.secret_header(name, prefix, value),
            Access::Query(name, value) => request.secret_query(name, value),
        }
    }
}

/// One request for each event. What there is no time left for is sent in the next attempt.
pub(crate) fn each(settings: &Settings, access: &Access, events: &[Event], names: Names<'_>) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(events.len());
    for some in events.chunks(REQUESTS_MAX) {
        if !outcomes.is_empty() && context::time_left() < settings.timeout + ANSWER_RESERVE {
            break;
        }
        let mut requests = Vec::with_capacity(some.len());
        let unsendable: Vec<Option<Error>> = some
            .iter()
            .map(|event| match encode::url(settings, event, names) {
                Ok(url) => {
                    let body = encode::body(settings, event, names);
                    requests.push(request(settings, access, &url, event, names, body));
                    None
                }
                Err(error) => Some(error),
            })
            .collect();
        let mut answers = send_all(requests).into_iter();
        outcomes.extend(unsendable.into_iter().map(|refused| match refused {
            Some(error) => Err(error),
            None => answers.next().unwrap_or_else(|| Err(unanswered())).and_then(|answer| judge(settings, &answer)),
        }));
    }
    outcomes.resize(events.len(), Err(no_time_left()));
    outcomes
}

/// One request for all events; where it is refused for what is in it, smaller ones, until it is known for which events.
pub(crate) fn together(settings: &Settings, access: &Access, events: &[Event], names: Names<'_>) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = vec![Ok(()); events.len()];
    let mut items = Vec::with_capacity(events.len());
    for (event, outcome) in events.iter().zip(&mut outcomes) {
        match encode::item(settings, event, names) {
            Ok(item) => items.push((outcome, item)),
            Err(error) => *outcome = Err(error),
        }
    }
    let count = items.len();
    let found = isolate::by_halves(count, |piece| {
        if context::time_left() < ANSWER_RESERVE {
            return Err(no_time_left());
        }
        // An API that is told of the batch must not take one piece of it for another.
        let batch_id = isolate::name(names.batch_id, count, &piece);
        let names = Names { batch_id: &batch_id, ..names };
        let body = encode::several(settings, items[piece].iter().map(|(_, item)| item.as_slice()));
        // Nothing of a single event stands in the address or in headers.
        let nobody = Event::default();
        let url = encode::url(settings, &nobody, names)?;
        judge(settings, &request(settings, access, &url, &nobody, names, body).send()?)
    });
    for ((outcome, _), found) in items.into_iter().zip(found) {
        *outcome = found;
    }
    outcomes
}

/// Asks for the address that the customer chose for tests.
pub(crate) fn look(settings: &Settings, access: &Access, path: &str) -> Result<(), Error> {
    let request = Request::get(&format!("{}{path}", settings.url)).timeout(settings.timeout);
    judge(settings, &access.attach_to(request).send()?)
}

fn request(settings: &Settings, access: &Access, url: &str, event: &Event, names: Names<'_>, body: Vec<u8>) -> Request {
    let mut request = Request::new(settings.method.name(), url).timeout(settings.timeout);
    if let Some(content_type) = &settings.content_type {
        request = request.header("content-type", content_type);
    }
    for (name, value) in encode::headers(settings, event, names) {
        request = request.header(&name, &value);
    }
    access.attach_to(if body.is_empty() { request } else { request.body(body) })
}

fn judge(settings: &Settings, answer: &Response) -> Outcome {
    let status = answer.status();
    if settings.statuses.is_success(status) {
        return Ok(());
    }
    Err(settings.statuses.failure(status, answer.error()))
}

fn no_time_left() -> Error {
    Error::transient("no-time-left", "there was no time left to send it; it is tried again")
}

fn unanswered() -> Error {
    Error::other("not-answered", "the host gave no answer to a request")
}
