//! What one customer has: one of everything that a request can name, each with a random marker that nobody else may ever
//! see.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_tests::webhook::{Reply, WebhookReceiver};
use freehold_tests::{Api, LONG, Result, chance, components, places, trouble, until};
use http::Method;
use serde_json::{Value, json};

use super::meaning::Noun;

/// Who something belongs to: the number of a tenant, and a customer's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) tenant: usize,
    pub(super) customer: String,
}

/// What one customer has.
pub(super) struct Estate {
    pub(super) owner: Owner,
    /// Names by what they name, in every spelling, the best first.
    pub(super) things: BTreeMap<Noun, Vec<String>>,
    /// Where its destinations send to, and a secret that they may sign with.
    pub(super) url: String,
    pub(super) secret: String,
    /// A key of its tenant, and the code of a portal session of its customer.
    pub(super) key: String,
    pub(super) code: String,
    /// The component of its tenant's own type, in base64.
    pub(super) component: String,
    /// What betrays it: markers, ids, secrets.
    pub(super) markers: Vec<String>,
}

/// A type that a tenant installed for itself, in two versions.
pub(super) struct OwnType {
    pub(super) name: String,
    /// The newer one, in base64.
    component: String,
}

/// The older version of a tenant's own type.
const OLDER: &str = "1.0.0";
/// The one that its destinations run.
const NEWER: &str = "1.1.0";

impl OwnType {
    /// Installs one with `api`: the webhook type, under a name of its own, described by a word of its own.
    pub(super) async fn install(api: &Api, word: &str) -> Result<OwnType> {
        let webhook = std::fs::read(places::plugin("webhook")?)?;
        let name = format!("hook-{word}");
        let mut component = String::new();
        for version in [OLDER, NEWER] {
            let variant = components::variant(&webhook, |manifest| {
                manifest["name"] = json!(name);
                manifest["version"] = json!(version);
                manifest["description"] = json!(format!("what-{word} does"));
            })?;
            component = STANDARD.encode(variant);
            api.post("/v1/destination-types", &json!({ "component": component })).await?.ok()?;
        }
        Ok(OwnType { name, component })
    }
}

/// Versions of the credential that each estate has.
const VERSIONS: [&str; 3] = ["3", "2", "1"];
/// One that only those have from whom something might leak.
pub(super) const VERSION_OF_OTHERS: &str = "4";

/// A random word: what is marked with it can be told from anything else.
pub(super) fn marker() -> Result<String> {
    Ok(format!("m{}", chance::hex(&chance::bytes::<10>()?)))
}

impl Estate {
    /// Makes one with `api`, which is the tenant's admin. With a version more than others have when it is `for_others` to
    /// ask for.
    pub(super) async fn make(
        api: &Api,
        (tenant, own_type): (usize, &OwnType),
        receiver: &WebhookReceiver,
        for_others: bool,
    ) -> Result<Estate> {
        let (word, secret) = (marker()?, chance::webhook_secret()?);
        let external_id = format!("ext-{word}");
        let body = json!({ "external_id": external_id, "name": format!("name-{word}") });
        let customer = text(&api.post("/v1/customers", &body).await?.ok()?["id"])?;
        let mailbox = receiver.mailbox(&format!("/{word}"), None);
        // The first attempt fails, so that a delivery has two, and what the receiver says is marked as well.
        mailbox.script([Reply::Text(500, format!("said-{word}"))]);
        let mut estate = Estate {
            owner: Owner { tenant, customer: customer.clone() },
            things: BTreeMap::new(),
            url: mailbox.url().to_owned(),
            secret: secret.clone(),
            key: String::new(),
            code: String::new(),
            component: own_type.component.clone(),
            markers: vec![word.clone(), secret.trim_start_matches("whsec_").to_owned()],
        };
        estate.add(Noun::Customer, [customer.clone(), external_id]);
        // All customers of its tenant may see it.
        estate.things.insert(Noun::Type, vec![own_type.name.clone()]);
        let destination = estate.furnish(api, &word).await?;
        estate.publish(api, &word).await?;
        estate.rotate(api, &destination, for_others).await?;
        estate.admit(api, &word).await?;
        Ok(estate)
    }

    /// The names of things of this kind.
    pub(super) fn names(&self, noun: Noun) -> &[String] {
        self.things.get(&noun).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, noun: Noun, names: impl IntoIterator<Item = String>) {
        let names: Vec<String> = names.into_iter().collect();
        if noun != Noun::Version {
            self.markers.extend(names.iter().cloned());
        }
        self.things.entry(noun).or_default().extend(names);
    }

