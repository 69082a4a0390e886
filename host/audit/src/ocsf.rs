//! How is a record written for a SIEM? As an event of the Open Cybersecurity Schema Framework 1.6.0, class Entity
//! Management (3004): what happened to a managed entity, and who did it.

use freehold_model::audit::{ActorKind, AuditRecord};
use serde_json::{Value, json};

use crate::canonical::canonical;

const VERSION: &str = "1.6.0";
const CATEGORY: u32 = 3;
const CLASS: u32 = 3004;

/// A record as an event.
pub(crate) fn event(record: &AuditRecord) -> Value {
    let (activity, activity_name) = activity(&record.action);
    let details = record.full_details();
    let mut entity = json!({ "uid": record.target_id, "type": record.target_kind, "data": details });
    if let Some(name) = details["name"].as_str() {
        entity["name"] = json!(name);
    }
    let mut metadata = json!({
        "version": VERSION,
        "product": { "name": "Freehold", "vendor_name": "Freehold", "version": env!("CARGO_PKG_VERSION") },
        "uid": record.id,
        "sequence": record.seq,
        "tenant_uid": record.chain.as_str(),
        "event_code": record.action,
        "log_name": "audit",
        "original_time": record.at,
    });
    if let Some(request) = &record.actor.request_id {
        metadata["correlation_uid"] = json!(request);
    }
    let mut unmapped = json!({ "hash": record.hash, "prev": record.prev });
    if let Some(customer) = &record.customer {
        unmapped["customer"] = json!(customer);
    }
    json!({
        "category_uid": CATEGORY,
        "category_name": "Identity & Access Management",
        "class_uid": CLASS,
        "class_name": "Entity Management",
        "activity_id": activity,
        "activity_name": activity_name,
        "type_uid": CLASS * 100 + activity,
        "type_name": format!("Entity Management: {activity_name}"),
        "severity_id": 1,
        "severity": "Informational",
        "status_id": 1,
        "status": "Success",
        "time": record.at.millis(),
        "message": format!("{} {}", record.action, record.target_id),
        "actor": actor(record),
        "entity": entity,
        "metadata": metadata,
        "unmapped": unmapped,
    })
}

/// A record as a line of JSON.
pub(crate) fn line(record: &AuditRecord) -> String {
    let mut line = canonical(&event(record));
    line.push('\n');
    line
}

/// What the class calls the activity, by the last word of the action.
fn activity(action: &str) -> (u32, &str) {
    match action.rsplit('.').next().unwrap_or_default() {
        "create" | "add" => (1, "Create"),
        "export" | "read" => (2, "Read"),
        "update" | "replace" | "rotate" => (3, "Update"),
        "delete" | "erase" => (4, "Delete"),
        "cutover" | "rollback" => (10, "Activate"),
        "revoke" | "retire" => (11, "Deactivate"),
        "pause" => (12, "Suspend"),
        "resume" => (13, "Resume"),
        _ => (99, action),
    }
}

fn actor(record: &AuditRecord) -> Value {
    let (kind_id, kind) = match record.actor.kind {
        ActorKind::Operator => (2, "Admin"),
        ActorKind::System => (3, "System"),
        ActorKind::PortalSession => (99, "Portal session"),
        ActorKind::ApiKey => (99, "API key"),
    };
    json!({ "user": { "uid": record.actor.id, "type_id": kind_id, "type": kind }, "app_name": "Freehold" })
}

#[cfg(test)]
mod tests {
    use freehold_model::Timestamp;
    use freehold_model::audit::{Actor, Chain};

    use super::*;
    use crate::record::{Draft, Head};

    /// The published schema of the class, with all objects that it refers to.
    const SCHEMA: &str = include_str!("../../../tests/data/ocsf-1.6.0-entity-management.schema.json");

    fn check(kind: ActorKind, action: &str, activity: u32) {
        let schema = jsonschema::validator_for(&serde_json::from_str(SCHEMA).unwrap()).unwrap();
        let actor = Actor { kind, id: "key_1".to_owned(), request_id: Some("req_1".to_owned()) };
        let customer = "cus_01hzzzzzzzzzzzzzzzzzzzzzzz".parse().unwrap();
        let draft = Draft {
            id: "aud_01hzzzzzzzzzzzzzzzzzzzzzzz".parse().unwrap(),
            at: Timestamp::from_millis(1_795_000_000_000),
            actor: &actor,
            action,
            target: ("destination", "dst_1"),
            customer: Some(&customer),
            details: &json!({ "name": "orders", "version": 3, "fields": ["a"] }),
            salt: [1; 32],
        };

        let event = event(&draft.after(Head::EMPTY, &Chain::Deployment));

        let errors: Vec<String> =
            schema.iter_errors(&event).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{action}: {errors:#?}\n{event:#}");
        assert_eq!(event["activity_id"], activity, "{action}");
        assert_eq!(event["type_uid"], 300_400 + activity, "{action}");
    }

    #[test]
    fn every_event_fits_the_published_schema() {
        check(ActorKind::ApiKey, "destination.create", 1);
        check(ActorKind::ApiKey, "destination.update", 3);
        check(ActorKind::ApiKey, "credential.replace", 3);
        check(ActorKind::Operator, "customer.delete", 4);
        check(ActorKind::System, "destination.pause", 12);
        check(ActorKind::System, "attempts.digest", 99);
    }

    #[test]
    fn the_schema_refuses_what_is_no_event() {
        let schema = jsonschema::validator_for(&serde_json::from_str(SCHEMA).unwrap()).unwrap();

        assert!(!schema.is_valid(&json!({ "class_uid": CLASS })));
    }
}
