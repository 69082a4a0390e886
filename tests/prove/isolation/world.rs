//! Who is there to ask, and whose things are there to be asked for? Two tenants with the same things, each with two customers
//! and one that was deleted, and everybody who may knock.

use std::rc::Rc;
use std::time::Duration;

use aho_corasick::AhoCorasick;
use freehold_tests::webhook::WebhookReceiver;
use freehold_tests::{Answer, Api, Result, Setup, TestHost, trouble, until};

use super::estate::{Estate, marker};
use crate::Wish;

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Everything within the tenant.
    Admin,
    /// Publish and read.
    Publisher,
    /// Read.
    Reader,
    /// Nothing: there is no key that opens anything.
    Refused,
}

/// Somebody who asks.
#[derive(Clone)]
pub(super) struct Actor {
    pub(super) name: &'static str,
    pub(super) api: Api,
    pub(super) standing: Standing,
    /// The number of the tenant.
    pub(super) tenant: usize,
}

/// A tenant and what is there of it.
pub(super) struct Tenant {
    pub(super) id: String,
    pub(super) api: Api,
    /// The first is one's own where that is asked for, the others are siblings.
    pub(super) estates: [Rc<Estate>; 2],
    /// A customer that was deleted.
    pub(super) gone: Rc<Estate>,
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
    /// The number of the tenant, and the text.
    texts: Vec<(usize, String)>,
    automaton: Option<AhoCorasick>,
}

impl World {
    pub(super) async fn make(wish: &Wish) -> Result<World> {
        let host = TestHost::start_with(Setup { database: wish.database()?, ..Setup::default() }).await?;
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
        let first = Estate::make(&api, number, &self.receiver, true).await?;
        let second = Estate::make(&api, number, &self.receiver, true).await?;
        let gone = Estate::make(&api, number, &self.receiver, true).await?;
        gone.abandon(&api).await?;
        let export = api.get("/v1/audit/export").await?;
        let first_line: serde_json::Value = serde_json::from_str(export.text().lines().next().unwrap_or_default())?;
        let id = first_line["chain"].as_str().ok_or_else(|| trouble("an export does not name its tenant"))?.to_owned();
        for text in [name, api.key(), &id] {
            self.markers.add(number, text);
        }
        for estate in [&first, &second, &gone] {
            self.markers.add_all(estate);
        }
        let estates = [Rc::new(first), Rc::new(second)];
        self.tenants.push(Tenant { id, api, estates, gone: Rc::new(gone) });
        Ok(())
    }

    /// Everybody who may knock.
    async fn admit(&mut self, tenant: &str) -> Result {
        let (publisher, reader) =
            (self.key(tenant, &["--role", "publisher"])?, self.key(tenant, &["--role", "reader"])?);
        let expired = self.key(tenant, &["--expires-in", "1s"])?;
        let revoked = self.key(tenant, &[])?;
        let output = self.host.run(&["api-keys", "revoke", tenant, &revoked.0])?;
        if !output.status.success() {
            return Err(trouble(String::from_utf8_lossy(&output.stderr)));
        }
        let host = &self.host;
        let is_over = async || Ok((host.api(&expired.1).get("/v1/customers").await?.status == 401).then_some(()));
        until("a key to expire", Duration::from_secs(30), is_over).await?;
        let actor = |name, key: &str, standing, tenant| Actor { name, api: host.api(key), standing, tenant };
        let (one, other) = (self.tenants[0].api.key(), self.tenants[1].api.key());
        self.actors = vec![
            actor("the tenant's admin", one, Standing::Admin, 0),
            actor("its publisher", &publisher.1, Standing::Publisher, 0),
            actor("its reader", &reader.1, Standing::Reader, 0),
            actor("another tenant's admin", other, Standing::Admin, 1),
            actor("nobody", "", Standing::Refused, 0),
            actor("a malformed key", &one[..one.len() - 1], Standing::Refused, 0),
            actor("an expired key", &expired.1, Standing::Refused, 0),
            actor("a revoked key", &revoked.1, Standing::Refused, 0),
        ];
        Ok(())
    }

    /// A key of a tenant, made at the command line: its id and itself.
    fn key(&mut self, tenant: &str, options: &[&str]) -> Result<(String, String)> {
        let output = self.host.run(&[&["api-keys", "create", tenant, "--name", "second"], options].concat())?;
        let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        let words = || printed.split(|c: char| c.is_whitespace() || c == '`');
        let word = |prefix: &str| words().find(|word| word.starts_with(prefix)).map(str::to_owned);
        let (Some(id), Some(key)) = (word("key_"), word("fh_live_")) else {
            return Err(trouble(format!("no id and key in: {printed}")));
        };
        self.markers.add(0, &id);
        self.markers.add(0, &key);
        Ok((id, key))
    }

    /// What a tenant has once more, to be used up.
    pub(super) async fn another_estate(&mut self, tenant: usize) -> Result<Rc<Estate>> {
        let estate = Estate::make(&self.tenants[tenant].api, tenant, &self.receiver, false).await?;
        self.markers.add_all(&estate);
        Ok(Rc::new(estate))
    }

    /// What an answer gives away that `actor` did not send: the first thing of another tenant.
    pub(super) fn given_away(&mut self, actor: &Actor, answer: &Answer, sent: &str) -> Result<Option<String>> {
        self.markers.found(answer, |tenant, text| tenant != actor.tenant && !sent.contains(text))
    }

    /// The first thing in an answer that belongs to anybody.
    pub(super) fn named(&mut self, answer: &Answer) -> Result<Option<String>> {
        self.markers.found(answer, |_, _| true)
    }

    /// Texts that betray a tenant.
    pub(super) fn markers_of(&self, tenant: usize) -> Vec<String> {
        self.markers.texts.iter().filter(|(of, _)| *of == tenant).map(|(_, text)| text.clone()).collect()
    }
}

impl Markers {
    fn add(&mut self, tenant: usize, text: &str) {
        self.texts.push((tenant, text.to_owned()));
        self.automaton = None;
    }

    fn add_all(&mut self, estate: &Estate) {
        for text in &estate.markers {
            self.add(estate.owner.tenant, text);
        }
    }

    fn found(&mut self, answer: &Answer, is_wrong: impl Fn(usize, &str) -> bool) -> Result<Option<String>> {
        if self.automaton.is_none() {
            self.automaton = Some(AhoCorasick::new(self.texts.iter().map(|(_, text)| text))?);
        }
        let Some(automaton) = &self.automaton else { return Ok(None) };
        let headers: Vec<&[u8]> = answer.headers.values().map(http::HeaderValue::as_bytes).collect();
        let told = [headers.join(&b'\n'), answer.body.to_vec()].join(&b'\n');
        let found = automaton.find_overlapping_iter(&told).map(|found| &self.texts[found.pattern().as_usize()]);
        Ok(found.filter(|(tenant, text)| is_wrong(*tenant, text)).map(|(_, text)| text.clone()).next())
    }
}
