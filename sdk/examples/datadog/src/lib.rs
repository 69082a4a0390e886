//! The `datadog` destination type: a batch becomes one request to Datadog's log intake.

use freehold_sdk::http::{Request, Response};
use freehold_sdk::{Batch, Error, ErrorKind, Outcome, Sink, credential, log};

mod encode;
#[cfg(test)]
mod tests;

/// What the customer configures. The host has checked it against the schema in `manifest.json`.
#[derive(serde::Deserialize)]
struct Config {
    site: String,
    service: String,
}

struct Datadog {
    config: Config,
    api_key: credential::Secret,
}

impl Sink for Datadog {
    type Config = Config;

    fn open(config: Config) -> Result<Self, Error> {
        Ok(Datadog { config, api_key: credential::field("api_key")? })
    }

    fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        let url = format!("https://http-intake.logs.{}/api/v2/logs", self.config.site);
        let answer = Request::post(&url)
            .secret_header("dd-api-key", "", &self.api_key)
            .header("content-type", "application/json")
            .body(encode::body(&self.config.service, &batch.events)?)
            .send()?;
        judge(answer)?;
        log::info!("{} events are in Datadog", batch.events.len());
        Ok(batch.events.iter().map(|_| Ok(())).collect())
    }

    fn verify(&mut self) -> Result<(), Error> {
        let url = format!("https://api.{}/api/v1/validate", self.config.site);
        judge(Request::get(&url).secret_header("dd-api-key", "", &self.api_key).send()?)
    }
}

/// Datadog says 403 to a key that it does not know, and takes all of a batch or nothing.
fn judge(answer: Response) -> Result<(), Error> {
    match answer.status() {
        403 => Err(Error::auth("key-refused", "Datadog does not accept the API key: check it, and the site")),
        // As a rejection it would make dead letters of all events, for what may be the fault of one, or of this plugin.
        400 => Err(answer.error().with_kind(ErrorKind::Transient)),
        _ => answer.error_for_status().map(drop),
    }
}

freehold_sdk::export!(Datadog, setup = "setup.md");
