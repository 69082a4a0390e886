//! What does the demo need around it? The host, the receivers, the customers, and events that are theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use freehold_tests::bigquery::BigQuery;
use freehold_tests::kafka::{Kafka, Listener, Options, USER};
use freehold_tests::s3::{Bucket, S3Server};
use freehold_tests::webhook::{Mailbox, WebhookReceiver};
use freehold_tests::{Api, Result, TestHost, While, api, bodies, chance, events, trouble};
use http::Method;
use serde_json::{Value, json};

/// The customers that every demo has.
const CUSTOMERS: [&str; 2] = ["acme", "globex"];
/// More than these would no longer fit on a page.
const CUSTOMERS_MAX: usize = 8;
/// Events and bytes in one publish request: the API takes 1,000 and 5 MiB.
const REQUEST_EVENTS: usize = 1_000;
const REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// Everything that runs during the demo.
pub(crate) struct Stage {
    pub(crate) host: TestHost,
    pub(crate) api: Api,
    pub(crate) s3: S3Server,
    /// Where it can be started on this machine.
    pub(crate) kafka: Option<Kafka>,
    /// Where it can be started on this machine.
    pub(crate) bigquery: Option<BigQuery>,
    pub(crate) customers: Vec<Customer>,
    webhooks: WebhookReceiver,
}

/// A customer with its destinations and what stands behind them.
pub(crate) struct Customer {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) mailbox: Mailbox,
    pub(crate) webhook: String,
    pub(crate) bucket: Bucket,
    pub(crate) s3: String,
    /// The topic, if there is a Kafka.
    pub(crate) topic: Option<Place>,
    /// The dataset, if there is a BigQuery.
    pub(crate) dataset: Option<Place>,
}

/// Something of a customer's that a destination leads to.
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) destination: String,
}

impl Customer {
    /// The destination that leads to its topic.
    pub(crate) fn topic_destination(&self) -> Option<&str> {
        self.topic.as_ref().map(|topic| topic.destination.as_str())
    }

    /// The destination that leads to its dataset.
    pub(crate) fn dataset_destination(&self) -> Option<&str> {
        self.dataset.as_ref().map(|dataset| dataset.destination.as_str())
    }

    /// How many destinations it has.
    pub(crate) fn destinations(&self) -> usize {
        2 + usize::from(self.topic.is_some()) + usize::from(self.dataset.is_some())
    }
}

/// An event before it is published.
pub(crate) struct Draft {
    pub(crate) customer: String,
    pub(crate) event: Value,
}

/// An event as it was accepted.
pub(crate) struct Published {
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) data: Value,
    /// When the request that published it was answered.
    pub(crate) accepted_at: Instant,
}

/// Reads the events and deals those without a customer to the two in turn.
pub(crate) fn read(path: &Path) -> Result<Vec<Draft>> {
    let mut turn = CUSTOMERS.iter().cycle();
    let mut drafts = Vec::new();
    for (index, mut event) in events::read(path)?.into_iter().enumerate() {
        let customer = match event.get("customer") {
            None => (*turn.next().unwrap_or(&CUSTOMERS[0])).to_owned(),
            Some(named) => named
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| trouble(format!("event {}: `customer` is a name", index + 1)))?,
        };
        event["customer"] = Value::from(customer.as_str());
        drafts.push(Draft { customer, event });
    }
    if drafts.is_empty() { Err(trouble(format!("{} holds no events", path.display()))) } else { Ok(drafts) }
}

impl Stage {
    /// Starts everything and makes the customers that the events name.
    pub(crate) async fn set(events: &[Draft]) -> Result<Stage> {
        let mut names: Vec<String> = CUSTOMERS.map(str::to_owned).to_vec();
        let named: BTreeSet<&String> = events.iter().map(|draft| &draft.customer).collect();
        names.extend(named.into_iter().filter(|name| !CUSTOMERS.contains(&name.as_str())).cloned());
        if names.len() > CUSTOMERS_MAX {
            return Err(trouble(format!(
                "the events name {} customers; the demo shows {CUSTOMERS_MAX} at most",
                names.len()
            )));
        }
        let webhooks = WebhookReceiver::start().await?;
        let buckets = (1..=names.len()).map(bucket).collect::<Result<Vec<Bucket>>>()?;
        let s3 = S3Server::start(&buckets).await?;
        let kafka = Kafka::start(Options::default()).await?;
        let bigquery = BigQuery::start().await?;
        let mut types = vec!["webhook", "s3"];
        types.extend(kafka.as_ref().map(|_| "kafka"));
        types.extend(bigquery.as_ref().map(|_| "bigquery"));
        let host = TestHost::start_with_types(&types).await?;
        let api = host.tenant("demo")?;
        let mut stage = Stage { host, api, s3, kafka, bigquery, customers: Vec::new(), webhooks };
        for (index, (name, bucket)) in names.into_iter().zip(buckets).enumerate() {
            let customer = stage.customer(index + 1, name, bucket).await?;
            stage.customers.push(customer);
        }
        Ok(stage)
    }

