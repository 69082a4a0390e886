//! A webhook whose signing secret is replaced. The receiver knows one secret at a time, and checks with the published library.

use std::collections::{BTreeMap, BTreeSet};

use freehold_model::event::{EventId, idempotency_key};
use freehold_tests::webhook::{Mailbox, WebhookReceiver};
use freehold_tests::{Api, LONG, Result, bodies, chance, until};
use serde_json::json;

use super::{history, replace, text};
use crate::proof::Proof;

/// Each time so many rounds have passed the secret has leaked: the former one must not sign any more.
const LEAKED_EVERY: u32 = 4;

/// The destination and its receiver.
pub(super) struct MailboxLine {
    _receiver: WebhookReceiver,
    mailbox: Mailbox,
    destination: String,
    /// Requests that were refused although nothing had leaked.
    refused: usize,
    leaks: u32,
}

impl MailboxLine {
    pub(super) async fn begin(api: &Api, customer: &str) -> Result<MailboxLine> {
        let receiver = WebhookReceiver::start().await?;
        let secret = chance::webhook_secret()?;
        let mailbox = receiver.mailbox("/rotation", Some(&secret));
        let body = bodies::retrying_at_once(bodies::webhook(&mailbox, &secret));
        let destination = api.create_destination(customer, &body).await?;
        Ok(MailboxLine { _receiver: receiver, mailbox, destination, refused: 0, leaks: 0 })
    }

    pub(super) async fn rotate(&mut self, api: &Api, round: u32) -> Result {
        if round.is_multiple_of(LEAKED_EVERY) {
            return self.replace_a_leaked_secret(api).await;
        }
        let before = self.refusals();
        let replaced = replace(api, &self.destination, "?force=true", &json!({})).await?.ok()?;
        let secret = text(&replaced["generated"], "secret")?;
        // The receiver takes the new secret over while both sign.
        self.some_more().await?;
        self.mailbox.set_secret(&secret);
        self.some_more().await?;
        self.refused += self.refusals() - before;
        Ok(())
    }

    /// The receiver changes first: from then on it refuses the former secret, which stops the lane until the new one comes.
    async fn replace_a_leaked_secret(&mut self, api: &Api) -> Result {
        let secret = chance::webhook_secret()?;
        self.mailbox.set_secret(&secret);
        api.destination_in(&self.destination, "paused").await?;
        let query = "?force=true&overlap_ms=0";
        replace(api, &self.destination, query, &json!({ "secret": secret })).await?.ok()?;
        api.destination_in(&self.destination, "active").await?;
        self.leaks += 1;
        self.some_more().await
    }

    fn refusals(&self) -> usize {
        self.mailbox.received().iter().filter(|received| received.answered == 401).count()
    }

    /// Waits until some more was accepted.
    async fn some_more(&self) -> Result {
        let wanted = self.mailbox.accepted().len() + 30;
        until("more to be accepted", LONG, async || Ok((self.mailbox.accepted().len() >= wanted).then_some(()))).await
    }

    /// Whether all is as claimed; how many events came twice.
    pub(super) async fn judge(&self, api: &Api, acknowledged: &BTreeSet<String>, proof: &mut Proof) -> Result<usize> {
        let mut arrivals: BTreeMap<String, usize> = BTreeMap::new();
        for received in self.mailbox.accepted().into_iter().filter(|received| !received.is_test()) {
            *arrivals.entry(received.id).or_default() += 1;
        }
        let mut lost = 0;
        for id in acknowledged {
            let key = idempotency_key(&self.destination.parse()?, &EventId::parse(id)?);
            lost += usize::from(!arrivals.contains_key(&key));
        }
        let detail = format!("{lost} of {} missing", acknowledged.len());
        proof.case("webhook: every acknowledged event arrived, with a right signature", lost == 0, detail);
        let detail = format!("{} refused", self.refused);
        proof.case("webhook: nothing is refused while secrets overlap", self.refused == 0, detail);
        history::judge(api, &self.destination, "webhook", proof).await?;
        let deliveries = api.deliveries(&format!("destination={}&state=dead", self.destination)).await?;
        let detail = format!("{} pauses, {} dead letters", self.leaks, deliveries.len());
        proof.case("webhook: a refused secret stops the lane and spends no event", deliveries.is_empty(), detail);
        Ok(arrivals.values().map(|times| times - 1).sum())
    }
}
