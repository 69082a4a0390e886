//! The HTTP API as a vendor's program uses it: one key, JSON in, JSON out, nothing hidden.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::patience::until;
use crate::trouble::{Result, While, trouble};

/// Speaks to one host with one key.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    url: String,
    key: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as it came.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// One header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body of a success.
    ///
    /// # Errors
    /// When it is none, with the status and the body.
    pub fn ok(&self) -> Result<Value> {
        if (200..300).contains(&self.status) {
            return Ok(self.json());
        }
        Err(trouble(format!("the API answered {}: {}", self.status, self.said())))
    }

    /// What a refusal says, in words; the body as it is when it says nothing.
    fn said(&self) -> String {
        let problem = self.json();
        let errors = problem["errors"].as_array().map_or(&[][..], Vec::as_slice);
        match (problem["detail"].as_str(), errors) {
            (Some(detail), [] | [_]) => detail.to_owned(),
            (Some(_), several) => {
                let each = |error: &Value| {
                    let place = error["pointer"].as_str().or(error["parameter"].as_str()).unwrap_or_default();
                    format!("{place} {}", error["message"].as_str().unwrap_or_default())
                };
                several.iter().map(each).collect::<Vec<String>>().join("; ")
            }
            (None, _) => self.text(),
        }
    }
}

impl Api {
    /// Speaks to the host at `url` with `key`.
    pub fn new(url: &str, key: &str) -> Api {
        Api { http: reqwest::Client::new(), url: url.to_owned(), key: key.to_owned() }
    }

    /// The same host with another key.
    pub fn with_key(&self, key: &str) -> Api {
        Api { http: self.http.clone(), url: self.url.clone(), key: key.to_owned() }
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The host's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a request with this body, whatever it is, and returns whatever comes back.
    ///
    /// # Errors
    /// When nothing comes back.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).timeout(Duration::from_secs(60));
        if !self.key.is_empty() {
            request = request.bearer_auth(&self.key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(body).send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer { status, headers, body: answer.bytes().await? })
    }

    /// Sends JSON.
    ///
    /// # Errors
    /// When nothing comes back.
    pub async fn send_json(&self, method: Method, path: &str, body: &Value) -> Result<Answer> {
        self.send(method, path, &[("content-type", "application/json")], body.to_string().into_bytes()).await
    }

    /// POSTs JSON.
    ///
    /// # Errors
    /// When nothing comes back.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send_json(Method::POST, path, body).await
    }

