//! How every story begins: a host, a tenant, a customer, and a webhook destination with its receiver.

use freehold_tests::webhook::{Mailbox, WebhookReceiver};
use freehold_tests::{Api, Result, Setup, TestHost, bodies, chance};
use serde_json::Value;

/// A host with one tenant, whose one customer has one webhook destination.
pub(crate) struct Story {
    pub(crate) host: TestHost,
    pub(crate) api: Api,
    pub(crate) webhooks: WebhookReceiver,
    pub(crate) customer: String,
    pub(crate) mailbox: Mailbox,
    pub(crate) secret: String,
    pub(crate) destination: String,
}

impl Story {
    /// Begins with a destination that retries within milliseconds.
    pub(crate) async fn begin() -> Result<Story> {
        Story::with(bodies::retrying_at_once).await
    }

    /// Begins with a destination as `change` makes it.
    pub(crate) async fn with(change: impl FnOnce(Value) -> Value) -> Result<Story> {
        Story::on(Setup::default(), change).await
    }

    /// Begins on a host of this kind, with a destination as `change` makes it.
    pub(crate) async fn on(setup: Setup, change: impl FnOnce(Value) -> Value) -> Result<Story> {
        let host = TestHost::start_with(setup).await?;
        let api = host.tenant("acme")?;
        let webhooks = WebhookReceiver::start().await?;
        let customer = api.create_customer("customer-one").await?;
        let secret = chance::webhook_secret()?;
        let mailbox = webhooks.mailbox("/one", Some(&secret));
        let body = change(bodies::webhook(&mailbox, &secret));
        let destination = api.create_destination(&customer, &body).await?;
        Ok(Story { host, api, webhooks, customer, mailbox, secret, destination })
    }

    /// Another webhook destination of a customer, with a mailbox at `path`.
    pub(crate) async fn another(
        &self,
        customer: &str,
        path: &str,
        change: impl FnOnce(Value) -> Value,
    ) -> Result<(String, Mailbox)> {
        let secret = chance::webhook_secret()?;
        let mailbox = self.webhooks.mailbox(path, Some(&secret));
        let body = change(bodies::webhook(&mailbox, &secret));
        Ok((self.api.create_destination(customer, &body).await?, mailbox))
    }

    /// The filter of lists for the destination of the story.
    pub(crate) fn of_destination(&self) -> String {
        format!("destination={}", self.destination)
    }
}
