//! How a destination's deliveries are batched and retried: what may be asked for, and within which bounds.

use freehold_model::destination::DeliverySettings;
use freehold_model::retry::RetryPolicy;
use freehold_sandbox::Manifest;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::decode::Object;
use crate::error::Problem;

/// Batches of one destination at once: more only queue up at the destination's own door.
const CONCURRENCY_MAX: u32 = 64;
/// The least batch in bytes: below it, nearly every event would travel alone.
const BATCH_BYTES_MIN: u32 = 1_024;
/// The longest that an event may wait for company: an hour, the coarsest layout that people give their buckets.
const BATCH_AGE_MS_MAX: u32 = 3_600_000;
/// The longest wait between two tries: a day, so that a mended destination is noticed the next day at the latest.
const RETRY_CAP_MS_MAX: u64 = 24 * 3600 * 1000;
/// The longest that retries may go on: 30 days, as long as receivers are asked to remember what they have seen.
const GIVE_UP_AFTER_MS_MAX: u64 = 30 * 24 * 3600 * 1000;

/// Settings as they are asked for: what is missing is as the destination type, or Freehold, says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SettingsDraft {
    /// Events in one batch at most.
    pub batch_events: Option<u32>,
    /// Bytes of event data in one batch at most.
    pub batch_bytes: Option<u32>,
    /// How long the first event of a batch may wait for more, in milliseconds.
    pub batch_age_ms: Option<u32>,
    /// Batches under way at the same time at most.
    pub concurrency: Option<u32>,
    /// How failures are retried.
    pub retry: Object<RetryDraft>,
}

/// A retry policy as it is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryDraft {
    /// Upper bound of the first wait, in milliseconds.
    pub base_ms: Option<u64>,
    /// Upper bound of any wait, in milliseconds.
    pub cap_ms: Option<u64>,
    /// How long after the first attempt retries go on, in milliseconds.
    pub give_up_after_ms: Option<u64>,
}

/// The settings that `draft` asks for, for a destination of the type that `manifest` describes.
pub(crate) fn check(draft: &SettingsDraft, manifest: &Manifest, problems: &mut Vec<Problem>) -> DeliverySettings {
    let batch = manifest.batch;
    let settings = DeliverySettings {
        batch_events: bounded("/settings/batch_events", draft.batch_events, 1, batch.events, problems),
        batch_bytes: bounded("/settings/batch_bytes", draft.batch_bytes, BATCH_BYTES_MIN, batch.bytes, problems),
        batch_age_ms: bounded("/settings/batch_age_ms", draft.batch_age_ms, 1, BATCH_AGE_MS_MAX, problems),
        concurrency: bounded("/settings/concurrency", draft.concurrency, 1, CONCURRENCY_MAX, problems),
        retry: check_retry(&draft.retry.0, problems),
    };
    if settings.concurrency > 1 && manifest.batches_at_once() == 1 {
        let message = format!("must be 1: `{}` keeps events in order, one batch at a time", manifest.name);
        problems.push(Problem::new("/settings/concurrency", message));
    }
    settings
}

/// `settings` as the JSON that would ask for them, without what is as the type says.
pub(crate) fn to_json(settings: &DeliverySettings) -> Value {
    let mut object = Map::new();
    let numbers = [
        ("batch_events", settings.batch_events),
        ("batch_bytes", settings.batch_bytes),
        ("batch_age_ms", settings.batch_age_ms),
        ("concurrency", settings.concurrency),
    ];
    object.extend(numbers.into_iter().filter(|(_, n)| *n > 0).map(|(name, n)| (name.to_owned(), json!(n))));
    object.insert("retry".to_owned(), json!(settings.retry));
    Value::Object(object)
}

