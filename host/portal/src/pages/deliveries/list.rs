//! `GET /portal/{session}/deliveries`: what was delivered and what was not, newest first, and a search.

use axum::extract::State;
use axum::response::Response;
use freehold_control::DeliveryFilter;
use freehold_model::Timestamp;
use freehold_model::delivery::{Delivery, DeliveryState};
use freehold_model::destination::Destination;
use freehold_model::event::{EventId, EventType};
use freehold_model::page::PageRequest;
use maud::{Markup, html};

use super::words;
use crate::failure::Failure;
use crate::page::{self, Section};
use crate::query::{self, Parameters};
use crate::state::PortalState;
use crate::texts::Texts;
use crate::visit::Visit;
use crate::{icon, time};

/// Rows of one page.
const ROWS: u32 = 25;
const LIST: &str = "portal-deliveries";
/// Destinations that the search offers by name.
const OFFERED: u32 = 100;
/// How far back a search for a type of event looks unless it is told to: there is no index of types, so it reads all that
/// was delivered in that time.
const TYPE_SEARCH_MS: u64 = 7 * 24 * 3_600_000;

/// What a search asks for, as it was entered, and what it means.
#[derive(Default)]
struct Search {
    destination: String,
    event: String,
    event_type: String,
    state: Option<DeliveryState>,
    from: String,
    to: String,
    filter: DeliveryFilter,
    /// Whether something was entered that can be nothing's name.
    is_void: bool,
}

impl Search {
    fn of(parameters: &Parameters, visit: &Visit) -> Self {
        let text = |name: &str| parameters.0.filled(name).unwrap_or_default().to_owned();
        let mut search = Search {
            destination: text("destination"),
            event: text("event"),
            event_type: text("type"),
            state: parameters.0.filled("state").and_then(DeliveryState::parse),
            from: text("from"),
            to: text("to"),
            ..Search::default()
        };
        let mut is_void = false;
        let mut known = |text: &str, is_known: bool| is_void |= !text.is_empty() && !is_known;
        let filter = DeliveryFilter {
            customer: Some(visit.customer().clone()),
            destination: search.destination.parse().ok(),
            event: EventId::parse(&search.event).ok(),
            event_type: EventType::parse(&search.event_type).ok(),
            state: search.state,
            from: moment(&search.from),
            to: moment(&search.to),
        };
        known(&search.destination, filter.destination.is_some());
        known(&search.event, filter.event.is_some());
        known(&search.event_type, filter.event_type.is_some());
        known(&search.from, filter.from.is_some());
        known(&search.to, filter.to.is_some());
        let is_bounded = filter.event_type.is_none() || filter.event.is_some() || filter.from.is_some();
        let week_ago = (!is_bounded).then(|| visit.now.minus_millis(TYPE_SEARCH_MS));
        search.filter = DeliveryFilter { from: filter.from.or(week_ago), ..filter };
        search.is_void = is_void;
        search
    }

    fn is_empty(&self) -> bool {
        let texts = [&self.destination, &self.event, &self.event_type, &self.from, &self.to];
        self.state.is_none() && texts.iter().all(|text| text.is_empty())
    }

    /// The search as an address says it.
    fn query(&self) -> String {
        let state = self.state.map(DeliveryState::as_str).unwrap_or_default();
        let all = [
            ("destination", self.destination.as_str()),
            ("event", &self.event),
            ("type", &self.event_type),
            ("state", state),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(all.into_iter().filter(|(_, value)| !value.is_empty()));
        text.finish()
    }
}

/// A moment as `datetime-local` gives it, in UTC, or as RFC 3339.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let seconds = if text.len() == 16 { ":00Z" } else { "Z" };
    Timestamp::parse(text).or_else(|_| Timestamp::parse(&format!("{text}{seconds}"))).ok()
}

