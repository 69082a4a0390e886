//! How are Google's services called? With a token, several calls at a time, and once more when the token is refused.

use std::time::Duration;

use freehold_sdk::google::Access;
use freehold_sdk::http::{Request, Response, send_all};
use freehold_sdk::{Error, context, log};
use prost::Message;
use serde_json::Value;

use crate::grpc;
use crate::proto::{SERVICE, Status};

/// How long one call may take. Two fit into the time that a delivery has.
const CALL_LIMIT: Duration = Duration::from_secs(25);

/// What is left of a delivery's time after the last call, to answer in. An instance that is late ends, and what it knows
/// about uncertain appends with it.
const ANSWER_RESERVE: Duration = Duration::from_secs(2);

/// Google's services, as far as they are used here. A trait, so that what is decided about answers can be tested without a
/// host.
pub(crate) trait Google {
    /// Sends all calls, several at a time, and answers in their order.
    fn send(&mut self, calls: Vec<Call>) -> Vec<Result<Answer, Error>>;

    /// How much time is left for this delivery.
    fn time_left(&self) -> Duration;

    /// Tells whoever looks into the attempt.
    fn note(&mut self, line: &str);

    /// Sends one call.
    fn send_one(&mut self, call: Call) -> Result<Answer, Error> {
        let unanswered = || Err(Error::other("not-answered", "the host gave no answer to a request"));
        self.send(vec![call]).pop().unwrap_or_else(unanswered)
    }
}

/// A call of a service.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    body: Vec<u8>,
    /// The routing header of a gRPC call; a REST call has none.
    routing: Option<String>,
}

impl Call {
    /// A call of the REST API without a body.
    pub(crate) fn rest(method: &'static str, url: String) -> Call {
        Call { method, url, body: Vec::new(), routing: None }
    }

    /// A call of the REST API.
    pub(crate) fn post(url: String, body: &Value) -> Call {
        Call::post_bytes(url, body.to_string().into_bytes())
    }

    /// A call of the REST API whose body is JSON already.
    pub(crate) fn post_bytes(url: String, body: Vec<u8>) -> Call {
        Call { method: "POST", url, body, routing: None }
    }

    /// A call of a gRPC method. `routing` is the field that decides which server answers, with its value: without it
    /// writes to some regions are now and then refused with PERMISSION_DENIED.
    pub(crate) fn rpc(origin: &str, method: &str, routing: (&str, &str), message: &impl Message) -> Call {
        Call {
            method: "POST",
            url: format!("{origin}/{SERVICE}/{method}"),
            body: grpc::frame(message),
            routing: Some(format!("{}={}", routing.0, freehold_sdk::form::encoded(routing.1))),
        }
    }

    #[cfg(test)]
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    fn request(&self, access: &mut Access) -> Result<Request, Error> {
        let limit = limit(CALL_LIMIT);
        let request = Request::new(self.method, &self.url).bearer(access.token()?).timeout(limit);
        Ok(match &self.routing {
            Some(routing) => request
                .http2()
                .header("content-type", "application/grpc")
                .header("x-goog-request-params", routing)
                .header("grpc-timeout", &format!("{}m", limit.as_millis()))
                .body(self.body.as_slice()),
            None if self.body.is_empty() => request,
            None => request.header("content-type", "application/json").body(self.body.as_slice()),
        })
    }
}

/// How long a request may take that wants `longest`, in what is left of this delivery.
fn limit(longest: Duration) -> Duration {
    context::time_left().saturating_sub(ANSWER_RESERVE).clamp(Duration::from_millis(1), longest)
}

/// What a service answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// What the HTTP status means on its own, when it is not a success.
    pub(crate) by_status: Option<Error>,
    /// The status of a gRPC call that failed.
    pub(crate) rpc: Option<Status>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn read(response: &Response, is_rpc: bool) -> Answer {
        let by_status = (!response.is_success()).then(|| response.error());
        let rpc = (is_rpc && by_status.is_none()).then(|| {
            let (code, message, details) = (
                response.trailer("grpc-status"),
                response.trailer("grpc-message"),
                response.trailer("grpc-status-details-bin"),
            );
            grpc::status(code.as_deref(), message.as_deref(), details.as_deref())
        });
        Answer { status: response.status(), by_status, rpc: rpc.flatten(), body: response.body() }
    }

    fn refuses_token(&self) -> bool {
        self.status == 401 || self.rpc.as_ref().is_some_and(|status| status.code == grpc::UNAUTHENTICATED)
    }
}

/// The services themselves.
pub(crate) struct Online {
    access: Access,
}

impl Online {
    pub(crate) fn new(access: Access) -> Self {
        Online { access }
    }

    fn dispatch(&mut self, calls: &[&Call]) -> Vec<Result<Answer, Error>> {
        let requests: Result<Vec<Request>, Error> = calls.iter().map(|call| call.request(&mut self.access)).collect();
        match requests {
            Ok(requests) => send_all(requests)
                .into_iter()
                .zip(calls)
                .map(|(answer, call)| Ok(Answer::read(&answer?, call.routing.is_some())))
                .collect(),
            // Without a token none of them can be sent.
            Err(error) => calls.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

impl Google for Online {
    fn send(&mut self, calls: Vec<Call>) -> Vec<Result<Answer, Error>> {
        let mut answers = self.dispatch(&calls.iter().collect::<Vec<_>>());
        let refused: Vec<usize> = (0..answers.len())
            .filter(|index| matches!(answers.get(*index), Some(Ok(answer)) if answer.refuses_token()))
            .collect();
        if !refused.is_empty() {
            // It may have been revoked or have run out early: a new one decides.
            self.access.forget();
            let again: Vec<&Call> = refused.iter().filter_map(|index| calls.get(*index)).collect();
            for (index, answer) in refused.iter().zip(self.dispatch(&again)) {
                if let Some(place) = answers.get_mut(*index) {
                    *place = answer;
                }
            }
        }
        answers
    }

    fn time_left(&self) -> Duration {
        context::time_left()
    }

    fn note(&mut self, line: &str) {
        log::warn!("{line}");
    }
}

#[cfg(test)]
pub(crate) mod scripted;