fn check_retry(draft: &RetryDraft, problems: &mut Vec<Problem>) -> RetryPolicy {
    let usual = RetryPolicy::default();
    let cap_ms = draft.cap_ms.unwrap_or(usual.cap_ms);
    let policy = RetryPolicy {
        base_ms: draft.base_ms.unwrap_or(usual.base_ms.min(cap_ms)),
        cap_ms,
        give_up_after_ms: draft.give_up_after_ms.unwrap_or(usual.give_up_after_ms),
    };
    let mut refuse = |field: &str, message: String| {
        problems.push(Problem::new(format!("/settings/retry/{field}"), message));
    };
    if !(1..=RETRY_CAP_MS_MAX).contains(&policy.cap_ms) {
        refuse("cap_ms", format!("must be 1 to {RETRY_CAP_MS_MAX} (24 hours)"));
    } else if !(1..=policy.cap_ms).contains(&policy.base_ms) {
        refuse("base_ms", format!("must be 1 to {}, the value of `cap_ms`", policy.cap_ms));
    }
    if policy.give_up_after_ms > GIVE_UP_AFTER_MS_MAX {
        refuse("give_up_after_ms", format!("must be at most {GIVE_UP_AFTER_MS_MAX} (30 days)"));
    }
    policy
}

/// `asked` if it is within bounds; 0, which means "as the type says", if nothing was asked for.
fn bounded(pointer: &str, asked: Option<u32>, min: u32, max: u32, problems: &mut Vec<Problem>) -> u32 {
    match asked {
        None => 0,
        Some(number) if (min..=max).contains(&number) => number,
        Some(_) => {
            problems.push(Problem::new(pointer, format!("must be {min} to {max}")));
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use freehold_sandbox::BatchLimits;

    use super::*;

    fn manifest() -> Manifest {
        serde_json::from_value(json!({
            "name": "sample", "version": "1.0.0", "label": "Sample", "description": "For tests.",
            "config": {}, "credential": {}, "endpoints": ["{url}"],
            "batch": BatchLimits { events: 100, bytes: 1_000_000, age_ms: 0 },
        }))
        .unwrap()
    }

    fn pointers(draft: Value) -> Vec<String> {
        let mut problems = Vec::new();
        check(&serde_json::from_value(draft).unwrap(), &manifest(), &mut problems);
        problems.into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn what_is_not_asked_for_is_as_the_type_says() {
        let mut problems = Vec::new();

        let settings = check(&SettingsDraft::default(), &manifest(), &mut problems);

        assert_eq!(problems, []);
        assert_eq!((settings.batch_events, settings.concurrency), (0, 0));
        assert_eq!(settings.retry, RetryPolicy::default());
    }

    #[test]
    fn each_number_out_of_bounds_is_named() {
        assert_eq!(pointers(json!({"batch_events": 101})), ["/settings/batch_events"]);
        assert_eq!(pointers(json!({"batch_events": 0})), ["/settings/batch_events"]);
        assert_eq!(pointers(json!({"batch_bytes": 10})), ["/settings/batch_bytes"]);
        assert_eq!(pointers(json!({"batch_age_ms": 3_600_001})), ["/settings/batch_age_ms"]);
        assert_eq!(pointers(json!({"batch_age_ms": 0})), ["/settings/batch_age_ms"]);
        assert_eq!(pointers(json!({"concurrency": 65})), ["/settings/concurrency"]);
        assert_eq!(pointers(json!({"retry": {"base_ms": 0}})), ["/settings/retry/base_ms"]);
        assert_eq!(pointers(json!({"retry": {"cap_ms": 1, "base_ms": 2}})), ["/settings/retry/base_ms"]);
        assert_eq!(pointers(json!({"retry": {"cap_ms": 1}})), Vec::<String>::new());
        assert_eq!(pointers(json!({"retry": {"give_up_after_ms": u64::MAX}})), ["/settings/retry/give_up_after_ms"]);
    }

    #[test]
    fn settings_written_as_json_ask_for_themselves() {
        let mut problems = Vec::new();
        let draft = json!({"batch_events": 5, "retry": {"base_ms": 7}});
        let settings = check(&serde_json::from_value(draft).unwrap(), &manifest(), &mut problems);

        let again: SettingsDraft = serde_json::from_value(to_json(&settings)).unwrap();

        assert_eq!(check(&again, &manifest(), &mut problems), settings);
        assert_eq!(problems, []);
    }
}
