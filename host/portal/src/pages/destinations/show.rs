//! `GET /portal/{session}/destinations/{id}`: one destination, how it fares, what it is set to.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use freehold_control::{DestinationType, LaneHealth, TestReport};
use freehold_model::destination::{Destination, DestinationState, Pause, PauseReason};
use maud::{Markup, html};
use serde_json::Value;

use super::parts;
use crate::failure::Failure;
use crate::form::schema::{self, Field, Kind};
use crate::page::{self, Section};
use crate::query::Parameters;
use crate::setup;
use crate::state::PortalState;
use crate::texts::Texts;
use crate::visit::Visit;
use crate::{health, icon, permissions, time};

/// The most that a number of waiting or dead events is told as.
const COUNTED_MAX: u64 = 1_000;

/// A destination with what its pages show around it.
pub(crate) struct Shown {
    pub(crate) destination: Destination,
    /// None when the type is not installed any more.
    pub(super) known: Option<Arc<DestinationType>>,
    pub(super) health: Option<LaneHealth>,
}

impl Shown {
    pub(crate) async fn of(state: &PortalState, visit: &Visit, id: &str) -> Result<Self, Failure> {
        let destination = state.control.destination(&visit.caller, id).await?;
        // Its own version, which may not be the one that new destinations get.
        let known = state.control.version_of(&visit.caller, &destination).await?;
        let ids = std::slice::from_ref(&destination.id);
        let health = state.control.destination_health(&visit.caller, ids).await?.pop();
        Ok(Shown { destination, known, health })
    }

    /// The address of the destination's page, or of one below it.
    pub(crate) fn at(&self, visit: &Visit, path: &str) -> String {
        visit.at(&format!("/destinations/{}{path}", self.destination.id))
    }

    fn label(&self) -> &str {
        self.known.as_ref().map_or(&self.destination.type_name, |known| &known.manifest().label)
    }

    /// What stands at the head of each of the destination's pages.
    pub(crate) fn heading(&self, visit: &Visit) -> Markup {
        let texts = visit.texts();
        html! {
            (page::crumb(visit, "/destinations", texts.list.title))
            div.heading {
                div.with-icon {
                    (icon::of_type(&self.destination.type_name))
                    div {
                        h1 { (self.destination.name) }
                        p.lead { (self.label()) " · " (health::state(texts, &self.destination, self.health.as_ref())) }
                    }
                }
            }
        }
    }

    /// The pages of the destination.
    pub(crate) fn tabs(&self, visit: &Visit, current: &str) -> Markup {
        let texts = &visit.texts().show;
        let has_credential = self.known.as_ref().is_none_or(|known| {
            known
                .manifest()
                .credential
                .get("properties")
                .and_then(Value::as_object)
                .is_some_and(|fields| !fields.is_empty())
        });
        let tabs = [
            ("", texts.overview, true),
            ("/credential", texts.credential, has_credential),
            ("/replay", texts.replay, true),
        ];
        html! {
            nav.tabs aria-label=(self.destination.name) {
                @for (path, label, _) in tabs.into_iter().filter(|(_, _, is_there)| *is_there) {
                    a href=(self.at(visit, path)) aria-current=[(path == current).then_some("page")] { (label) }
                }
                a href={ (visit.at("/deliveries")) "?destination=" (self.destination.id) } { (texts.deliveries) }
            }
        }
    }
}

pub(crate) async fn show(
    State(state): State<PortalState>,
    visit: Visit,
    Path((_, id)): Path<(String, String)>,
    parameters: Parameters,
) -> Result<Response, Failure> {
    let shown = Shown::of(&state, &visit, &id).await?;
    let note = match parameters.0.get("done") {
        Some("made") => Some(visit.texts().add.made),
        Some("saved") => Some(visit.texts().show.saved),
        Some("paused") => Some(visit.texts().show.was_paused),
        Some("resumed") => Some(visit.texts().show.was_resumed),
        _ => None,
    };
    Ok(overview(&visit, &shown, note, None))
}

