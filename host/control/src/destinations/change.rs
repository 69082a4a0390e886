//! Changes a destination by a JSON Merge Patch (RFC 7396) of its name, config, subscription and settings.

use freehold_model::destination::{Destination, DestinationChange};
use freehold_model::permission::Permission;
use serde::Deserialize;
use serde_json::{Value, json};

use super::check::{self, Checked, Wish};
use super::{KIND, lane};
use crate::Control;
use crate::caller::Caller;
use crate::decode::{self, Object};
use crate::error::{ControlError, Problem};
use crate::merge_patch;
use crate::settings::{self, SettingsDraft};

/// What of a destination can be patched.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    config: Object<serde_json::Map<String, Value>>,
    #[serde(default)]
    subscription: Option<Vec<String>>,
    #[serde(default)]
    settings: Object<SettingsDraft>,
}

impl Control {
    /// Applies `patch` to a destination. A new config ends a pause that the old one caused.
    ///
    /// # Errors
    /// When the caller may not manage destinations, there is no such destination, the result is wrong (all of it is told), or the store
    /// fails. Nothing is changed then.
    pub async fn change_destination(
        &self,
        caller: &Caller,
        id: &str,
        patch: Value,
    ) -> Result<Destination, ControlError> {
        let scope = caller.require(Permission::Manage)?;
        let _changing = self.0.changing.lock().await;
        let current = self.find_destination(scope, id).await?;
        let destination_type = self.type_of(&current).await?;
        let document = patched(&current, patch).map_err(|problem| ControlError::Invalid(vec![problem]))?;
        let config = Value::Object(document.config.0);
        let wish = Wish {
            name: &document.name,
            config: &config,
            subscription: document.subscription.as_deref(),
            settings: &document.settings.0,
        };
        let checked = check::check(&wish, &destination_type, self.parts().sandbox.door(), Vec::new())?;
        let changed_config = changed_config_fields(&current.config, &config);
        let change = difference(&current, checked, config);
        if change == DestinationChange::default() {
            return Ok(current);
        }
        let details = details(&change, &changed_config);
        let entry = caller.entry("destination.update", (KIND, current.id.as_str()), Some(&current.customer), details);
        let updated = self.store().update_destination(scope, &current.id, &change, &entry).await;
        let updated = updated.map_err(ControlError::of(KIND))?;
        if change.config.is_some() {
            self.parts().lanes.retire(&lane(&updated));
        }
        self.parts().lanes.wake(&lane(&updated));
        Ok(updated)
    }
}

/// `current` as a document, with `patch` applied to it.
fn patched(current: &Destination, patch: Value) -> Result<Document, Problem> {
    let Value::Object(fields) = &patch else {
        return Err(Problem::new("", "must be an object: a JSON merge patch (RFC 7396)"));
    };
    if let Some(problem) = fields.keys().find_map(|field| unpatchable(field)) {
        return Err(problem);
    }
    let mut document = json!({
        "name": current.name,
        "config": current.config,
        "subscription": current.subscription,
        "settings": settings::to_json(&current.settings),
    });
    merge_patch::apply(&mut document, patch);
    decode::from_value(document)
}

/// Where to go instead, for fields that a destination has but a patch cannot change.
fn unpatchable(field: &str) -> Option<Problem> {
    let message = match field {
        "type" | "customer" | "id" => "cannot be changed; make another destination",
        "credential" => "cannot be patched; replace it with PUT /v1/destinations/{id}/credential",
        "state" => "cannot be patched; use /v1/destinations/{id}/pause and /resume",
        _ => return None,
    };
    Some(Problem::new(format!("/{field}"), message))
}

fn difference(current: &Destination, wanted: Checked, config: Value) -> DestinationChange {
    DestinationChange {
        name: (wanted.name != current.name).then_some(wanted.name),
        config: (config != current.config).then_some(config),
        subscription: (wanted.subscription != current.subscription).then_some(wanted.subscription),
        settings: (wanted.settings != current.settings).then_some(wanted.settings),
    }
}

