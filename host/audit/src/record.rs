//! What exactly is hashed of a record, how does it follow the one before it, and how is it written in an export?

use freehold_model::audit::{Actor, AuditRecord, Chain, Digest, Opening, Personal};
use freehold_model::{AuditId, CustomerId, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::canonical::{canonical, exact};

/// The form of records. A change of what is hashed gets another number.
const FORM: u8 = 1;

/// Details of these names are what people wrote or where they are: personal, until the opposite is shown.
const PERSONAL: [&str; 7] = ["name", "message", "external_id", "email", "ip", "user_agent", "origin"];

/// The end of a chain, which the next record follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The place of the last record; 0 when there is none.
    pub seq: u64,
    /// Its hash; zeros when there is none.
    pub hash: Digest,
}

impl Head {
    /// Of a chain without records.
    pub const EMPTY: Head = Head { seq: 0, hash: Digest::ZERO };
}

/// A record that has no place in its chain yet.
#[derive(Debug, Clone)]
pub struct Draft<'d> {
    /// Names it.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: &'d Actor,
    /// What.
    pub action: &'d str,
    /// The kind and id of what was changed.
    pub target: (&'d str, &'d str),
    /// The customer whose thing it is.
    pub customer: Option<&'d CustomerId>,
    /// What changed.
    pub details: &'d Value,
    /// 32 random bytes, in case something about it is personal.
    pub salt: [u8; 32],
}

impl Draft<'_> {
    /// The record that follows `head` in `chain`.
    pub fn after(self, head: Head, chain: &Chain) -> AuditRecord {
        let (details, personal) = set_apart(self.details, self.salt);
        let mut record = AuditRecord {
            id: self.id,
            chain: chain.clone(),
            seq: head.seq + 1,
            at: self.at,
            actor: self.actor.clone(),
            action: self.action.to_owned(),
            target_kind: self.target.0.to_owned(),
            target_id: self.target.1.to_owned(),
            customer: self.customer.cloned(),
            details,
            personal,
            prev: head.hash,
            hash: Digest::ZERO,
        };
        record.hash = hash(&record);
        record
    }
}

/// The hash of `record`: SHA-256 over its canonical JSON without `hash` and `opening`.
pub fn hash(record: &AuditRecord) -> Digest {
    hash_of(&Line::of(record))
}

fn hash_of(line: &Line) -> Digest {
    let mut body = line.value();
    if let Some(object) = body.as_object_mut() {
        object.remove("hash");
        object.remove("opening");
    }
    Digest(Sha256::digest(canonical(&body)).into())
}

/// Takes what is personal out of `details`.
fn set_apart(details: &Value, salt: [u8; 32]) -> (Value, Option<Personal>) {
    let mut details = exact(details);
    let Some(object) = details.as_object_mut() else { return (details, None) };
    let mut values = Map::new();
    for name in PERSONAL {
        if object.get(name).is_some_and(|value| !value.is_null())
            && let Some(value) = object.remove(name)
        {
            values.insert(name.to_owned(), value);
        }
    }
    if values.is_empty() {
        return (details, None);
    }
    let mut fields: Vec<String> = values.keys().cloned().collect();
    fields.sort_unstable();
    let opening = Opening { salt: Digest(salt), values };
    (details, Some(Personal { fields, commitment: commitment(&opening), opening: Some(opening) }))
}

fn commitment(opening: &Opening) -> Digest {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let hmac = Hmac::<Sha256>::new_from_slice(&opening.salt.0).expect("any length will do");
    let hmac = hmac.chain_update(canonical(&Value::Object(opening.values.clone())));
    Digest(hmac.finalize().into_bytes().into())
}

/// A record as a line of an export.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    v: u8,
    pub(crate) chain: String,
    pub(crate) seq: u64,
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) actor: Actor,
    pub(crate) action: String,
    pub(crate) target: Target,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) customer: Option<String>,
    pub(crate) details: Value,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) personal: Option<Sealed>,
    pub(crate) prev: Digest,
    pub(crate) hash: Digest,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) opening: Option<Opening>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    pub(crate) kind: String,
    pub(crate) id: String,
}

/// What the hash covers of personal values.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sealed {
    fields: Vec<String>,
    commitment: Digest,
}

impl Line {
    pub(crate) fn of(record: &AuditRecord) -> Line {
        let opening = record.personal.as_ref().and_then(|personal| personal.opening.clone());
        let sealed = |personal: &Personal| Sealed { fields: personal.fields.clone(), commitment: personal.commitment };
        Line {
            v: FORM,
            chain: record.chain.to_string(),
            seq: record.seq,
            id: record.id.to_string(),
            at: record.at,
            actor: record.actor.clone(),
            action: record.action.clone(),
            target: Target { kind: record.target_kind.clone(), id: record.target_id.clone() },
            customer: record.customer.as_ref().map(ToString::to_string),
            details: record.details.clone(),
            personal: record.personal.as_ref().map(sealed),
            prev: record.prev,
            hash: record.hash,
            opening,
        }
    }

