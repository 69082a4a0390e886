//! Would a leak have been noticed? What the matrix compares, counts and searches is spoiled here in every way, and each time
//! it has to object.

use std::collections::BTreeSet;

use freehold_tests::{Answer, Result};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::judge::Told;
use super::witness::{Driver, Witness, changes};
use super::world::World;
use super::{document, meaning};
use crate::proof::Proof;

pub(super) async fn prove(
    served: &Value,
    pairs: &[(Told, Told)],
    world: &mut World,
    witness: &mut Witness,
    proof: &mut Proof,
) -> Result {
    bytes(pairs, proof);
    entries(served, proof);
    additions(served, proof);
    markers(world, proof)?;
    rows(world, witness, proof).await
}

/// Each byte of each answer that was found to be the same.
fn bytes(pairs: &[(Told, Told)], proof: &mut Proof) {
    let (mut tried, mut missed) = (0, Vec::new());
    let mut spoil = |what: String, told: &Told, expected: &Told| {
        tried += 1;
        missed.extend(told.difference(expected).is_none().then_some(what));
    };
    for (told, expected) in pairs {
        let another_status = Told { status: told.status + 1, ..told.clone() };
        spoil(format!("status {}", told.status), &another_status, expected);
        for place in 0..told.body.len() {
            let mut spoiled = told.clone();
            spoiled.body[place] ^= 1;
            spoil(format!("byte {place} of {}", String::from_utf8_lossy(&told.body)), &spoiled, expected);
        }
        for (index, (name, value)) in told.headers.iter().enumerate() {
            let mut fewer = told.clone();
            fewer.headers.remove(index);
            spoil(format!("without header {name}"), &fewer, expected);
            for place in 0..value.len() {
                let mut spoiled = told.clone();
                spoiled.headers[index].1[place] ^= 1;
                spoil(format!("byte {place} of header {name}"), &spoiled, expected);
            }
        }
    }
    proof.group("noticed: a changed byte of an answer", tried, &missed);
}

/// Each entry of the table that stands for an id.
fn entries(served: &Value, proof: &mut Proof) {
    let table = meaning::table();
    let (mut tried, mut missed) = (0, Vec::new());
    for index in (0..table.len()).filter(|index| table[*index].meaning().is_of_somebody()) {
        let mut fewer = table.clone();
        let removed = fewer.remove(index);
        tried += 1;
        missed.extend(document::read(served, &fewer).uncovered.is_empty().then(|| removed.to_string()));
    }
    proof.group("noticed: an entry is missing from the table", tried, &missed);
}

/// Routes, parameters and fields that somebody could add.
fn additions(served: &Value, proof: &mut Proof) {
    let table = meaning::table();
    let (mut tried, mut missed) = (0, Vec::new());
    let mut spoil = |what: String, spoiled: &Value| {
        tried += 1;
        missed.extend(document::read(spoiled, &table).uncovered.is_empty().then_some(what));
    };
    let text = json!({ "type": "string" });
    let mut more = served.clone();
    more["paths"]["/v1/invoices/{invoice}"] = json!({ "get": { "responses": {} } });
    spoil("a route whose parameter is not described".into(), &more);
    let parameter = json!({ "name": "invoice", "in": "path", "required": true, "schema": text });
    more["paths"]["/v1/invoices/{invoice}"]["get"]["parameters"] = json!([parameter]);
    spoil("a route".into(), &more);
    for (path, item) in served["paths"].as_object().into_iter().flatten() {
        for method in item.as_object().into_iter().flatten().map(|(method, _)| method) {
            for place in ["query", "header", "cookie"] {
                let mut more = served.clone();
                let operation = &mut more["paths"][path][method];
                let parameter = json!({ "name": "team", "in": place, "schema": text });
                match operation["parameters"].as_array_mut() {
                    Some(list) => list.push(parameter),
                    None => operation["parameters"] = json!([parameter]),
                }
                spoil(format!("{method} {path}: a {place} parameter"), &more);
            }
        }
    }
    for schema in schemas_of_bodies(served) {
        for (name, kind) in [
            ("parent", text.clone()),
            ("parents", json!({ "type": "array", "items": text })),
            ("parent_id", json!({ "type": "integer" })),
        ] {
            let mut more = served.clone();
            more["components"]["schemas"][&schema]["properties"][name] = kind;
            spoil(format!("a field `{name}` of {schema}"), &more);
        }
    }
    proof.group("noticed: a new route, parameter or field", tried, &missed);
}

