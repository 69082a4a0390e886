//! Signs and sends. The keys stay sealed: the host computes every HMAC and attaches the session token.

use std::time::Duration;

use freehold_sdk::aws::{Keys, Unsigned};
use freehold_sdk::http::{self, Response};
use freehold_sdk::template::Names;
use freehold_sdk::{Batch, Error, ErrorKind, Outcome, context, log, objects};

use crate::answer::{Answer, judge};
use crate::config::Target;

/// Objects that are handed to the host at once: as many as it sends at a time.
const REQUESTS_MAX: usize = 16;

/// How long an upload may take. Two fit into the time that a delivery has.
const UPLOAD_LIMIT: Duration = Duration::from_secs(25);

/// Writes the batch: every object, or none that counts.
pub(crate) fn deliver(target: &Target, keys: &mut Keys, batch: &Batch) -> Result<Vec<Outcome>, Error> {
    let (customer, destination) = (context::customer(), context::destination());
    let names = Names { batch_id: &batch.id, customer: &customer, destination: &destination };
    let encoded = objects::encode(batch, names, &target.naming, target.compression);
    let mut outcomes: Vec<Outcome> = batch.events.iter().map(|_| Ok(())).collect();
    for (index, error) in encoded.refused {
        outcomes[index] = Err(error);
    }
    for (number, some) in encoded.objects.chunks(REQUESTS_MAX).enumerate() {
        if number > 0 && context::time_left() < UPLOAD_LIMIT {
            return Err(Error::transient(
                "no-time-left",
                "there was no time left for all objects; they are tried again",
            ));
        }
        let content_type = target.compression.content_type();
        let requests = some.iter().map(|object| put(target, keys, &object.key, content_type, &object.body)).collect();
        for (object, answer) in some.iter().zip(http::send_all(requests)) {
            match answer.and_then(|answer| success(&answer, target)) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Rejected => {
                    object.members.iter().for_each(|index| outcomes[*index] = Err(error.clone()));
                }
                // What remains of a batch goes on in a new one, whose objects have other names; and an upload whose answer
                // was lost may have been written. So all of the batch is tried again, under the same names.
                Err(error) => return Err(error),
            }
        }
    }
    Ok(outcomes)
}

/// Writes a small object under a name that says what it is, and removes it again.
pub(crate) fn probe(target: &Target, keys: &mut Keys) -> Result<(), Error> {
    // In the folder that deliveries go to, for keys that may write only there. Query engines skip names that begin with a dot.
    let key = format!("{}.freehold-test/{}.json", target.naming.shared_folder(), context::destination());
    let body = br#"{"test":true,"message":"Freehold checked that it can write here. This object can be removed."}"#;
    success(&put(target, keys, &key, "application/json", body).send()?, target)?;
    let path = format!("{}/{key}", target.path_prefix);
    let delete = Unsigned { method: "DELETE", path: &path, headers: &[], body: b"" };
    let request = keys.request(&target.service(), &delete);
    // A key that may write but not delete is the better key: deliveries need no more.
    if let Err(error) = request.send().and_then(|answer| success(&answer, target)) {
        log::warn!("the test object {key} stays in the bucket: {error}");
    }
    Ok(())
}

fn put(target: &Target, keys: &mut Keys, key: &str, content_type: &str, body: &[u8]) -> http::Request {
    let mut headers = vec![("content-type", content_type)];
    headers.extend(target.object_headers.iter().map(|(name, value)| (*name, value.as_str())));
    let path = format!("{}/{key}", target.path_prefix);
    keys.request(&target.service(), &Unsigned { method: "PUT", path: &path, headers: &headers, body })
        .timeout(UPLOAD_LIMIT)
}

fn success(answer: &Response, target: &Target) -> Result<(), Error> {
    if answer.is_success() {
        return Ok(());
    }
    let bucket_region = answer.header("x-amz-bucket-region");
    let judged = Answer { body: &answer.text(), bucket_region: bucket_region.as_deref(), by_status: answer.error() };
    Err(judge(judged, target))
}
