//! What several pages of a destination have in common: its name, the events it wants, what a test found, a new secret.

use freehold_control::{Generated, TestReport};
use maud::{Markup, html};
use serde_json::Value;

use crate::exchange;
use crate::form::problems::Wrong;
use crate::icon;
use crate::posted::Form;
use crate::texts::{Texts, fill};

/// What somebody answered in the form of a destination, but for its secrets.
pub(super) struct Answers {
    pub(super) name: String,
    pub(super) config: Value,
    pub(super) credential: Value,
    /// Patterns of the events it wants; all when missing.
    pub(super) events: Option<Vec<String>>,
}

/// The patterns that a form asks for; none when it asks for all events.
pub(super) fn events(form: &Form) -> Option<Vec<String>> {
    if form.get("events") != Some("some") {
        return None;
    }
    let patterns = form.get("subscription").unwrap_or_default().split([',', '\n', ' ', '\r']);
    Some(patterns.map(str::trim).filter(|pattern| !pattern.is_empty()).map(str::to_owned).collect())
}

pub(super) fn name_field(name: &str, wrong: &[Wrong], texts: &Texts) -> Markup {
    let wrong = wrong.iter().find(|wrong| wrong.path == "name");
    html! {
        div.field {
            label for="f-name" { (texts.add.name) }
            input #f-name type="text" name="name" value=(name) maxlength="200" required autocomplete="off"
                aria-invalid=[wrong.map(|_| "true")] aria-describedby={ "f-name-help" @if wrong.is_some() { " f-name-wrong" } };
            p.help #f-name-help { (texts.add.name_help) }
            @if let Some(wrong) = wrong { span.wrong #f-name-wrong { (wrong.message) } }
        }
    }
}

/// All events, or those that match a pattern.
pub(super) fn event_fields(events: Option<&[String]>, wrong: &[Wrong], texts: &Texts) -> Markup {
    let wrong = wrong.iter().find(|wrong| wrong.path == "subscription");
    let is_all = events.is_none_or(|events| events == ["*"]);
    let patterns = events.filter(|_| !is_all).map(|events| events.join("\n")).unwrap_or_default();
    html! {
        fieldset {
            legend { (texts.add.events) }
            label.choice { input type="radio" name="events" value="all" checked[is_all]; span { (texts.add.all_events) } }
            label.choice { input type="radio" name="events" value="some" checked[!is_all]; span { (texts.add.some_events) } }
            div.field data-when="events" data-is="some" {
                label.unseen for="f-subscription" { (texts.add.some_events) }
                textarea #f-subscription name="subscription" rows="3" spellcheck="false" placeholder="invoice.*\norder.paid"
                    aria-describedby="f-subscription-help" aria-invalid=[wrong.map(|_| "true")] { (patterns) }
                p.help #f-subscription-help { (texts.add.events_help) }
                @if let Some(wrong) = wrong { span.wrong { (wrong.message) } }
            }
        }
    }
}

/// What a test found: whether deliveries would work, and what the destination really answered.
pub(super) fn test_outcome(report: &TestReport, texts: &Texts) -> Markup {
    let took = format!("{} ms", report.duration_ms);
    html! {
        @if let Some(failure) = &report.failure {
            div.notice.bad role="alert" tabindex="-1" data-focus {
                (icon::cross())
                div {
                    strong { (texts.test.failed) }
                    p { (failure.message) }
                    p.muted.small { (texts.reasons.of(failure.kind)) }
                    (exchange::table(&report.report, texts))
                }
            }
        } @else {
            div.notice.good role="status" tabindex="-1" data-focus {
                (icon::check())
                div {
                    strong { (fill(texts.test.worked, &[&took])) }
                    (exchange::table(&report.report, texts))
                }
            }
        }
    }
}

/// Secrets that were just made: this is the only time that anybody sees them.
pub(super) fn shown_once(generated: &[Generated], texts: &Texts) -> Markup {
    html! {
        @for (place, (name, secret)) in generated.iter().enumerate() {
            div.notice.warn {
                (icon::key())
                div {
                    strong { (texts.add.shown_once) }
                    p { (texts.add.shown_once_help) }
                    div.secret-once {
                        code id={ "secret-" (place) } data-field=(name) { (secret.show()) }
                        button.button.small type="button" data-copy={ "#secret-" (place) } hidden { (texts.nav.copy) }
                    }
                }
            }
        }
    }
}