pub(crate) async fn list(
    State(state): State<PortalState>,
    visit: Visit,
    parameters: Parameters,
) -> Result<Response, Failure> {
    let search = Search::of(&parameters, &visit);
    let request = parameters.page(&state, &visit, LIST, ROWS)?;
    let offered = PageRequest { after: None, limit: OFFERED };
    let destinations = state.control.destinations(&visit.caller, visit.customer().as_str(), &offered).await?.items;
    let (found, next) = if search.is_void {
        (Vec::new(), None)
    } else {
        let page = state.pipeline.deliveries(visit.scope()?, &search.filter, &request).await?;
        (page.items, query::next(&state, &visit, LIST, page.next.as_deref())?)
    };
    let texts = visit.texts();
    let body = html! {
        div.heading { div { h1 { (texts.nav.deliveries) } p.lead { (texts.deliveries.lead) } } }
        (form(&visit, &search, &destinations))
        @if search.filter.event_type.is_some() && search.from.is_empty() && search.event.is_empty() {
            p.help { (texts.deliveries.last_week) }
        }
        @if found.is_empty() {
            section.empty {
                (icon::route())
                @if search.is_empty() { h2 { (texts.deliveries.none) } p { (texts.deliveries.none_help) } }
                @else { h2 { (texts.deliveries.none_found) } p { (texts.deliveries.none_found_help) } }
            }
        } @else {
            ul.rows { @for delivery in &found { li { (row(&visit, delivery, &destinations)) } } }
        }
        (page::pager(&visit, "/deliveries", &search.query(), request.after.is_some(), next.as_deref()))
    };
    Ok(page::page(&visit, Section::Deliveries, texts.nav.deliveries, &body))
}

fn form(visit: &Visit, search: &Search, destinations: &[Destination]) -> Markup {
    let texts = visit.texts();
    let words = &texts.deliveries;
    let is_listed = destinations.iter().any(|known| known.id.as_str() == search.destination);
    html! {
        form.filters role="search" {
            div.field {
                label for="s-destination" { (words.destination) }
                select #s-destination name="destination" {
                    option value="" { (words.all) }
                    @if !is_listed && !search.destination.is_empty() {
                        option value=(search.destination) selected { (search.destination) }
                    }
                    @for known in destinations {
                        option value=(known.id) selected[known.id.as_str() == search.destination] { (known.name) }
                    }
                }
            }
            div.field {
                label for="s-state" { (words.state) }
                select #s-state name="state" {
                    option value="" { (words.all) }
                    @for (state, label) in states(texts) {
                        option value=(state.as_str()) selected[search.state == Some(state)] { (label) }
                    }
                }
            }
            (text_field("s-event", "event", words.event, &search.event, "text"))
            (text_field("s-type", "type", words.event_type, &search.event_type, "text"))
            (text_field("s-from", "from", words.from, &search.from, "datetime-local"))
            (text_field("s-to", "to", words.to, &search.to, "datetime-local"))
            div.actions {
                button.button { (words.search) }
                @if !search.is_empty() { a.button.quiet href=(visit.at("/deliveries")) { (words.clear) } }
            }
        }
    }
}

fn text_field(id: &str, name: &str, label: &str, value: &str, kind: &str) -> Markup {
    html! {
        div.field {
            label for=(id) { (label) }
            input type=(kind) id=(id) name=(name) value=(value) spellcheck="false" autocapitalize="off" autocomplete="off";
        }
    }
}

fn states(texts: &Texts) -> [(DeliveryState, &'static str); 4] {
    let words = &texts.deliveries;
    [
        (DeliveryState::Queued, words.queued),
        (DeliveryState::Delivered, words.delivered),
        (DeliveryState::Dead, words.dead),
        (DeliveryState::Cancelled, words.cancelled),
    ]
}

fn row(visit: &Visit, delivery: &Delivery, destinations: &[Destination]) -> Markup {
    let texts = visit.texts();
    let to = destinations.iter().find(|known| known.id == delivery.destination);
    let to = to.map_or(delivery.destination.as_str(), |known| known.name.as_str());
    html! {
        a.row.delivery href={ (visit.at("/deliveries/")) (delivery.id) } {
            (words::state(delivery, texts))
            span.what {
                strong { (delivery.event_type.as_str()) }
                small { (to) " · " span.mono { (delivery.event.as_str()) } }
            }
            span.muted.small { (time::ago(delivery.created_at, visit.now, texts)) }
            (icon::chevron())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_a_browser_or_a_program_writes_it() {
        let expected = Timestamp::parse("2026-11-28T19:03:00Z").ok();

        assert!(expected.is_some());
        for text in ["2026-11-28T19:03", "2026-11-28T19:03:00", "2026-11-28T19:03:00Z", "2026-11-28T20:03:00+01:00"] {
            assert_eq!(moment(text), expected, "{text}");
        }
        assert_eq!(moment("yesterday"), None);
    }
}
