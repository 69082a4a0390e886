//! Is what somebody asks of a destination something that can be? Collects every problem, so that a form shows them all.

use freehold_model::destination::DeliverySettings;
use freehold_model::limits;
use freehold_model::subscription::EventPattern;
use freehold_sandbox::Description;
use freehold_sandbox::egress::Door;
use serde_json::Value;

use crate::error::{ControlError, Problem, refuse_if_any};
use crate::settings::{self, SettingsDraft};
use crate::{destinations::egress_shape, names};

/// Everything about a destination but its type and credential, as asked for.
pub(super) struct Wish<'a> {
    pub(super) name: &'a str,
    pub(super) config: &'a Value,
    pub(super) subscription: Option<&'a [String]>,
    pub(super) settings: &'a SettingsDraft,
}

/// The same, found good.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) name: String,
    pub(super) subscription: Vec<EventPattern>,
    pub(super) settings: DeliverySettings,
}

/// Checks `wish` against what `destination_type` allows. `problems` are those that were found before.
pub(super) fn check(
    wish: &Wish<'_>,
    destination_type: &Description,
    door: &Door,
    mut problems: Vec<Problem>,
) -> Result<Checked, ControlError> {
    let name = names::name("/name", wish.name).map_err(|problem| problems.push(problem)).unwrap_or_default();
    check_config(wish.config, destination_type, door, &mut problems);
    let subscription = check_subscription(wish.subscription, &mut problems);
    let settings = settings::check(wish.settings, destination_type.manifest(), &mut problems);
    refuse_if_any(problems)?;
    Ok(Checked { name, subscription, settings })
}

/// Adds what is wrong with `config` under a type to `problems`.
pub(crate) fn check_config(config: &Value, destination_type: &Description, door: &Door, problems: &mut Vec<Problem>) {
    if config.to_string().len() > limits::CONFIG_BYTES_MAX {
        problems.push(Problem::new("/config", "must have at most 64 KiB"));
        return;
    }
    let violations = destination_type.check_config(config);
    let fits = violations.is_empty();
    problems.extend(
        violations.into_iter().map(|broken| Problem::new(format!("/config{}", broken.pointer), broken.message)),
    );
    if fits {
        problems.extend(egress_shape::problems(&destination_type.manifest().endpoints, config, door));
    }
}

fn check_subscription(patterns: Option<&[String]>, problems: &mut Vec<Problem>) -> Vec<EventPattern> {
    let Some(patterns) = patterns else { return EventPattern::parse("*").into_iter().collect() };
    if patterns.is_empty() {
        problems.push(Problem::new("/subscription", "must have at least one pattern; `*` stands for every event"));
    }
    if patterns.len() > limits::SUBSCRIPTION_PATTERNS_MAX {
        let message = format!("must have at most {} patterns", limits::SUBSCRIPTION_PATTERNS_MAX);
        problems.push(Problem::new("/subscription", message));
        return Vec::new();
    }
    let mut parsed: Vec<EventPattern> = Vec::with_capacity(patterns.len());
    for (position, text) in patterns.iter().enumerate() {
        match EventPattern::parse(text) {
            Ok(pattern) if parsed.contains(&pattern) => {
                problems.push(Problem::new(format!("/subscription/{position}"), "appears twice"));
            }
            Ok(pattern) => parsed.push(pattern),
            Err(error) => problems.push(Problem::new(format!("/subscription/{position}"), error.to_string())),
        }
    }
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(patterns: &[&str]) -> Result<Vec<String>, Vec<String>> {
        let owned: Vec<String> = patterns.iter().map(|&text| text.to_owned()).collect();
        let mut problems = Vec::new();
        let parsed = check_subscription(Some(&owned), &mut problems);
        if problems.is_empty() {
            Ok(parsed.iter().map(ToString::to_string).collect())
        } else {
            Err(problems.into_iter().map(|problem| problem.pointer).collect())
        }
    }

    #[test]
    fn a_destination_gets_every_event_unless_it_says_otherwise() {
        let mut problems = Vec::new();

        let patterns = check_subscription(None, &mut problems);

        assert_eq!(patterns, [EventPattern::parse("*").unwrap()]);
        assert_eq!(problems, []);
    }

    #[test]
    fn each_broken_pattern_is_named() {
        assert_eq!(subscription(&["invoice.*", "user.**"]), Ok(vec!["invoice.*".to_owned(), "user.**".to_owned()]));
        assert_eq!(subscription(&[]), Err(vec!["/subscription".to_owned()]));
        assert_eq!(
            subscription(&["ok", "a..b", "ok", ""]),
            Err(vec!["/subscription/1".to_owned(), "/subscription/2".to_owned(), "/subscription/3".to_owned()])
        );
        assert_eq!(subscription(&["a"; 101]), Err(vec!["/subscription".to_owned()]));
    }
}
