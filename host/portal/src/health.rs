//! How does a destination fare, in a word and a picture?

use freehold_control::{HourCount, LaneHealth};
use freehold_model::Timestamp;
use freehold_model::destination::{Destination, DestinationState, PauseReason};
use maud::{Markup, html};

use crate::texts::{Texts, fill};
use crate::time;

/// Height of the picture, and how wide an hour's bar and the gap after it are.
const HEIGHT: u64 = 28;
const BAR: usize = 4;
const STEP: usize = 6;

/// A word and a colour for how it fares. The colour says nothing that the word does not.
pub(crate) fn state(texts: &Texts, destination: &Destination, health: Option<&LaneHealth>) -> Markup {
    let texts = &texts.health;
    let (tone, word) = match &destination.state {
        DestinationState::Paused(pause) => match pause.reason {
            PauseReason::Requested => ("calm", texts.paused),
            PauseReason::Auth => ("bad", texts.paused_auth),
            PauseReason::Config => ("bad", texts.paused_config),
        },
        DestinationState::Active => match health {
            Some(health) if health.retry_at.is_some() => ("warn", texts.retrying),
            Some(health) if health.last_delivered_at.is_none() => ("calm", texts.ready),
            _ => ("good", texts.delivering),
        },
    };
    html! { span class={ "state " (tone) } { (word) } }
}

/// When an event last arrived.
pub(crate) fn last_delivery(texts: &Texts, health: Option<&LaneHealth>, now: Timestamp) -> String {
    match health.and_then(|health| health.last_delivered_at) {
        Some(at) => fill(texts.list.last_delivery, &[&time::relative(at, now, texts)]),
        None => texts.list.never.to_owned(),
    }
}

/// The last 24 hours in numbers.
pub(crate) fn day(texts: &Texts, hours: &[HourCount; 24]) -> String {
    let (delivered, failed) =
        hours.iter().fold((0, 0), |(delivered, failed), hour| (delivered + hour.delivered, failed + hour.failed));
    fill(texts.health.last_day, &[&delivered.to_string(), &failed.to_string()])
}

/// A bar for each of the last 24 hours: what arrived, and what did not, to one scale.
pub(crate) fn sparkline(texts: &Texts, hours: &[HourCount; 24]) -> Markup {
    let most = hours.iter().map(|hour| hour.delivered + hour.failed).max().unwrap_or(0).max(1);
    let label = format!("{}: {}", texts.show.last_day, day(texts, hours));
    // Whatever happened is at least two units high: one failure among a million must be seen.
    let height =
        |count: u64| if count == 0 { 0 } else { (u128::from(count) * u128::from(HEIGHT) / u128::from(most)).max(2) };
    html! {
        svg.spark viewBox={ "0 0 " (STEP * hours.len()) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(label) {
            title { (label) }
            @for (place, hour) in hours.iter().enumerate() {
                @let (good, bad) = (height(hour.delivered), height(hour.failed));
                @let all = (good + bad).min(u128::from(HEIGHT));
                @let x = place * STEP;
                @if all == 0 {
                    rect.none x=(x) y=(HEIGHT - 1) width=(BAR) height="1" {}
                } @else {
                    rect.delivered x=(x) y=(u128::from(HEIGHT) - all + bad.min(all)) width=(BAR) height=(all - bad.min(all)) {}
                    rect.failed x=(x) y=(u128::from(HEIGHT) - all) width=(BAR) height=(bad.min(all)) {}
                }
            }
        }
    }
}