    /// In canonical form.
    pub(crate) fn text(&self) -> String {
        canonical(&self.value())
    }

    /// What is wrong with the record in itself.
    pub(crate) fn trouble(&self) -> Option<&'static str> {
        if hash_of(self) != self.hash {
            return Some("it was changed: its content does not have the hash that it says");
        }
        match (&self.personal, &self.opening) {
            (None, Some(_)) => Some("personal values were added to it"),
            (Some(sealed), Some(opening)) if !sealed.holds(opening) => {
                Some("its personal values were changed: they do not fit their commitment")
            }
            _ => None,
        }
    }

    /// Whose personal values it should hold and does not: they were erased, or taken away.
    pub(crate) fn without_values_of(&self) -> Option<&str> {
        let missing = self.personal.is_some() && self.opening.is_none();
        missing.then(|| self.customer.as_deref().unwrap_or(&self.target.id))
    }

    fn value(&self) -> Value {
        // Every field is a text, a number or JSON already, so this cannot fail.
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}

impl Sealed {
    fn holds(&self, opening: &Opening) -> bool {
        let mut named: Vec<&String> = opening.values.keys().collect();
        named.sort_unstable();
        commitment(opening) == self.commitment && named.into_iter().eq(&self.fields)
    }
}

#[cfg(test)]
mod tests {
    use freehold_model::audit::ActorKind;
    use serde_json::json;

    use super::*;

    fn record(details: &Value) -> AuditRecord {
        let actor = Actor { kind: ActorKind::Operator, id: "cli".to_owned(), request_id: None };
        let draft = Draft {
            id: "aud_01hzzzzzzzzzzzzzzzzzzzzzzz".parse().unwrap(),
            at: Timestamp::from_millis(1_795_000_000_000),
            actor: &actor,
            action: "customer.create",
            target: ("customer", "cus_01hzzzzzzzzzzzzzzzzzzzzzzz"),
            customer: None,
            details,
            salt: [9; 32],
        };
        draft.after(Head { seq: 4, hash: Digest([4; 32]) }, &Chain::Deployment)
    }

    /// The hash is of bytes that anybody can write down; Python's `hashlib` gives the same for them.
    #[test]
    fn the_hash_is_sha_256_over_the_canonical_record() {
        let record = record(&json!({ "destinations": 2 }));

        let zeros = "04".repeat(32);
        let body = format!(
            "{{\"action\":\"customer.create\",\"actor\":{{\"id\":\"cli\",\"kind\":\"operator\"}},\
             \"at\":\"2026-11-18T11:06:40.000Z\",\"chain\":\"deployment\",\"details\":{{\"destinations\":2}},\
             \"id\":\"aud_01hzzzzzzzzzzzzzzzzzzzzzzz\",\"prev\":\"{zeros}\",\"seq\":5,\
             \"target\":{{\"id\":\"cus_01hzzzzzzzzzzzzzzzzzzzzzzz\",\"kind\":\"customer\"}},\"v\":1}}"
        );
        assert_eq!(record.hash, Digest(Sha256::digest(body).into()));
    }

    #[test]
    fn names_are_kept_beside_the_record_and_the_rest_in_it() {
        let details = json!({ "name": "Ada", "external_id": null, "role": "admin", "part": 0.5 });

        let record = record(&details);

        assert_eq!(record.details, json!({ "external_id": null, "role": "admin", "part": "0.5" }));
        assert_eq!(record.full_details()["name"], "Ada");
        assert_eq!(record.personal.as_ref().map(|personal| personal.fields.clone()), Some(vec!["name".to_owned()]));
        assert!(!Line::of(&AuditRecord { personal: erased(&record), ..record.clone() }).text().contains("Ada"));
    }

    #[test]
    fn erasing_values_keeps_the_hash() {
        let whole = record(&json!({ "name": "Ada" }));

        let erased = AuditRecord { personal: erased(&whole), ..whole.clone() };

        assert_eq!(hash(&erased), whole.hash);
        assert_eq!(Line::of(&erased).trouble(), None);
        assert_eq!(erased.erased(), ["name"]);
        assert_eq!(Line::of(&erased).without_values_of(), Some("cus_01hzzzzzzzzzzzzzzzzzzzzzzz"));
    }

    #[test]
    fn changed_values_do_not_fit_their_commitment() {
        let mut line = Line::of(&record(&json!({ "name": "Ada" })));
        assert_eq!(line.trouble(), None);

        let opening = line.opening.as_mut().unwrap();
        opening.values.insert("name".to_owned(), json!("Bea"));

        assert!(line.trouble().is_some_and(|trouble| trouble.contains("personal values")));
    }

    fn erased(record: &AuditRecord) -> Option<Personal> {
        record.personal.clone().map(|personal| Personal { opening: None, ..personal })
    }
}
