//! Uploads. An object that is there already was written by an earlier try of the same batch: that is a success.

use std::time::Duration;

use freehold_sdk::google::Access;
use freehold_sdk::http::{Request, Response, send_all};
use freehold_sdk::objects::{self, Object};
use freehold_sdk::template::Names;
use freehold_sdk::{Batch, Error, ErrorKind, Outcome, context, log};

use crate::answer::{Answer, is_there_already, judge};
use crate::config::Target;

/// Objects that are handed to the host at once: as many as it sends at a time.
const REQUESTS_MAX: usize = 16;

/// How long an upload may take. Two fit into the time that a delivery has.
const UPLOAD_LIMIT: Duration = Duration::from_secs(25);

/// There is such an object already.
const PRECONDITION_FAILED: u16 = 412;
const UNAUTHORIZED: u16 = 401;
const NOT_FOUND: u16 = 404;

/// A bucket, and who writes to it.
pub(crate) struct Store {
    target: Target,
    access: Access,
}

impl Store {
    pub(crate) fn open(target: Target) -> Result<Self, Error> {
        Ok(Store { access: Access::from_credential(&target.places)?, target })
    }

    /// Writes the batch: every object, or none that counts.
    pub(crate) fn deliver(&mut self, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        let (customer, destination) = (context::customer(), context::destination());
        let names = Names { batch_id: &batch.id, customer: &customer, destination: &destination };
        let encoded = objects::encode(batch, names, &self.target.naming, self.target.compression);
        let mut outcomes: Vec<Outcome> = vec![Ok(()); batch.events.len()];
        for (index, error) in encoded.refused {
            outcomes[index] = Err(error);
        }
        for (number, some) in encoded.objects.chunks(REQUESTS_MAX).enumerate() {
            if number > 0 && context::time_left() < UPLOAD_LIMIT {
                // The next attempt finds what is there.
                return Err(Error::transient(
                    "no-time-left",
                    "there was no time left for all objects; it is tried again",
                ));
            }
            for (object, outcome) in some.iter().zip(self.upload(some)?) {
                match outcome {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::Rejected => {
                        object.members.iter().for_each(|index| outcomes[*index] = Err(error.clone()));
                    }
                    // What remains of a batch goes on in a new one, whose objects have other names; and an upload whose answer
                    // was lost may have been written. So all of the batch is tried again, and finds what is there.
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(outcomes)
    }

    /// Uploads all of them; once more with another token those for which the first was refused.
    fn upload(&mut self, objects: &[Object]) -> Result<Vec<Outcome>, Error> {
        let mut answers = self.send(objects.iter())?;
        let is_refused =
            |answer: &Result<Response, Error>| answer.as_ref().is_ok_and(|answer| answer.status() == UNAUTHORIZED);
        if answers.iter().any(is_refused) {
            self.access.forget();
            let refused: Vec<usize> = (0..answers.len()).filter(|index| is_refused(&answers[*index])).collect();
            let again = self.send(refused.iter().map(|index| &objects[*index]))?;
            for (index, answer) in refused.into_iter().zip(again) {
                answers[index] = answer;
            }
        }
        Ok(answers.into_iter().map(|answer| self.uploaded(&answer?)).collect())
    }

    fn send<'o>(&mut self, objects: impl Iterator<Item = &'o Object>) -> Result<Vec<Result<Response, Error>>, Error> {
        let content_type = self.target.compression.content_type();
        let requests = objects.map(|object| self.put(&object.key, content_type, &object.body));
        Ok(send_all(requests.collect::<Result<_, _>>()?))
    }

    fn put(&mut self, key: &str, content_type: &str, body: &[u8]) -> Result<Request, Error> {
        let request = Request::post(&self.target.upload_url(key)).header("content-type", content_type);
        Ok(request.bearer(self.access.token()?).timeout(UPLOAD_LIMIT).body(body))
    }

    fn uploaded(&self, answer: &Response) -> Outcome {
        if answer.status() == PRECONDITION_FAILED && is_there_already(&answer.body()) {
            return Ok(());
        }
        self.success(answer)
    }

    fn success(&self, answer: &Response) -> Outcome {
        if answer.is_success() {
            return Ok(());
        }
        let judged = Answer { status: answer.status(), body: &answer.body(), by_status: answer.error() };
        Err(judge(judged, &self.target.bucket, &self.access.principal()))
    }

    /// Writes a small object under a name that says what it is, and removes it again.
    pub(crate) fn probe(&mut self) -> Result<(), Error> {
        let key = format!("{}.freehold-test/{}.json", self.target.naming.shared_folder(), context::destination());
        let body = br#"{"test":true,"message":"Freehold checked that it can write here. This object can be removed."}"#;
        let mut answer = self.put(&key, "application/json", body)?.send()?;
        if answer.status() == UNAUTHORIZED {
            self.access.forget();
            answer = self.put(&key, "application/json", body)?.send()?;
        }
        self.uploaded(&answer)?;
        let request = Request::delete(&self.target.object_url(&key)).bearer(self.access.token()?).timeout(UPLOAD_LIMIT);
        // An account that may create objects but not delete any is the better one: deliveries need no more.
        let removed = request.send().and_then(|answer| match answer.status() {
            NOT_FOUND => Ok(()),
            _ => self.success(&answer),
        });
        if let Err(error) = removed {
            log::warn!("the test object {key} stays in the bucket: {error}");
        }
        Ok(())
    }
}
