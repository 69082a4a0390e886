//! Delivering again: one delivery, all dead letters of a destination, or a window of time, with a count before and its
//! progress after.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use freehold_control::{ControlError, Replay};
use freehold_model::permission::Permission;
use freehold_model::{DestinationId, Timestamp};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::list::moment;
use super::show::find;
use crate::failure::Failure;
use crate::page::{self, Section};
use crate::pages::destinations::Shown;
use crate::posted::{Form, Posted};
use crate::query::Parameters;
use crate::state::PortalState;
use crate::texts::fill;
use crate::visit::Visit;
use crate::{icon, time};

type Named = Path<(String, String)>;

/// `POST /portal/{session}/deliveries/{id}/replay`.
pub(crate) async fn one(
    State(state): State<PortalState>,
    Path((_, id)): Named,
    Posted { visit, .. }: Posted,
) -> Result<Response, Failure> {
    let scope = visit.caller.require(Permission::Manage)?;
    let delivery = find(&state, &visit, &id).await?;
    let target = ("delivery", delivery.id.as_str());
    let entry = visit.caller.entry("delivery.replay", target, Some(visit.customer()), json!({}));
    let replayed = state.pipeline.replay(scope, &Replay::One(delivery.id.clone()), &entry).await;
    replayed.map_err(ControlError::of("delivery"))?;
    let address = format!("/deliveries?destination={}&event={}", delivery.destination, delivery.event);
    Ok(Redirect::to(&visit.at(&address)).into_response())
}

/// What of a destination is to be delivered again.
enum Wanted {
    Dead,
    Window(Timestamp, Timestamp),
}

impl Wanted {
    fn of(form: &Form) -> Option<Self> {
        let time = |name: &str| form.filled(name).and_then(moment);
        match form.get("what")? {
            "dead" => Some(Wanted::Dead),
            "window" => {
                time("from").zip(time("to")).filter(|(from, to)| from < to).map(|(from, to)| Wanted::Window(from, to))
            }
            _ => None,
        }
    }

    fn replay(&self, destination: DestinationId) -> Replay {
        match *self {
            Wanted::Dead => Replay::DeadLetters { destination },
            Wanted::Window(from, to) => Replay::Window { destination, from, to },
        }
    }

    fn details(&self) -> Value {
        match self {
            Wanted::Dead => json!({ "dead_letters": true }),
            Wanted::Window(from, to) => json!({ "from": from, "to": to }),
        }
    }
}

/// `GET …/destinations/{id}/replay`: what may be delivered again; how many it would be; how far it has come.
pub(crate) async fn of_destination(
    State(state): State<PortalState>,
    visit: Visit,
    Path((_, id)): Named,
    parameters: Parameters,
) -> Result<Response, Failure> {
    let shown = Shown::of(&state, &visit, &id).await?;
    let form = &parameters.0;
    let texts = visit.texts();
    let counted = match Wanted::of(form) {
        Some(wanted) => {
            let replay = wanted.replay(shown.destination.id.clone());
            Some(state.pipeline.count_replay(visit.scope()?, &replay).await.map_err(ControlError::of("destination"))?)
        }
        None => None,
    };
    let body = html! {
        (shown.heading(&visit))
        (shown.tabs(&visit, "/replay"))
        (progress(&state, &visit, &shown, form).await?)
        @match counted {
            Some(count) => { (confirm(&visit, &shown, form, count)) }
            None => {
                @if form.has("what") { div.notice.bad role="alert" { (icon::warning()) div { (texts.replay.no_window) } } }
                (choose(&visit, &shown, form))
            }
        }
    };
    Ok(page::page(&visit, Section::Destinations, &shown.destination.name, &body))
}