    /// Two destinations, of which one delivers.
    async fn furnish(&mut self, api: &Api, word: &str) -> Result<String> {
        let retry = json!({ "retry": { "base_ms": 20, "cap_ms": 100, "give_up_after_ms": 60_000 } });
        let mut body = json!({
            "type": self.names(Noun::Type)[0],
            "name": format!("hook-{word}"),
            "config": { "url": self.url },
            "credential": { "secret": self.secret },
            "subscription": ["order.**"],
            "settings": retry,
        });
        let destination = api.create_destination(&self.owner.customer, &body).await?;
        body["subscription"] = json!(["none.such"]);
        let paused = api.create_destination(&self.owner.customer, &body).await?;
        let message = json!({ "message": format!("pause-{word}") });
        api.post(&format!("/v1/destinations/{paused}/pause"), &message).await?.ok()?;
        // So that there is an upgrade to be taken back.
        for version in [OLDER, NEWER] {
            let upgrade = json!({ "destination": destination, "to": version });
            let path = format!("/v1/destination-types/{}/upgrade", self.names(Noun::Type)[0]);
            api.post(&path, &upgrade).await?.ok()?;
        }
        self.add(Noun::Destination, [destination.clone(), paused]);
        Ok(destination)
    }

    async fn publish(&mut self, api: &Api, word: &str) -> Result {
        let (vendors_id, key) = (format!("evt-{word}"), format!("key-{word}"));
        let customer = &self.owner.customer;
        let event = json!({
            "id": vendors_id, "type": "order.made", "customer": customer, "data": { "marker": word },
            "metadata": { "marker": word },
        });
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
        api.send(Method::POST, "/v1/events", &headers, event.to_string().into_bytes()).await?.ok()?;
        let generated = api.publish_one(customer, &format!("order.{word}"), json!(word)).await?;
        let of_customer = format!("customer={customer}");
        until_settled(api, &of_customer, 2).await?;
        let mut deliveries = api.deliveries(&of_customer).await?;
        // First the one that has the two attempts.
        deliveries.sort_by_key(|delivery| std::cmp::Reverse(delivery["attempts"].as_u64()));
        let attempts = api.attempts(&of_customer).await?;
        self.add(Noun::Event, [vendors_id, generated]);
        self.add(Noun::IdempotencyKey, [key]);
        self.add(Noun::Delivery, ids(&deliveries)?);
        self.add(Noun::Attempt, ids(&attempts)?);
        Ok(())
    }

    /// A version that drains, one that is active, one that waits.
    async fn rotate(&mut self, api: &Api, destination: &str, for_others: bool) -> Result {
        let path = format!("/v1/destinations/{destination}/credentials");
        let rotations = if for_others { 3 } else { 2 };
        for next in 2..=rotations + 1 {
            api.post(&path, &json!({ "fields": { "secret": self.secret } })).await?.ok()?;
            if next <= rotations {
                api.post(&format!("{path}/{next}/cut-over"), &json!({ "force": true })).await?.ok()?;
            }
        }
        let others = for_others.then_some(VERSION_OF_OTHERS);
        self.add(Noun::Version, others.into_iter().chain(VERSIONS).map(str::to_owned));
        Ok(())
    }

    /// Those who may knock: a key of the tenant, and the customer.
    async fn admit(&mut self, api: &Api, word: &str) -> Result {
        let key = json!({ "name": format!("key-of-{word}"), "scopes": ["read"] });
        let made = api.post("/v1/api-keys", &key).await?.ok()?;
        self.add(Noun::ApiKey, [text(&made["id"])?]);
        self.key = text(&made["key"])?;
        let path = format!("/v1/customers/{}/portal-sessions", self.owner.customer);
        let made = api.post(&path, &json!({})).await?.ok()?;
        self.add(Noun::PortalSession, [text(&made["id"])?]);
        self.code = text(&made["code"])?;
        self.markers.extend([self.key.clone(), self.code.clone()]);
        Ok(())
    }

    /// Deletes what can be deleted.
    pub(super) async fn abandon(&self, api: &Api) -> Result {
        for destination in self.names(Noun::Destination) {
            api.delete(&format!("/v1/destinations/{destination}")).await?.ok()?;
        }
        api.delete(&format!("/v1/customers/{}", self.owner.customer)).await?.ok()?;
        Ok(())
    }
}

/// Waits until there are at least so many deliveries and none is queued.
async fn until_settled(api: &Api, filter: &str, count: usize) -> Result {
    until("the deliveries to be made", LONG, async || Ok((api.deliveries(filter).await?.len() >= count).then_some(())))
        .await?;
    api.until_settled(filter, LONG).await
}

/// Waits until nothing of a tenant is under way, so that whatever changes from now on was changed by a request.
pub(super) async fn quiet(api: &Api) -> Result {
    until("a tenant's deliveries to settle", LONG, async || {
        let started = api.get("/v1/attempts?state=started&limit=1").await?.ok()?;
        if started["data"].as_array().is_some_and(|attempts| !attempts.is_empty()) {
            return Ok(None);
        }
        for delivery in api.deliveries("state=queued").await? {
            // Where somebody paused it, whether they may or not, nothing goes on either.
            let destination = api.get(&format!("/v1/destinations/{}", text(&delivery["destination"])?)).await?;
            if destination.json()["state"] != "paused" {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await
}

fn ids(rows: &[Value]) -> Result<Vec<String>> {
    rows.iter().map(|row| text(&row["id"])).collect()
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| trouble(format!("{value} is no text")))
}
