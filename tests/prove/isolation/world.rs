//! Who is there to ask, and whose things are there to be asked for? Two tenants with the same things, each with two customers
//! and one that was deleted, and everybody who may knock.

use std::rc::Rc;
use std::time::Duration;

use aho_corasick::AhoCorasick;
use freehold_tests::webhook::WebhookReceiver;
use freehold_tests::{Answer, Api, Result, Setup, TestHost, Where, trouble, until};

use super::estate::{Estate, OwnType, marker};

/// What somebody asks with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum With {
    /// An API key.
    Key,
    /// The token of a portal session.
    Session,
    /// Nothing that opens anything.
    Nothing,
}

/// Somebody who asks.
#[derive(Clone)]
pub(super) struct Actor {
    pub(super) name: &'static str,
    pub(super) api: Api,
    pub(super) with: With,
    /// What it may do.
    pub(super) scopes: Vec<&'static str>,
    /// The number of the tenant.
    pub(super) tenant: usize,
    /// The one customer, in a portal session.
    pub(super) customer: Option<String>,
}

/// A tenant and what is there of it.
pub(super) struct Tenant {
    pub(super) id: String,
    pub(super) api: Api,
    own_type: OwnType,
    /// The first is one's own where that is asked for, the others are siblings.
    pub(super) estates: [Rc<Estate>; 2],
    /// A customer that was deleted.
    pub(super) gone: Rc<Estate>,
    /// The portal session of the second customer.
    pub(super) sibling: Api,
}

/// Everybody and everything.
pub(super) struct World {
    pub(super) host: TestHost,
    pub(super) receiver: WebhookReceiver,
    pub(super) tenants: Vec<Tenant>,
    pub(super) actors: Vec<Actor>,
    markers: Markers,
}

/// What betrays whom.
#[derive(Default)]
struct Markers {
    texts: Vec<Marker>,
    automaton: Option<AhoCorasick>,
}

/// A text that betrays somebody.
struct Marker {
    /// The number of the tenant.
    tenant: usize,
    /// The customer, where it is one's.
    customer: Option<String>,
    text: String,
}

impl World {
    pub(super) async fn make(database: Where) -> Result<World> {
        let trust = ["ALLOW_UNSIGNED", "TENANT_INSTALLS"];
        let environment = trust.map(|name| (format!("FREEHOLD_TRUST_{name}"), "true".to_owned())).to_vec();
        let host = TestHost::start_with(Setup { database, environment, ..Setup::default() }).await?;
        let receiver = WebhookReceiver::start().await?;
        let mut world = World { host, receiver, tenants: Vec::new(), actors: Vec::new(), markers: Markers::default() };
        let names = [format!("one-{}", marker()?), format!("other-{}", marker()?)];
        for name in &names {
            world.found(name).await?;
        }
        world.admit(&names[0]).await?;
        Ok(world)
    }

    async fn found(&mut self, name: &str) -> Result {
        let number = self.tenants.len();
        let api = self.host.tenant(name)?;
        let own_type = OwnType::install(&api, &marker()?).await?;
        let first = Estate::make(&api, (number, &own_type), &self.receiver, true).await?;
        let second = Estate::make(&api, (number, &own_type), &self.receiver, true).await?;
        let gone = Estate::make(&api, (number, &own_type), &self.receiver, true).await?;
        gone.abandon(&api).await?;
        let export = api.get("/v1/audit/export").await?;
        let first_line: serde_json::Value = serde_json::from_str(export.text().lines().next().unwrap_or_default())?;
        let id = first_line["chain"].as_str().ok_or_else(|| trouble("an export does not name its tenant"))?.to_owned();
        for text in [name, api.key(), &id, &own_type.name] {
            self.markers.add(number, None, text);
        }
        for estate in [&first, &second, &gone] {
            self.markers.add_all(estate);
        }
        let estates = [Rc::new(first), Rc::new(second)];
        let sibling = self.session(&api, &estates[1], &["manage"]).await?;
        self.tenants.push(Tenant { id, api, own_type, estates, gone: Rc::new(gone), sibling });
        Ok(())
    }

    /// Everybody who may knock.
    async fn admit(&mut self, tenant: &str) -> Result {
        let scoped = ["manage", "publish", "read"].map(|scope| self.key(tenant, &["--scope", scope]));
        let [manager, publisher, reader] = scoped.map(|key| key.map(|(_, text)| text));
        let (manager, publisher, reader) = (manager?, publisher?, reader?);
        let expired = self.key(tenant, &["--scope", "admin", "--expires-in", "1s"])?;
        let revoked = self.key(tenant, &["--scope", "admin"])?;
        let output = self.host.run(&["keys", "api", "revoke", tenant, &revoked.0])?;
        if !output.status.success() {
            return Err(trouble(String::from_utf8_lossy(&output.stderr)));
        }
        let host = &self.host;
        let is_over = async || Ok((host.api(&expired.1).get("/v1/customers").await?.status == 401).then_some(()));
        until("a key to expire", Duration::from_secs(30), is_over).await?;
        let (one, other) = (self.tenants[0].api.clone(), self.tenants[1].api.clone());
        let (expired, revoked) = (host.api(&expired.1), host.api(&revoked.1));
        let keyed = [
            ("the tenant's admin", one.clone(), "admin", 0),
            ("a key that may manage", host.api(&manager), "manage", 0),
            ("a key that may publish", host.api(&publisher), "publish", 0),
            ("a key that may read", host.api(&reader), "read", 0),
            ("another tenant's admin", other, "admin", 1),
        ];
        for (name, api, scope, tenant) in keyed {
            self.actors.push(Actor { name, api, with: With::Key, scopes: vec![scope], tenant, customer: None });
        }
        let estate = self.tenants[0].estates[0].clone();
        for (name, scope) in [("a portal session", "manage"), ("a portal session that may read", "read")] {
            let (api, customer) = (self.session(&one, &estate, &[scope]).await?, estate.owner.customer.clone());
            let (scopes, customer) = (vec![scope], Some(customer));
            self.actors.push(Actor { name, api, with: With::Session, scopes, tenant: 0, customer });
        }
        let ended = self.session(&one, &estate, &["manage"]).await?;
        // Its last use of a code that was used before ends it.
        let report = serde_json::json!({ "key": ended.key() });
        one.post("/v1/api-keys/report-leak", &report).await?.ok()?;
        let cut_off = one.with_key(&one.key()[..one.key().len() - 1]);
        let refused = [
            ("nobody", one.with_key("")),
            ("a malformed key", cut_off),
            ("an expired key", expired),
            ("a revoked key", revoked),
            ("an ended portal session", ended),
        ];
        for (name, api) in refused {
            self.actors.push(Actor { name, api, with: With::Nothing, scopes: Vec::new(), tenant: 0, customer: None });
        }
        Ok(())
    }

