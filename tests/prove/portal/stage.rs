//! What stands around the browser: the host, two customers with a receiver and a bucket each, the vendor's page, and a door
//! through which the browser's script looks at the receivers and changes what they accept.

use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path as Segment, State};
use axum::routing::{get, post};
use freehold_tests::s3::{Bucket, S3Server};
use freehold_tests::vendor::Vendor;
use freehold_tests::webhook::{Mailbox, WebhookReceiver};
use freehold_tests::{Api, Result, TestHost, bodies, chance};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};

/// The customers, by the vendor's names for them.
const CUSTOMERS: [&str; 2] = ["acme", "globex"];
/// The customer of another vendor's.
const OTHER: &str = "hidden-customer";
/// How many customers share the destinations that are only there in number.
const CROWD: usize = 100;
/// How many of these are made at once.
const AT_ONCE: usize = 8;

/// Everything that runs during the proof.
pub(crate) struct Stage {
    host: TestHost,
    api: Api,
    vendor: Vendor,
    customers: Vec<Customer>,
    door: String,
    serving: JoinHandle<()>,
    // They end when dropped.
    _webhooks: WebhookReceiver,
    props: Arc<Props>,
    /// A customer of another vendor's.
    other: String,
}

struct Customer {
    name: &'static str,
    id: String,
    mailbox: String,
    bucket: String,
    keys: [Bucket; 2],
}

/// What the door leads to.
struct Props {
    mailboxes: Vec<Mailbox>,
    s3: S3Server,
}

impl Stage {
    /// Starts everything, with `many` destinations beside those that the story makes.
    pub(crate) async fn set(many: usize) -> Result<Stage> {
        let webhooks = WebhookReceiver::start().await?;
        let mailboxes: Vec<Mailbox> =
            CUSTOMERS.iter().map(|name| webhooks.mailbox(&format!("/{name}"), None)).collect();
        let keys = CUSTOMERS.iter().map(|name| Ok([key(name)?, key(name)?])).collect::<Result<Vec<[Bucket; 2]>>>()?;
        let s3 = S3Server::start(&keys.concat()).await?;
        let host = TestHost::start().await?;
        let api = host.tenant("parcelry")?;
        let mut customers = Vec::new();
        for ((name, mailbox), keys) in CUSTOMERS.into_iter().zip(&mailboxes).zip(keys) {
            let (id, bucket) = (api.create_customer(name).await?, keys[0].name.clone());
            customers.push(Customer { name, id, mailbox: mailbox.url().to_owned(), bucket, keys });
        }
        // Something of the other customer's, to be kept from the first.
        let secret = chance::webhook_secret()?;
        let mut theirs = bodies::webhook(&mailboxes[1], &secret);
        theirs["name"] = json!("Globex data lake");
        mailboxes[1].set_secret(&secret);
        api.create_destination(&customers[1].id, &theirs).await?;
        crowd(&api, many, &mailboxes[1]).await?;
        let other = host.tenant("another-vendor")?.create_customer(OTHER).await?;
        let vendor = Vendor::start(api.clone()).await?;
        let props = Arc::new(Props { mailboxes, s3 });
        let (door, serving) = open_door(props.clone()).await?;
        Ok(Stage { host, api, vendor, customers, door, serving, _webhooks: webhooks, props, other })
    }

