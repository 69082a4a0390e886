//! Every route, in every position that an id can stand in, by everybody, with everybody's ids.

use std::collections::BTreeMap;
use std::rc::Rc;

use freehold_tests::{Answer, Result, trouble};
use serde_json::Value;

use super::asked::{Asked, Form, Position, positions};
use super::document::{Body, Operation};
use super::estate::{Estate, marker, quiet};
use super::judge::{Carried as _, Told};
use super::meaning::{Noun, Place};
use super::names::{self, Whose};
use super::witness::{Picture, Share, Witness, changes};
use super::world::{Actor, With, World};
use crate::proof::Proof;

/// What is told of everybody beside whose ids were tried.
const CHANGED: &str = "nothing else is changed";
const GIVEN_AWAY: &str = "nothing of others is given away";

/// Tables that a publisher may add to.
const OF_PUBLISHERS: [&str; 9] = [
    "events",
    "deliveries",
    "batches",
    "attempts",
    "lane_hours",
    "idempotency",
    "audit",
    "audit_personal",
    "credentials",
];
/// Tables that a reader may add to: exports are recorded.
const OF_READERS: [&str; 2] = ["audit", "audit_personal"];

/// The whole run.
pub(super) struct Matrix<'m> {
    pub(super) world: &'m mut World,
    pub(super) witness: &'m mut Witness,
    pub(super) operations: &'m [Operation],
    pub(super) asked: Inquiry,
}

/// What was asked so far, and what came of it.
#[derive(Default)]
pub(super) struct Inquiry {
    pub(super) tally: Tally,
    pub(super) requests: usize,
    /// Pairs of answers that were found to be the same, each different from the others.
    pub(super) pairs: Vec<(Told, Told)>,
}