    /// A customer with a destination of each type that there is.
    async fn customer(&self, number: usize, name: String, bucket: Bucket) -> Result<Customer> {
        let secret = chance::webhook_secret()?;
        let mailbox = self.webhooks.mailbox(&format!("/customer-{number}"), Some(&secret));
        let id = self.api.create_customer(&name).await?;
        let webhook = self.api.create_destination(&id, &bodies::webhook(&mailbox, &secret)).await?;
        let s3 = self.api.create_destination(&id, &bodies::s3(&self.s3, &bucket)).await?;
        let topic = match &self.kafka {
            Some(kafka) => Some(self.topic(kafka, number, &id).await?),
            None => None,
        };
        let dataset = match &self.bigquery {
            Some(bigquery) => Some(self.dataset(bigquery, number, &id).await?),
            None => None,
        };
        Ok(Customer { name, id, mailbox, webhook, bucket, s3, topic, dataset })
    }

    /// A topic, written to under a password and inside TLS.
    async fn topic(&self, kafka: &Kafka, number: usize, customer: &str) -> Result<Place> {
        let name = format!("open-customer-{number}");
        // The events may be older than what topics usually keep.
        kafka.client().create(&name, 3, &json!({ "retention.ms": "-1" })).await?;
        let mut body = bodies::kafka(&kafka.addresses(Listener::SaslTls), &name);
        body["config"]["security"] = json!("tls");
        body["config"]["ca_certificate"] = json!(kafka.root());
        body["config"]["sasl"] = json!("scram-sha-512");
        body["config"]["key"] = json!("{id}");
        body["credential"] = json!({ "username": USER, "password": kafka.password() });
        Ok(Place { destination: self.api.create_destination(customer, &body).await?, name })
    }

    /// A dataset, written to with a key of the customer's own.
    async fn dataset(&self, bigquery: &BigQuery, number: usize, customer: &str) -> Result<Place> {
        let name = format!("customer_{number}");
        bigquery.make_dataset(&name).await?;
        let mut body = bodies::bigquery(bigquery, &name)?;
        let (key, _) = bigquery.new_account().await?;
        body["credential"]["service_account"] = json!(key);
        Ok(Place { destination: self.api.create_destination(customer, &body).await?, name })
    }

    /// How many deliveries there will be of these events.
    pub(crate) fn deliveries_of(&self, published: &[Published]) -> usize {
        let theirs = by_customer(published);
        let of = |customer: &Customer| theirs.get(customer.name.as_str()).map_or(0, Vec::len) * customer.destinations();
        self.customers.iter().map(of).sum()
    }

    /// Publishes everything, in as few requests as it takes.
    pub(crate) async fn publish(&self, drafts: Vec<Draft>) -> Result<Vec<Published>> {
        let mut published = Vec::new();
        let mut request: Vec<Draft> = Vec::new();
        let mut bytes = 0;
        for draft in drafts {
            let size = draft.event.to_string().len();
            if !request.is_empty() && (request.len() == REQUEST_EVENTS || bytes + size > REQUEST_BYTES) {
                self.publish_request(std::mem::take(&mut request), &mut published).await?;
                bytes = 0;
            }
            bytes += size + 1;
            request.push(draft);
        }
        self.publish_request(request, &mut published).await?;
        Ok(published)
    }

    async fn publish_request(&self, drafts: Vec<Draft>, published: &mut Vec<Published>) -> Result {
        let lines: Vec<String> = drafts.iter().map(|draft| draft.event.to_string()).collect();
        let body = Bytes::from(lines.join("\n"));
        let ndjson = [("content-type", "application/x-ndjson")];
        let answer = self.api.send(Method::POST, "/v1/events", &ndjson, body.to_vec()).await?;
        let ids = api::published_ids(&answer.ok().while_doing("publishing")?);
        let accepted_at = Instant::now();
        if ids.len() != drafts.len() {
            return Err(trouble(format!("{} events were published, {} acknowledged", drafts.len(), ids.len())));
        }
        published.extend(ids.into_iter().zip(drafts).map(|(id, draft)| Published {
            id,
            customer: draft.customer,
            data: draft.event.get("data").cloned().unwrap_or_default(),
            accepted_at,
        }));
        Ok(())
    }
}

/// The events of each customer, by the customer's name.
pub(crate) fn by_customer(published: &[Published]) -> BTreeMap<&str, Vec<&Published>> {
    let mut by_customer: BTreeMap<&str, Vec<&Published>> = BTreeMap::new();
    for event in published {
        by_customer.entry(&event.customer).or_default().push(event);
    }
    by_customer
}

fn bucket(number: usize) -> Result<Bucket> {
    let key = format!("AKIADEMO{}", chance::hex(&chance::bytes::<6>()?).to_uppercase());
    Ok(Bucket::new(&format!("customer-{number}-events"), &key, &chance::word()?))
}