fn choose(visit: &Visit, shown: &Shown, form: &Form) -> Markup {
    let texts = &visit.texts().replay;
    let action = shown.at(visit, "/replay");
    let entered = |name: &str| form.get(name).unwrap_or_default();
    html! {
        p.lead { (texts.lead) }
        div.part.panel {
            h2 { (texts.dead) }
            p.muted { (texts.dead_help) }
            form action=(action) { input type="hidden" name="what" value="dead"; button.button { (texts.count) } }
        }
        div.part.panel {
            h2 { (texts.window) }
            p.muted { (texts.window_help) }
            form.filters action=(action) {
                input type="hidden" name="what" value="window";
                div.field {
                    label for="r-from" { (texts.from) }
                    input #r-from type="datetime-local" name="from" value=(entered("from")) required;
                }
                div.field { label for="r-to" { (texts.to) } input #r-to type="datetime-local" name="to" value=(entered("to")) required; }
                div.actions { button.button { (texts.count) } }
            }
        }
    }
}

/// How many it would be, before anything is done.
fn confirm(visit: &Visit, shown: &Shown, form: &Form, count: u64) -> Markup {
    let texts = &visit.texts().replay;
    let action = shown.at(visit, "/replay");
    html! {
        section.panel role="status" {
            h2 { (if count == 0 { texts.nothing.to_owned() } else { fill(texts.would, &[&count.to_string()]) }) }
            @if count > 0 { p.muted { (texts.would_help) } }
            form.actions method="post" action=(action) {
                (page::form_token(visit))
                @for name in ["what", "from", "to"] {
                    @if let Some(value) = form.get(name) { input type="hidden" name=(name) value=(value); }
                }
                @if count > 0 && visit.manages() { button.button.primary { (texts.go) } }
                a.button.quiet href=(action) { (visit.texts().nav.cancel) }
            }
        }
    }
}

/// `POST …/destinations/{id}/replay`.
pub(crate) async fn start(
    State(state): State<PortalState>,
    Path((_, id)): Named,
    Posted { visit, form }: Posted,
) -> Result<Response, Failure> {
    let scope = visit.caller.require(Permission::Manage)?;
    let shown = Shown::of(&state, &visit, &id).await?;
    let wanted = Wanted::of(&form).ok_or_else(|| Failure::Refused(visit.texts().replay.no_window.to_owned()))?;
    let target = ("destination", shown.destination.id.as_str());
    let entry = visit.caller.entry("destination.replay", target, Some(visit.customer()), wanted.details());
    let since = state.control.now();
    let replayed = state.pipeline.replay(scope, &wanted.replay(shown.destination.id.clone()), &entry).await;
    let count = replayed.map_err(ControlError::of("destination"))?.deliveries;
    let until = state.control.now().plus_millis(1);
    let address = format!("/replay?replayed={count}&since={}&until={}", since.millis(), until.millis());
    Ok(Redirect::to(&shown.at(&visit, &address)).into_response())
}

/// How far the replay that the address tells of has come.
async fn progress(state: &PortalState, visit: &Visit, shown: &Shown, form: &Form) -> Result<Markup, Failure> {
    let number = |name: &str| form.get(name).and_then(|text| text.parse::<i64>().ok()).map(Timestamp::from_millis);
    let (Some(since), Some(until)) = (number("since"), number("until")) else { return Ok(html! {}) };
    let found = state.pipeline.replay_progress(visit.scope()?, &shown.destination.id, (since, until)).await?;
    let texts = &visit.texts().replay;
    let (done, all) = (found.delivered + found.dead, found.delivered + found.dead + found.queued);
    Ok(html! {
        div #progress data-watch[found.queued > 0] role="status" {
            div.notice.good {
                (icon::check())
                div {
                    strong { (fill(texts.started, &[&all.to_string()])) }
                    " " span.muted { (time::ago(since, visit.now, visit.texts())) }
                    progress max=(all.max(1)) value=(done) aria-label=(texts.progress) {}
                    p.small {
                        (fill(texts.so_far, &[&found.delivered.to_string(), &found.queued.to_string(), &found.dead.to_string()]))
                    }
                }
            }
        }
    })
}