/// What came of the cases, by who asked and what for.
#[derive(Default)]
pub(super) struct Tally(BTreeMap<(usize, &'static str), (usize, Vec<String>)>);

/// One request's description, and who sends it.
struct Round<'r> {
    actor: Actor,
    /// The actor's number.
    number: usize,
    form: Form<'r>,
}

impl Matrix<'_> {
    /// Everything.
    pub(super) async fn all(&mut self) -> Result {
        for number in 0..self.world.actors.len() {
            for operation in self.operations {
                let bodies = match operation.bodies.as_slice() {
                    [] => vec![None],
                    bodies => bodies.iter().map(Some).collect(),
                };
                for body in bodies {
                    self.operation(number, operation, body).await?;
                }
            }
        }
        // When everybody has done everything.
        for number in 0..self.world.actors.len() {
            self.read_everything(number).await?;
        }
        Ok(())
    }

    async fn operation(&mut self, number: usize, operation: &Operation, body: Option<&Body>) -> Result {
        let actor = self.world.actors[number].clone();
        let positions = positions(operation, body);
        let is_used_up = !operation.is_read() || positions.iter().any(|position| position.noun == Noun::Version);
        let mut actor = actor;
        let own: Rc<Estate> = if is_used_up && operation.allows(&actor) {
            let own = self.world.another_estate(actor.tenant).await?;
            if actor.customer.is_some() {
                let admin = self.world.tenants[actor.tenant].api.clone();
                actor.api = self.world.session(&admin, &own, &actor.scopes).await?;
                actor.customer = Some(own.owner.customer.clone());
            }
            own
        } else {
            self.world.tenants[actor.tenant].estates[0].clone()
        };
        let round = Round { actor, number, form: Form { operation, body, own: &own, candidate: 0 } };
        if round.actor.with == With::Nothing && !operation.is_open() {
            return self.refused(&round, &positions).await;
        }
        let mut forbidden = None;
        for position in &positions {
            let random =
                if position.claims { self.claim(&round, position).await? } else { self.name(&round, position).await? };
            forbidden = random.filter(|random| random.status == 403);
        }
        self.own(round, forbidden).await
    }

    /// Puts the names of others where something is named. Returns the answer to a random one.
    async fn name(&mut self, round: &Round<'_>, position: &Position) -> Result<Option<Told>> {
        let names = self.names(round, position).await?;
        let before = self.witness.look().await?;
        let mut random: BTreeMap<(usize, String), Told> = BTreeMap::new();
        let mut first = None;
        for (whose, name) in names {
            // What is malformed has no form: whatever is unknown is as good.
            let form = if whose == Whose::Malformed { (0, String::new()) } else { names::form_of(&name) };
            let is_answered = random.contains_key(&form) || (whose == Whose::Malformed && first.is_some());
            if !is_answered {
                let nobodys = names::of_nobody(position.noun, &name)?;
                let (told, asked) = self.put(round, position, &nobodys).await?;
                self.asked.tally.case(
                    round.number,
                    "random",
                    refusal(round, position, &told).map(|why| format!("{asked}: {why}")),
                );
                random.insert(form.clone(), told);
            }
            let expected = random.get(&form).or(first.as_ref()).cloned().ok_or_else(|| trouble("no answer"))?;
            let (told, asked) = self.put(round, position, &name).await?;
            let wrong = compare(whose, position, &told, &expected);
            self.asked.tally.case(round.number, whose.as_str(), wrong.map(|why| format!("{asked}: {why}")));
            if whose != Whose::Malformed && told == expected {
                self.remember(&told, &expected);
            }
            first.get_or_insert(expected);
        }
        if position.place == Place::Query
            && let Some(expected) = &first
        {
            self.filter(round, position, expected).await?;
        }
        let is_recorded = round.form.operation.is_read() || is_limited(round);
        self.unchanged(round, &before, &|share| is_recorded && may_read_write(share)).await?;
        Ok(first)
    }

    /// A filter by one's own finds something, or else nothing would be proved by the others finding nothing.
    async fn filter(&mut self, round: &Round<'_>, position: &Position, expected: &Told) -> Result {
        if position.is_required || is_limited(round) || !round.form.operation.tells() {
            return Ok(());
        }
        let own = match position.noun {
            Noun::Cursor => names::cursor(&round.actor.api, &round.form).await?,
            noun => Some(round.form.own_name(noun)),
        };
        let Some(own) = own else { return Ok(()) };
        let (told, asked) = self.put(round, position, &own).await?;
        let wrong = match told.status {
            200..300 if told.body != expected.body => None,
            200..300 => Some(format!("{asked}: finds nothing, so nothing is proved")),
            status => Some(format!("{asked}: status {status}")),
        };
        self.asked.tally.case(round.number, Whose::Own.as_str(), wrong);
        Ok(())
    }

    async fn names(&mut self, round: &Round<'_>, position: &Position) -> Result<Vec<(Whose, String)>> {
        let (own, other) = (&self.world.tenants[round.actor.tenant], &self.world.tenants[1 - round.actor.tenant]);
        let mut found: Vec<(Whose, Option<String>)> = Vec::new();
        if position.noun == Noun::Cursor {
            let (operation, body) = (round.form.operation, round.form.body);
            let theirs = Form { operation, body, own: &other.estates[0], candidate: 0 };
            found.push((Whose::Foreign, names::cursor(&other.api, &theirs).await?));
            if let Some(operation) = names::another_list(self.operations, operation) {
                let list = Form { operation, body: None, own: &own.estates[0], candidate: 0 };
                found.push((Whose::AnotherList, names::cursor(&own.api, &list).await?));
            }
            if round.actor.customer.is_some() && operation.allows(&round.actor) {
                let siblings = Form { operation, body, own: &own.estates[1], candidate: 0 };
                found.push((Whose::Sibling, names::cursor(&own.sibling, &siblings).await?));
                found.push((Whose::Sibling, names::cursor(&own.api, &siblings).await?));
            }
        }
        let mut found: Vec<_> = found.into_iter().filter_map(|(whose, name)| Some((whose, name?))).collect();
        found.extend(names::of_others(position, &round.actor, own, other));
        Ok(found)
    }

    /// Gives something a name that another tenant has given. Returns the answer where nobody has.
    async fn claim(&mut self, round: &Round<'_>, position: &Position) -> Result<Option<Told>> {
        let (own, other) = (round.actor.tenant, 1 - round.actor.tenant);
        let name = marker()?;
        let theirs = Form { own: &self.world.tenants[other].estates[0].clone(), ..round.form };
        let asked = theirs.fill(Some((position, &name)), &[]);
        asked.send(&self.world.tenants[other].api).await?.ok()?;
        quiet(&self.world.tenants[other].api).await?;
        let before = self.witness.look().await?;

        let (random, asked) = self.put(round, position, &names::of_nobody(position.noun, &name)?).await?;
        let is_right = matches!(random.status, 200..300) || (is_limited(round) && random.status == 403);
        let wrong = (!is_right).then(|| format!("{asked}: status {}", random.status));
        self.asked.tally.case(round.number, "random", wrong);
        let (told, asked) = self.put(round, position, &name).await?;
        let wrong = told.difference(&random).map(|why| format!("{asked}: {why}"));
        self.asked.tally.case(round.number, Whose::Foreign.as_str(), wrong);
        self.remember(&told, &random);
        quiet(&self.world.tenants[own].api).await?;
        let is_carried_out = random.status != 403;
        self.unchanged(round, &before, &|share| is_carried_out || may_read_write(share)).await?;

        let (again, asked) = self.put(round, position, &name).await?;
        let is_told = again.difference(&random).is_some() || !is_carried_out;
        let wrong = (!is_told).then(|| format!("{asked}: a name that is given already is taken as a new one"));
        self.asked.tally.case(round.number, Whose::Own.as_str(), wrong);
        quiet(&self.world.tenants[own].api).await?;
        Ok(Some(random))
    }

    /// The request as it should be.
    async fn own(&mut self, mut round: Round<'_>, forbidden: Option<Told>) -> Result {
        let before = self.witness.look().await?;
        let mut wrong = Vec::new();
        for candidate in 0..round.form.candidates() {
            round.form.candidate = candidate;
            let asked = round.form.fill(None, &[]);
            let answer = self.send(&round, &asked).await?;
            match standing(&round, &answer, forbidden.as_ref()) {
                None => {
                    wrong.clear();
                    break;
                }
                Some(why) => wrong.push(format!("{asked}: {why}")),
            }
        }
        self.asked.tally.case(round.number, Whose::Own.as_str(), (!wrong.is_empty()).then(|| wrong.join("; ")));
        if !round.form.operation.is_read() {
            quiet(&self.world.tenants[round.actor.tenant].api).await?;
        }
        let (operation, actor) = (round.form.operation, &round.actor);
        let changes = !operation.is_read() && operation.allows(actor);
        let may_write = |share: &Share| match changes {
            true if actor.scopes == ["publish"] && !operation.is_open() => {
                OF_PUBLISHERS.contains(&share.table.as_str())
            }
            true => true,
            false => may_read_write(share),
        };
        self.unchanged(&round, &before, &may_write).await
    }

    /// Whoever is not known gets the same answer to everything.
    async fn refused(&mut self, round: &Round<'_>, positions: &[Position]) -> Result {
        let before = self.witness.look().await?;
        let asked = round.form.fill(None, &[]);
        let answer = self.send(round, &asked).await?;
        let expected = Told::of(&answer, "");
        let wrong = (expected.status != 401).then(|| format!("{asked}: status {}", expected.status));
        self.asked.tally.case(round.number, Whose::Own.as_str(), wrong);
        for position in positions {
            let mut names = names::of_others(position, &round.actor, &self.world.tenants[0], &self.world.tenants[1]);
            names.push((Whose::Own, round.form.own_name(position.noun)));
            for (whose, name) in names {
                let (told, asked) = self.put(round, position, &name).await?;
                let wrong = told.difference(&expected).map(|why| format!("{asked}: {why}"));
                self.asked.tally.case(round.number, whose.as_str(), wrong);
            }
        }
        // Who is refused and known is recorded.
        self.unchanged(round, &before, &may_read_write).await
    }

    /// Reads all pages of everything that can be read, in every form.
    async fn read_everything(&mut self, number: usize) -> Result {
        let actor = self.world.actors[number].clone();
        let own = self.world.tenants[actor.tenant].estates[0].clone();
        for operation in self.operations.iter().filter(|operation| operation.is_read()) {
            if !operation.allows(&actor) || !operation.tells() {
                continue;
            }
            let round =
                Round { actor: actor.clone(), number, form: Form { operation, body: None, own: &own, candidate: 0 } };
            for words in wordings(operation) {
                self.read_pages(&round, words).await?;
            }
        }
        Ok(())
    }

    async fn read_pages(&mut self, round: &Round<'_>, words: Vec<(&str, &str)>) -> Result {
        let mut cursor: Option<String> = None;
        loop {
            let mut words = words.clone();
            words.extend(cursor.iter().map(|cursor| ("cursor", cursor.as_str())));
            let asked = round.form.fill(None, &words);
            let answer = self.send(round, &asked).await?;
            let wrong = (!answer.is_success()).then(|| format!("{asked}: status {}", answer.status));
            self.asked.tally.case(round.number, Whose::Own.as_str(), wrong);
            cursor = answer.json()["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// Sends the request with `name` in a position.
    async fn put(&mut self, round: &Round<'_>, position: &Position, name: &str) -> Result<(Told, String)> {
        let asked = round.form.fill(Some((position, name)), &[]);
        let answer = self.send(round, &asked).await?;
        Ok((Told::of(&answer, name), asked.to_string()))
    }

    async fn send(&mut self, round: &Round<'_>, asked: &Asked) -> Result<Answer> {
        let answer = asked.send(&round.actor.api).await?;
        self.asked.requests += 1;
        let found = self.world.given_away(&round.actor, &answer, &asked.text())?;
        self.asked.tally.case(
            round.number,
            GIVEN_AWAY,
            found.map(|text| format!("{asked}: `{text}` is in the answer")),
        );
        Ok(answer)
    }

    /// Nothing of others has changed, and of one's own only what may.
    async fn unchanged(&mut self, round: &Round<'_>, before: &Picture, may: &dyn Fn(&Share) -> bool) -> Result {
        let after = self.witness.look().await?;
        let own = &self.world.tenants[round.actor.tenant].id;
        let customer = round.actor.customer.as_deref();
        let is_siblings =
            |share: &Share| customer.is_some_and(|own| !share.customer.is_empty() && share.customer != own);
        let is_wrong = |share: &&Share| share.tenant != *own || is_siblings(share) || !may(share);
        let wrong = changes(before, &after)
            .iter()
            .find(is_wrong)
            .map(|share| format!("{}: {share}", round.form.operation.name()));
        self.asked.tally.case(round.number, CHANGED, wrong);
        Ok(())
    }

    /// Keeps answers for the proof that a difference would have been noticed.
    fn remember(&mut self, told: &Told, expected: &Told) {
        if !self.asked.pairs.iter().any(|(known, _)| known == told) {
            self.asked.pairs.push((told.clone(), expected.clone()));
        }
    }
}

impl Tally {
    fn case(&mut self, actor: usize, what: &'static str, wrong: Option<String>) {
        let (tried, list) = self.0.entry((actor, what)).or_default();
        *tried += 1;
        list.extend(wrong);
    }

    pub(super) fn tell(self, world: &World, proof: &mut Proof) {
        for ((actor, what), (tried, wrong)) in self.0 {
            proof.group(format!("{}: {what}", world.actors[actor].name), tried, &wrong);
        }
    }

    /// All cases of everybody, in a row for each question.
    pub(super) fn tell_in_short(self, of: &str, proof: &mut Proof) {
        let mut by_question: BTreeMap<&str, (usize, Vec<String>)> = BTreeMap::new();
        for ((_, what), (tried, wrong)) in self.0 {
            let (all, list) = by_question.entry(what).or_default();
            *all += tried;
            list.extend(wrong);
        }
        for (what, (tried, wrong)) in by_question {
            proof.group(format!("{of}: {what}"), tried, &wrong);
        }
    }
}

/// Whether somebody is known, and may not do this.
fn is_limited(round: &Round<'_>) -> bool {
    round.actor.with != With::Nothing && !round.form.operation.allows(&round.actor)
}

/// What is wrong about the answer to a name that nobody has.
fn refusal(round: &Round<'_>, position: &Position, told: &Told) -> Option<String> {
    let is_right = match (told.status, position.place) {
        (403, _) => is_limited(round),
        // Whoever may not ask hears nothing else, but for what is wrong with the request itself.
        (404, _) => !is_limited(round),
        (400 | 422, Place::Body | Place::Query) => true,
        // A list of nothing.
        (200, Place::Query) => position.noun != Noun::Cursor,
        _ => false,
    };
    (!is_right).then(|| format!("status {}", told.status))
}

/// What is wrong about the answer to somebody's name, where `random` is the one to nobody's.
fn compare(whose: Whose, position: &Position, told: &Told, random: &Told) -> Option<String> {
    let is_told_apart = match whose {
        // It never was a name, which the asker knows; where it stands alone it is unknown like any other.
        Whose::Malformed => position.place != Place::Path && matches!(told.status, 400 | 422),
        // Lists tell what is left of it.
        Whose::Deleted => position.place == Place::Query && told.status == 200,
        _ => false,
    };
    if is_told_apart { None } else { told.difference(random) }
}

/// What is wrong about the answer to one's own.
fn standing(round: &Round<'_>, answer: &Answer, forbidden: Option<&Told>) -> Option<String> {
    if answer.is_success() && !is_limited(round) {
        return forbidden.map(|_| "allowed, where a random id was forbidden".into());
    }
    match (answer.status, forbidden) {
        (403, None) if is_limited(round) => None,
        // The same as for what is not there: the scope alone decided.
        (403, Some(forbidden)) if is_limited(round) => Told::of(answer, "").difference(forbidden),
        (status, _) => Some(format!("status {status}: {}", answer.text())),
    }
}

/// What a request that only reads may add: the record of an export.
fn may_read_write(share: &Share) -> bool {
    OF_READERS.contains(&share.table.as_str())
}

/// Every way to word the query of a list: each of the words that a parameter may be, and large pages.
fn wordings(operation: &Operation) -> Vec<Vec<(&str, &str)>> {
    let query = || operation.parameters.iter().filter(|parameter| parameter.place == Place::Query);
    let limit = query().any(|parameter| parameter.name == "limit").then_some(("limit", "200"));
    let words =
        query().flat_map(|parameter| parameter.words.iter().map(|word| (parameter.name.as_str(), word.as_str())));
    let alone: Vec<(&str, &str)> = limit.into_iter().collect();
    let worded = words.map(|word| [alone.clone(), vec![word]].concat());
    std::iter::once(alone.clone()).chain(worded).collect()
}

/// The document of a host.
pub(super) async fn document(world: &World) -> Result<Value> {
    world.host.api("").get("/openapi.json").await?.ok()
}