/// The names of the config's fields that differ, but not their values: a webhook's URL may carry a token of its own.
fn changed_config_fields(before: &Value, after: &Value) -> Vec<String> {
    let names = |config: &Value| config.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>());
    let mut all: Vec<String> = [before, after].into_iter().filter_map(names).flatten().collect();
    all.sort_unstable();
    all.dedup();
    all.retain(|name| before.get(name) != after.get(name));
    all
}

fn details(change: &DestinationChange, changed_config: &[String]) -> Value {
    let mut details = serde_json::Map::new();
    if let Some(name) = &change.name {
        details.insert("name".to_owned(), json!(name));
    }
    if change.config.is_some() {
        details.insert("config_fields".to_owned(), json!(changed_config));
    }
    if let Some(subscription) = &change.subscription {
        details.insert("subscription".to_owned(), json!(subscription));
    }
    if let Some(settings) = &change.settings {
        details.insert("settings".to_owned(), json!(settings));
    }
    Value::Object(details)
}

#[cfg(test)]
mod tests {
    use freehold_model::Timestamp;
    use freehold_model::destination::{DeliverySettings, DestinationState};
    use freehold_model::retry::RetryPolicy;
    use freehold_model::subscription::EventPattern;

    use super::*;

    fn destination() -> Destination {
        Destination {
            id: "dst_01hzzzzzzzzzzzzzzzzzzzzzzz".parse().unwrap(),
            tenant: "ten_01hzzzzzzzzzzzzzzzzzzzzzzz".parse().unwrap(),
            customer: "cus_01hzzzzzzzzzzzzzzzzzzzzzzz".parse().unwrap(),
            name: "Warehouse".to_owned(),
            type_name: "webhook".to_owned(),
            component_digest: None,
            former_digest: None,
            config: json!({"url": "https://example.com/", "headers": {"a": "1"}}),
            config_version: 1,
            credential_version: None,
            subscription: vec![EventPattern::parse("*").unwrap()],
            settings: DeliverySettings {
                batch_events: 7,
                batch_bytes: 0,
                batch_age_ms: 0,
                concurrency: 0,
                retry: RetryPolicy::default(),
            },
            state: DestinationState::Active,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
        }
    }

    fn pointer(patch: Value) -> String {
        patched(&destination(), patch).map(|_| ()).unwrap_err().pointer
    }

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let document = patched(&destination(), json!({"config": {"headers": {"b": "2"}}})).unwrap();

        assert_eq!(document.name, "Warehouse");
        let config = Value::Object(document.config.0);
        assert_eq!(config, json!({"url": "https://example.com/", "headers": {"a": "1", "b": "2"}}));
        assert_eq!(document.settings.0.batch_events, Some(7));
    }

    #[test]
    fn null_removes_a_setting() {
        let document = patched(&destination(), json!({"settings": {"batch_events": null}})).unwrap();

        assert_eq!(document.settings.0.batch_events, None);
    }

    #[test]
    fn what_cannot_be_patched_is_named() {
        assert_eq!(pointer(json!({"type": "s3"})), "/type");
        assert_eq!(pointer(json!({"credential": {"secret": "x"}})), "/credential");
        assert_eq!(pointer(json!({"colour": "red"})), "/colour");
        assert_eq!(pointer(json!({"name": null})), "/name");
        assert_eq!(pointer(json!({"config": 5})), "/config");
        assert_eq!(pointer(json!({"settings": {"retry": []}})), "/settings/retry");
        assert_eq!(pointer(json!([])), "");
    }

    #[test]
    fn the_audit_log_hears_which_config_fields_changed_but_not_their_values() {
        let before = json!({"url": "https://a.example/", "same": 1, "gone": 2});
        let after = json!({"url": "https://b.example/", "same": 1, "new": 3});

        assert_eq!(changed_config_fields(&before, &after), ["gone", "new", "url"]);
    }
}