    /// PATCHes by JSON merge patch.
    ///
    /// # Errors
    /// When nothing comes back.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Answer> {
        let headers = [("content-type", "application/merge-patch+json")];
        self.send(Method::PATCH, path, &headers, body.to_string().into_bytes()).await
    }

    /// GETs.
    ///
    /// # Errors
    /// When nothing comes back.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, &[], Vec::new()).await
    }

    /// DELETEs.
    ///
    /// # Errors
    /// When nothing comes back.
    pub async fn delete(&self, path: &str) -> Result<Answer> {
        self.send(Method::DELETE, path, &[], Vec::new()).await
    }

    /// Makes a customer that the vendor calls `external_id`; returns its id.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn create_customer(&self, external_id: &str) -> Result<String> {
        let body = json!({ "external_id": external_id, "name": external_id });
        let made = self.post("/v1/customers", &body).await?.ok().while_doing("creating a customer")?;
        text(&made, "id")
    }

    /// Makes a destination of a customer from `body`; returns its id.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn create_destination(&self, customer: &str, body: &Value) -> Result<String> {
        text(&self.destination_as_made(customer, body).await?, "id")
    }

    /// Makes a destination of a customer from `body`; returns the whole answer, with what is shown only once.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn destination_as_made(&self, customer: &str, body: &Value) -> Result<Value> {
        let path = format!("/v1/customers/{customer}/destinations");
        self.post(&path, body).await?.ok().while_doing("creating a destination")
    }

    /// The destination as it stands.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn destination(&self, id: &str) -> Result<Value> {
        self.get(&format!("/v1/destinations/{id}")).await?.ok()
    }

    /// Publishes one event or a list of them, accepted or not.
    ///
    /// # Errors
    /// When nothing comes back.
    pub async fn publish(&self, events: &Value) -> Result<Answer> {
        self.post("/v1/events", events).await
    }

    /// Publishes one event, which must be accepted, and returns its id.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn publish_one(&self, customer: &str, event_type: &str, data: Value) -> Result<String> {
        let event = json!({ "type": event_type, "customer": customer, "data": data });
        let answer = self.publish(&event).await?.ok().while_doing("publishing")?;
        published_ids(&answer).into_iter().next().ok_or_else(|| trouble(format!("no id in {answer}")))
    }

    /// Every row of a list, over all its pages.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>> {
        let mut rows = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let page = self.get(&format!("{path}{joint}limit=200{after}")).await?.ok().while_doing(path)?;
            let data = page["data"].as_array().ok_or_else(|| trouble(format!("{path} is not a list: {page}")))?;
            rows.extend(data.iter().cloned());
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return Ok(rows);
            }
        }
    }

    /// The deliveries that match `filter`, such as `destination=dst_…`.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn deliveries(&self, filter: &str) -> Result<Vec<Value>> {
        self.list(&with_filter("/v1/deliveries", filter)).await
    }

    /// The attempts that match `filter`.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn attempts(&self, filter: &str) -> Result<Vec<Value>> {
        self.list(&with_filter("/v1/attempts", filter)).await
    }

    /// Waits until the destination has a finished attempt for which `is_it` holds, and returns it.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn attempt_where(&self, destination: &str, is_it: impl Fn(&Value) -> bool) -> Result<Value> {
        let filter = format!("destination={destination}");
        let wait = until("the attempt", crate::LONG, async || {
            let attempts = self.attempts(&filter).await?;
            Ok(attempts.into_iter().find(|attempt| attempt["state"] != "started" && is_it(attempt)))
        });
        match wait.await {
            Ok(attempt) => Ok(attempt),
            Err(why) => {
                let attempts = self.attempts(&filter).await.unwrap_or_default();
                Err(trouble(format!("{why}; its attempts: {}", Value::from(attempts))))
            }
        }
    }

    /// Waits until no delivery that matches `filter` is queued any more, and returns them all.
    ///
    /// # Errors
    /// When some still are at the deadline.
    pub async fn settled(&self, filter: &str) -> Result<Vec<Value>> {
        self.settled_within(filter, crate::LONG).await
    }

    /// The same with another deadline.
    ///
    /// # Errors
    /// When some still are queued at the deadline.
    pub async fn settled_within(&self, filter: &str, limit: Duration) -> Result<Vec<Value>> {
        self.until_settled(filter, limit).await?;
        self.deliveries(filter).await
    }

    /// Waits until no delivery that matches `filter` is queued any more.
    ///
    /// # Errors
    /// When some still are at the deadline.
    pub async fn until_settled(&self, filter: &str, limit: Duration) -> Result {
        let queued = with_filter("/v1/deliveries?state=queued&limit=1", filter);
        let mut last = Value::Null;
        let waited = until("the deliveries to settle", limit, async || {
            let page = self.get(&queued).await?.ok()?;
            last = page["data"].get(0).cloned().unwrap_or_default();
            Ok(last.is_null().then_some(()))
        });
        waited.await.map_err(|why| trouble(format!("{why}; queued, among others: {last}")))
    }

    /// Waits until the destination's state is `state`, and returns the destination.
    ///
    /// # Errors
    /// When it does not come to that in time.
    pub async fn destination_in(&self, id: &str, state: &str) -> Result<Value> {
        until(&format!("destination {id} to be {state}"), crate::LONG, async || {
            Some(self.destination(id).await).transpose().map(|found| found.filter(|found| found["state"] == state))
        })
        .await
    }
}

/// The ids of the events that an answer to a publish request names.
pub fn published_ids(answer: &Value) -> Vec<String> {
    let events = answer["events"].as_array();
    events.into_iter().flatten().filter_map(|event| event["id"].as_str()).map(str::to_owned).collect()
}

/// A field that must be a text.
///
/// # Errors
/// When it is missing.
pub fn text(value: &Value, name: &str) -> Result<String> {
    value[name].as_str().map(str::to_owned).ok_or_else(|| trouble(format!("no `{name}` in {value}")))
}

fn with_filter(path: &str, filter: &str) -> String {
    let joint = if path.contains('?') { "&" } else { "?" };
    if filter.is_empty() { path.to_owned() } else { format!("{path}{joint}{filter}") }
}
