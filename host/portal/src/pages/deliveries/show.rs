//! `GET /portal/{session}/deliveries/{id}`: one delivery, each of its attempts, and the event itself.

use axum::extract::{Path, State};
use axum::response::Response;
use freehold_control::AttemptFilter;
use freehold_model::DeliveryId;
use freehold_model::attempt::Attempt;
use freehold_model::delivery::{Delivery, DeliveryState};
use freehold_model::event::Event;
use freehold_model::page::PageRequest;
use maud::{Markup, html};

use super::words;
use crate::failure::Failure;
use crate::page::{self, Section};
use crate::state::PortalState;
use crate::texts::{Texts, fill};
use crate::visit::Visit;
use crate::{exchange, icon, time};

/// Attempts that are shown: the newest.
const ATTEMPTS_SHOWN: u32 = 50;
/// Bytes of the event's data that are shown. A page has room for no more.
const DATA_SHOWN: usize = 24 * 1024;

pub(crate) async fn show(
    State(state): State<PortalState>,
    visit: Visit,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let delivery = find(&state, &visit, &id).await?;
    let filter = AttemptFilter { delivery: Some(delivery.id.clone()), ..AttemptFilter::default() };
    let request = PageRequest { after: None, limit: ATTEMPTS_SHOWN };
    let attempts = state.pipeline.attempts(visit.scope()?, &filter, &request).await?.items;
    let event = state.pipeline.event(visit.scope()?, &delivery.event).await?;
    let destination = state.control.destination(&visit.caller, delivery.destination.as_str()).await.ok();
    let texts = visit.texts();
    let words = &texts.deliveries;
    let is_open = delivery.state == DeliveryState::Queued;
    let body = html! {
        (page::crumb(&visit, "/deliveries", texts.nav.deliveries))
        div.heading {
            div { h1 { (delivery.event_type.as_str()) } p.lead.mono { (delivery.event.as_str()) } }
            @if visit.manages() && !is_open && destination.is_some() {
                form method="post" action={ (visit.at("/deliveries/")) (delivery.id) "/replay" } {
                    (page::form_token(&visit))
                    button.button { (words.replay_one) }
                }
            }
        }
        div #delivery data-watch[is_open] {
            dl.facts {
                dt { (words.state) } dd { (words::state(&delivery, texts)) @if let Some(at) = delivery.next_attempt_at {
                    " · " span.muted { (time::next_try(at, visit.now, texts)) }
                } }
                dt { (words.destination) }
                dd {
                    @match &destination {
                        Some(known) => { a href={ (visit.at("/destinations/")) (known.id) } { (known.name) } }
                        None => { (words.gone) }
                    }
                }
                dt { (words.accepted) } dd { (time::moment(delivery.created_at)) }
                @if let Some(at) = delivery.settled_at { dt { (words.settled) } dd { (time::moment(at)) } }
                @if let Some(before) = &delivery.replay_of {
                    dt { (words.replay_of) } dd { a.mono href={ (visit.at("/deliveries/")) (before) } { (before) } }
                }
            }
            (attempts_of(&visit, &delivery, &attempts))
        }
        @if let Some(event) = &event { (data(event, texts)) }
    };
    Ok(page::page(&visit, Section::Deliveries, delivery.event_type.as_str(), &body))
}

/// The visitor's delivery with this id.
pub(super) async fn find(state: &PortalState, visit: &Visit, id: &str) -> Result<Delivery, Failure> {
    let id: DeliveryId = id.parse().map_err(|_| Failure::NotFound)?;
    state.pipeline.delivery(visit.scope()?, &id).await?.ok_or(Failure::NotFound)
}

fn attempts_of(visit: &Visit, delivery: &Delivery, attempts: &[Attempt]) -> Markup {
    let texts = visit.texts();
    html! {
        section.part {
            h2 { (texts.deliveries.attempts) }
            @if attempts.is_empty() { p.muted { (texts.deliveries.no_attempts) } }
            @for (place, attempt) in attempts.iter().enumerate() {
                details open[place == 0] {
                    summary {
                        (fill(texts.deliveries.attempt, &[&attempt.number.to_string()])) " · "
                        (words::attempt(attempt.state, texts)) " "
                        span.muted {
                            " · " (time::relative(attempt.started_at, visit.now, texts))
                            @if let Some(end) = attempt.finished_at { " · " (end.millis_since(attempt.started_at)) " ms" }
                        }
                    }
                    (one(delivery, attempt, texts))
                }
            }
        }
    }
}

fn one(delivery: &Delivery, attempt: &Attempt, texts: &Texts) -> Markup {
    let own = attempt.report.failed.iter().find(|failed| failed.delivery == delivery.id).map(|failed| &failed.failure);
    let failure = own.or(attempt.report.failure.as_ref().filter(|_| attempt.report.failed.is_empty()));
    html! {
        p.small { (time::moment(attempt.started_at)) @if attempt.events > 1 {
            " · " (fill(texts.deliveries.together, &[&(attempt.events - 1).to_string()]))
        } }
        @if let Some(failure) = failure {
            div.notice.bad { (icon::cross()) div {
                p { strong { (failure.message) } }
                p.small { (texts.reasons.of(failure.kind)) " " span.muted.mono { (failure.code) } }
                @if failure.request_sent { p.small.muted { (texts.deliveries.perhaps_arrived) } }
            } }
        }
        (exchange::table(&attempt.report, texts))
    }
}

fn data(event: &Event, texts: &Texts) -> Markup {
    let text = String::from_utf8_lossy(&event.data);
    let shown = text.char_indices().nth(DATA_SHOWN).map_or(&*text, |(at, _)| &text[..at]);
    html! {
        section.part {
            h2 { (texts.deliveries.data) }
            dl.facts {
                dt { (texts.deliveries.happened) } dd { (time::moment(event.time)) }
                @for (name, value) in &event.metadata { dt { code { (name) } } dd { (value) } }
            }
            div.part { pre data-copyable tabindex="0" { (laid_out(shown)) } }
            @if shown.len() < text.len() { p.help { (fill(texts.deliveries.cut, &[&text.len().to_string()])) } }
        }
    }
}

/// JSON with its parts on lines of their own. Only white space between the parts changes: a reader may compare it.
fn laid_out(text: &str) -> String {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return text.to_owned();
    }
    let (mut out, mut depth, mut within, mut escaped) = (String::with_capacity(text.len() * 2), 0_usize, false, false);
    let mut characters = text.chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(character) = characters.next() {
        if within {
            out.push(character);
            within = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        match character {
            ' ' | '\n' | '\r' | '\t' => {}
            '{' | '[' => {
                out.push(character);
                while characters.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                if let Some(end) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(character);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            other => {
                within = other == '"';
                out.push(other);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_laid_out_without_a_change_to_any_part() {
        let text = r#"{"b":12.50,"a":[1,{"x":"y, \"z\": {"}],"b":{ },"e":[]}"#;

        let shown = laid_out(text);

        let expected = "{\n  \"b\": 12.50,\n  \"a\": [\n    1,\n    {\n      \"x\": \"y, \\\"z\\\": {\"\n    }\n  ],\n  \
                        \"b\": {},\n  \"e\": []\n}";
        assert_eq!(shown, expected);
        assert_eq!(laid_out("no json, {"), "no json, {");
    }
}
