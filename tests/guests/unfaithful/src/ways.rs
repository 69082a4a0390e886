//! Ways that need more than a line.

use freehold_sdk::http::Request;
use freehold_sdk::{Batch, Error, Outcome, credential};
use serde_json::Value;

use super::Unfaithful;

/// Digits that `rounds-numbers` thinks nobody needs.
const DIGITS: &str = "123456789012345678901234567890";
/// What `cuts-off` thinks is enough.
const BYTES_MAX: usize = 100_000;

impl Unfaithful {
    /// One after the other, until one fails: the others wait, and were not sent.
    pub(super) fn one_by_one(&self, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        let mut outcomes: Vec<Outcome> = Vec::new();
        for event in &batch.events {
            let outcome = match outcomes.iter().any(Result::is_err) {
                true => Err(Error::transient("waits", "an event before this one was not taken")),
                false => self.judge(self.request_for(batch, event)?.send()),
            };
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// All of the batch in one request, whose answer tells of each event.
    pub(super) fn all_at_once(&self, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        let items: Vec<Vec<u8>> = batch.events.iter().map(|event| event.data.clone()).collect();
        let body = [b"{\"items\":[", items.join(&b","[..]).as_slice(), b"]}"].concat();
        let answer = self.request(&format!("/bulk/{}", batch.id), body)?.send();
        let taken: Vec<Outcome> = batch.events.iter().map(|_| Ok(())).collect();
        let told = answer.as_ref().ok().filter(|answer| answer.is_success()).and_then(|answer| answer.json().ok());
        if let Err(error) = self.judge(answer) {
            return Ok(taken.into_iter().map(|_| Err(error.clone())).collect());
        }
        let results = told.as_ref().and_then(|told: &Value| told["results"].as_array());
        let Some(results) = results.filter(|_| !self.has("ignores-refused-items")) else { return Ok(taken) };
        let outcome = |result: &Value| match result["ok"] == true {
            true => Ok(()),
            false => Err(Error::rejected("refused", "the other side does not take the event")),
        };
        let mut outcomes: Vec<Outcome> = results.iter().map(outcome).collect();
        if self.has("misplaces-refused-items") {
            outcomes.rotate_right(1);
        }
        Ok(outcomes)
    }

    pub(super) fn send_first_again(&mut self, batch: &Batch) -> Result<(), Error> {
        if self.batches == 1 {
            self.first = batch.events[0].data.clone();
        } else {
            drop(self.request(&format!("/events/{}", batch.id), self.first.clone())?.send());
        }
        Ok(())
    }

    /// Writes in two ways that its script does not excuse.
    pub(super) fn verify_untidily(&self) -> Result<(), Error> {
        let post = |path: &str, body: &[u8]| -> Result<(), Error> {
            self.request(path, body.to_vec())?.send()?.error_for_status().map(drop)
        };
        if self.has("writes-where-it-tries") {
            return post("/tries", br#"{"hello":"world"}"#);
        }
        post("/events", br#"{"hello":1}"#)?;
        post("/events", br#"{"hello":2}"#)?;
        let token = credential::field("token")?;
        Request::delete(&format!("{}/events", self.config.url)).bearer(&token).send()?.error_for_status().map(drop)
    }

    /// The data, as some ways spoil it.
    pub(super) fn changed(&self, data: Vec<u8>) -> Vec<u8> {
        let text = || String::from_utf8_lossy(&data).into_owned();
        match self.config.fault.as_str() {
            "mangles-text" => text().chars().map(|c| if c.is_ascii() { c } else { '?' }).collect::<String>().into(),
            "rounds-numbers" => text().replace(DIGITS, "1.2345678901234568e29").into(),
            "cuts-off" => data[..data.len().min(BYTES_MAX)].to_vec(),
            "sends-no-data" => b"{}".to_vec(),
            _ => data,
        }
    }

    /// Holds on to one of the host's objects for each event.
    pub(super) fn misuse_handles(&self, batch: &Batch) -> Result<(), Error> {
        if self.has("keeps-handles") {
            for _ in &batch.events {
                std::mem::forget(credential::field("token")?);
            }
        }
        Ok(())
    }
}