    /// A portal session of an estate's customer that was opened.
    pub(super) async fn session(&mut self, admin: &Api, estate: &Estate, scopes: &[&str]) -> Result<Api> {
        let path = format!("/v1/customers/{}/portal-sessions", estate.owner.customer);
        let body = serde_json::json!({ "scopes": scopes, "lifetime_ms": 3_600_000 });
        let made = admin.post(&path, &body).await?.ok()?;
        let body = serde_json::json!({ "code": made["code"] });
        let opened = admin.with_key("").post("/v1/portal-sessions/exchange", &body).await?.ok()?;
        let (id, token) = (freehold_tests::api::text(&opened, "id")?, freehold_tests::api::text(&opened, "token")?);
        for text in [&id, &token] {
            self.markers.add(estate.owner.tenant, Some(&estate.owner.customer), text);
        }
        Ok(admin.with_key(&token))
    }

    /// A key of a tenant, made at the command line: its id and itself.
    fn key(&mut self, tenant: &str, options: &[&str]) -> Result<(String, String)> {
        let output = self.host.run(&[&["keys", "api", "create", tenant, "--name", "second"], options].concat())?;
        let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        let words = || printed.split(|c: char| c.is_whitespace() || c == '`');
        let word = |prefix: &str| words().find(|word| word.starts_with(prefix)).map(str::to_owned);
        let (Some(id), Some(key)) = (word("key_"), word("fh_live_")) else {
            return Err(trouble(format!("no id and key in: {printed}")));
        };
        self.markers.add(0, None, &id);
        self.markers.add(0, None, &key);
        Ok((id, key))
    }

    /// What a tenant has once more, to be used up.
    pub(super) async fn another_estate(&mut self, tenant: usize) -> Result<Rc<Estate>> {
        let of = &self.tenants[tenant];
        let estate = Estate::make(&of.api, (tenant, &of.own_type), &self.receiver, false).await?;
        self.markers.add_all(&estate);
        Ok(Rc::new(estate))
    }

    /// What an answer gives away that `actor` did not send: the first thing of another tenant, or of another customer where
    /// one customer asks.
    pub(super) fn given_away(&mut self, actor: &Actor, answer: &Answer, sent: &str) -> Result<Option<String>> {
        let is_foreign = |marker: &Marker| {
            let is_siblings =
                actor.customer.is_some() && marker.customer.is_some() && marker.customer != actor.customer;
            (marker.tenant != actor.tenant || is_siblings) && !sent.contains(&marker.text)
        };
        self.markers.found(answer, is_foreign)
    }

    /// The first thing in an answer that belongs to anybody.
    pub(super) fn named(&mut self, answer: &Answer) -> Result<Option<String>> {
        self.markers.found(answer, |_| true)
    }

    /// Texts that betray a tenant.
    pub(super) fn markers_of(&self, tenant: usize) -> Vec<String> {
        let of_tenant = self.markers.texts.iter().filter(|marker| marker.tenant == tenant);
        of_tenant.map(|marker| marker.text.clone()).collect()
    }
}

impl Markers {
    fn add(&mut self, tenant: usize, customer: Option<&str>, text: &str) {
        self.texts.push(Marker { tenant, customer: customer.map(str::to_owned), text: text.to_owned() });
        self.automaton = None;
    }

    fn add_all(&mut self, estate: &Estate) {
        for text in &estate.markers {
            self.add(estate.owner.tenant, Some(&estate.owner.customer), text);
        }
    }

    fn found(&mut self, answer: &Answer, is_wrong: impl Fn(&Marker) -> bool) -> Result<Option<String>> {
        if self.automaton.is_none() {
            self.automaton = Some(AhoCorasick::new(self.texts.iter().map(|marker| &marker.text))?);
        }
        let Some(automaton) = &self.automaton else { return Ok(None) };
        let headers: Vec<&[u8]> = answer.headers.values().map(http::HeaderValue::as_bytes).collect();
        let told = [headers.join(&b'\n'), answer.body.to_vec()].join(&b'\n');
        let found = automaton.find_overlapping_iter(&told).map(|found| &self.texts[found.pattern().as_usize()]);
        Ok(found.filter(|marker| is_wrong(marker)).map(|marker| marker.text.clone()).next())
    }
}