/// The page, with what a test just found.
pub(super) fn overview(visit: &Visit, shown: &Shown, note: Option<&str>, tested: Option<&TestReport>) -> Response {
    let texts = visit.texts();
    let body = html! {
        (shown.heading(visit))
        (shown.tabs(visit, ""))
        @if let Some(note) = note { div.notice.good role="status" { (icon::check()) div { (note) } } }
        div #outcome { @if let Some(report) = tested { (parts::test_outcome(report, texts)) } }
        @if let DestinationState::Paused(pause) = &shown.destination.state { (paused(visit, shown, pause)) }
        div.beside {
            div {
                section aria-labelledby="h-now" { h2 #h-now { (texts.show.now) } (standing(visit, shown)) }
                section aria-labelledby="h-set" {
                    div.heading {
                        h2 #h-set { (texts.show.settings) }
                        @if visit.manages() && shown.known.is_some() {
                            a.button.small href=(shown.at(visit, "/edit")) { (texts.show.edit) }
                        }
                    }
                    (settings(shown, texts))
                }
                @if is_signed(shown) {
                    section { p { a href=(shown.at(visit, "/verify")) { (texts.show.how_to_verify) } } }
                }
            }
            aside {
                @if visit.manages() { (actions(visit, shown)) }
                @if let Some(known) = &shown.known {
                    div.panel.part { h2 { (texts.permissions.title) } (permissions::list(known, texts)) }
                    (setup::guide(known, &shown.destination.config, false, texts))
                }
            }
        }
    };
    page::answer(StatusCode::OK, visit, Section::Destinations, &shown.destination.name, &body)
}

/// Whether what arrives there carries a signature of Standard Webhooks.
pub(super) fn is_signed(shown: &Shown) -> bool {
    shown.known.as_ref().is_some_and(|known| known.generated_fields().iter().any(|(_, kind)| kind == "whsec"))
}

fn paused(visit: &Visit, shown: &Shown, pause: &Pause) -> Markup {
    let texts = visit.texts();
    let (title, advice) = match pause.reason {
        PauseReason::Requested => (texts.show.paused_requested, texts.show.paused_kept),
        PauseReason::Auth => (texts.health.paused_auth, texts.show.paused_auth),
        PauseReason::Config => (texts.health.paused_config, texts.show.paused_config),
    };
    let tone = if pause.reason == PauseReason::Requested { "warn" } else { "bad" };
    html! {
        div class={ "notice " (tone) } {
            (icon::warning())
            div {
                strong { (title) }
                @if pause.reason != PauseReason::Requested { p { (pause.message) } }
                p.small { (advice) " " span.muted { (time::ago(pause.since, visit.now, texts)) } }
                @if visit.manages() {
                    div.actions.part {
                        @match pause.reason {
                            PauseReason::Auth => { a.button.primary href=(shown.at(visit, "/credential")) { (texts.show.replace) } }
                            PauseReason::Config => { a.button.primary href=(shown.at(visit, "/edit")) { (texts.show.edit) } }
                            PauseReason::Requested => {}
                        }
                        form method="post" action=(shown.at(visit, "/resume")) {
                            (page::form_token(visit))
                            button.button { (texts.show.resume) }
                        }
                    }
                }
            }
        }
    }
}

fn standing(visit: &Visit, shown: &Shown) -> Markup {
    let texts = visit.texts();
    let Some(health) = &shown.health else { return html! {} };
    let dead = format!("{}?destination={}&state=dead", visit.at("/deliveries"), shown.destination.id);
    html! {
        dl.facts #standing data-watch[health.waiting > 0] {
            dt { (texts.show.last_day) }
            dd { (health::sparkline(texts, &health.hours)) span.muted.small { (health::day(texts, &health.hours)) } }
            dt { (texts.show.last_delivery) }
            dd { @match health.last_delivered_at { Some(at) => { (time::ago(at, visit.now, texts)) } None => { (texts.list.never) } } }
            dt { (texts.show.waiting) }
            dd {
                (counted(health.waiting))
                @if let Some(at) = health.retry_at.filter(|_| shown.destination.state.is_active()) {
                    " · " span.muted { (time::next_try(at, visit.now, texts)) }
                }
            }
            dt { (texts.show.dead) }
            dd { @if health.dead == 0 { "0" } @else { a href=(dead) { (counted(health.dead)) } } }
        }
    }
}

fn counted(count: u64) -> String {
    if count > COUNTED_MAX { format!("{COUNTED_MAX}+") } else { count.to_string() }
}

/// What it is set to. A config holds no secrets.
fn settings(shown: &Shown, texts: &Texts) -> Markup {
    let config = &shown.destination.config;
    let fields =
        shown.known.as_ref().map(|known| schema::fields("config", &known.manifest().config)).unwrap_or_default();
    let events: Vec<&str> = shown.destination.subscription.iter().map(|pattern| pattern.as_str()).collect();
    html! {
        dl.facts {
            (facts(&fields, config))
            dt { (texts.add.events) }
            dd { @if events == ["*"] { (texts.add.all_events) } @else { @for event in events { code { (event) } " " } } }
        }
    }
}

fn facts(fields: &[Field], config: &Value) -> Markup {
    html! {
        @for field in fields {
            @if let Some(value) = config.get(&field.name) {
                @match &field.kind {
                    Kind::Group(inner) => { (facts(inner, value)) }
                    _ => { dt { (field.title) } dd { (told(value)) } }
                }
            }
        }
    }
}

fn told(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(told).collect::<Vec<_>>().join(", "),
        Value::Object(all) => {
            all.iter().map(|(name, value)| format!("{name}: {}", told(value))).collect::<Vec<_>>().join(", ")
        }
        Value::Bool(true) => "✓".to_owned(),
        Value::Bool(false) => "–".to_owned(),
        other => other.to_string(),
    }
}

fn actions(visit: &Visit, shown: &Shown) -> Markup {
    let texts = visit.texts();
    let is_active = shown.destination.state.is_active();
    html! {
        div.actions {
            @if shown.known.is_some() {
                form method="post" action=(shown.at(visit, "/test")) {
                    (page::form_token(visit))
                    button.button { (texts.add.test) }
                }
            }
            @if is_active {
                form method="post" action=(shown.at(visit, "/pause")) {
                    (page::form_token(visit))
                    button.button { (texts.show.pause) }
                }
            }
            a.button.danger href=(shown.at(visit, "/delete")) { (texts.show.delete) }
        }
    }
}