    /// What the browser's script has to know.
    pub(crate) fn wish(&self, short: bool, pictures: Option<&Path>) -> Value {
        let customers: Vec<Value> = self
            .customers
            .iter()
            .map(|customer| {
                let keys: Vec<[&str; 2]> =
                    customer.keys.iter().map(|key| [key.access_key.as_str(), key.secret_key.as_str()]).collect();
                json!({
                    "name": customer.name, "id": customer.id, "mailbox": customer.mailbox, "bucket": customer.bucket,
                    "keys": keys,
                })
            })
            .collect();
        json!({
            "host": self.host.url(), "key": self.api.key(), "vendor": self.vendor.origin(), "stranger": self.vendor.stranger(),
            "stage": self.door, "s3": self.props.s3.url(), "customers": customers, "short": short,
            "other": { "id": self.other, "customer": OTHER },
            "screenshots": pictures.map(Path::to_string_lossy),
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Destinations that are only there in number.
async fn crowd(api: &Api, many: usize, mailbox: &Mailbox) -> Result {
    let mut making = JoinSet::new();
    for number in 0..CROWD.min(many) {
        let (api, mailbox) = (api.clone(), mailbox.clone());
        let share = many / CROWD.min(many) + usize::from(number < many % CROWD.min(many));
        if making.len() == AT_ONCE {
            making.join_next().await.transpose()?.transpose()?;
        }
        making.spawn(async move {
            let customer = api.create_customer(&format!("crowd-{number}")).await?;
            for _ in 0..share {
                api.create_destination(&customer, &bodies::webhook(&mailbox, &chance::webhook_secret()?)).await?;
            }
            Ok::<(), freehold_tests::trouble::Trouble>(())
        });
    }
    while let Some(made) = making.join_next().await {
        made??;
    }
    Ok(())
}

/// A key of the customer's to their bucket.
fn key(name: &str) -> Result<Bucket> {
    let id = format!("AKIA{}", chance::hex(&chance::bytes::<8>()?).to_uppercase());
    Ok(Bucket::new(&format!("{name}-events"), &id, &chance::word()?))
}

#[derive(Deserialize)]
struct NewSecret {
    secret: String,
}

async fn open_door(props: Arc<Props>) -> Result<(String, JoinHandle<()>)> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let door = format!("http://{}", listener.local_addr()?);
    let router = axum::Router::new()
        .route("/mailbox/{customer}", get(received).post(set_secret))
        .route("/keys/{key}/disable", post(disable))
        .route("/bucket/{name}", get(objects))
        .with_state(props);
    let serving = tokio::spawn(async move {
        // It ends with its task; the script sees from outside when it does not serve.
        drop(axum::serve(listener, router).await);
    });
    Ok((door, serving))
}

impl Props {
    fn mailbox(&self, customer: &str) -> std::result::Result<&Mailbox, StatusCode> {
        let place = CUSTOMERS.iter().position(|name| *name == customer);
        place.and_then(|place| self.mailboxes.get(place)).ok_or(StatusCode::NOT_FOUND)
    }
}

/// What a customer's receiver got: each event's type, its data, and what was answered.
async fn received(
    State(props): State<Arc<Props>>,
    Segment(customer): Segment<String>,
) -> std::result::Result<Json<Value>, StatusCode> {
    let all = props.mailbox(&customer)?.received();
    let each = all.iter().map(|received| {
        let data = received.json();
        json!({ "type": received.header("freehold-event-type"), "test": received.is_test(), "answered": received.answered, "data": data })
    });
    Ok(Json(each.collect()))
}

/// From now on a customer's receiver checks signatures with this secret.
async fn set_secret(
    State(props): State<Arc<Props>>,
    Segment(customer): Segment<String>,
    Json(new): Json<NewSecret>,
) -> std::result::Result<(), StatusCode> {
    props.mailbox(&customer)?.set_secret(&new.secret);
    Ok(())
}

async fn disable(State(props): State<Arc<Props>>, Segment(key): Segment<String>) {
    props.s3.disable(&key);
}

/// The lines of all objects of a bucket.
async fn objects(
    State(props): State<Arc<Props>>,
    Segment(name): Segment<String>,
) -> std::result::Result<Json<Value>, StatusCode> {
    let objects = props.s3.objects(&name).map_err(|_| StatusCode::NOT_FOUND)?;
    let lines = objects.iter().map(|object| object.lines()).collect::<Result<Vec<Vec<Value>>>>();
    Ok(Json(lines.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?.concat().into()))
}