/// The schemas with fields that bodies of requests are made of.
fn schemas_of_bodies(served: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let operations = served["paths"].as_object().into_iter().flatten().flat_map(|(_, item)| item.as_object()).flatten();
    let mut open: Vec<&Value> = operations.map(|(_, operation)| &operation["requestBody"]).collect();
    while let Some(value) = open.pop() {
        match value {
            Value::Object(object) => open.extend(object.values()),
            Value::Array(list) => open.extend(list),
            Value::String(text) => {
                let Some(name) = text.strip_prefix("#/components/schemas/") else { continue };
                let schema = &served["components"]["schemas"][name];
                if !found.contains(name) {
                    open.push(schema);
                }
                if schema["properties"].is_object() {
                    found.insert(name.to_owned());
                }
            }
            _ => {}
        }
    }
    found
}

/// Each marker of another tenant, in a body and in a header.
fn markers(world: &mut World, proof: &mut Proof) -> Result {
    let actor = world.actors[0].clone();
    let foreign = world.markers_of(1 - actor.tenant);
    let (mut tried, mut missed) = (0, Vec::new());
    for text in foreign {
        let mut headers = HeaderMap::new();
        headers.insert("x-spoiled", HeaderValue::from_str(&text)?);
        let in_header = Answer { status: 200, headers, body: "{}".into() };
        let body = format!("{{\"data\":[{{\"of\":\"{text}\"}}]}}");
        let in_body = Answer { status: 200, headers: HeaderMap::new(), body: body.into() };
        for answer in [in_header, in_body] {
            tried += 1;
            missed.extend(world.given_away(&actor, &answer, "")?.is_none().then(|| text.clone()));
        }
    }
    proof.group("noticed: a marker of another tenant in an answer", tried, &missed);
    Ok(())
}

/// Each column of each table of a copy; on Postgres, each table.
async fn rows(world: &World, witness: &mut Witness, proof: &mut Proof) -> Result {
    let (mut tried, mut missed) = (0, Vec::new());
    let copy = world.host.data().join("copy.db");
    let mut copied = match &mut witness.driver {
        Driver::Postgres(_) => None,
        Driver::Sqlite(_) => {
            witness.driver.run(&format!("VACUUM INTO '{}'", copy.display())).await?;
            Some(Witness::of_file(&copy).await?)
        }
    };
    let spoiled = copied.as_mut().unwrap_or(witness);
    let statements = spoiled.spoiling().await?;
    let before = spoiled.look_again().await?;
    for statement in statements {
        spoiled.begin().await?;
        let changed = spoiled.driver.run(&statement).await?;
        let noticed = !changes(&before, &spoiled.look_again().await?).is_empty();
        spoiled.driver.run("ROLLBACK").await?;
        if changed > 0 {
            tried += 1;
            missed.extend((!noticed).then_some(statement));
        }
    }
    proof.group("noticed: a changed row of a table", tried, &missed);
    Ok(())
}

impl Witness {
    /// Statements that each change something.
    async fn spoiling(&mut self) -> Result<Vec<String>> {
        let columns = self.driver.columns().await?;
        if let Driver::Postgres(_) = &self.driver {
            return Ok(columns.iter().map(|(table, _)| format!("DELETE FROM freehold.{table}")).collect());
        }
        // What keeps rows as they are is not what is tried here.
        let triggers = "SELECT group_concat('DROP TRIGGER ' || name, ';') FROM sqlite_schema WHERE type = 'trigger'";
        let drop_them = self.driver.text(triggers).await?;
        self.driver.run(&drop_them).await?;
        self.driver.run("PRAGMA ignore_check_constraints = ON").await?;
        let changing = |table: &str, column: &str| {
            format!(
                "UPDATE {table} SET {column} = CASE typeof({column}) WHEN 'text' THEN {column} || 'x'
                    WHEN 'integer' THEN {column} + 1000000 ELSE randomblob(length({column})) END
                    WHERE {column} IS NOT NULL"
            )
        };
        let all = columns.iter().flat_map(|(table, columns)| columns.iter().map(move |column| (table, column)));
        let watched = all.filter(|(table, column)| !super::witness::is_left_out(table, column));
        let changes = watched.map(|(table, column)| changing(table, column));
        let removals = columns.iter().map(|(table, _)| format!("DELETE FROM {table}"));
        Ok(changes.chain(removals).collect())
    }

    async fn begin(&mut self) -> Result {
        self.driver.run("BEGIN").await?;
        if let Driver::Postgres(_) = &self.driver {
            // Neither references nor triggers keep an administrator from it.
            self.driver.run("SET LOCAL session_replication_role = replica").await?;
        }
        Ok(())
    }
}
