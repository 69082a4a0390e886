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

/// A bar for each of the last 24 hours: what arrived, and above it what did not, to one scale.
pub(crate) fn sparkline(texts: &Texts, hours: &[HourCount; 24]) -> Markup {
    let most = hours.iter().map(|hour| hour.delivered + hour.failed).max().unwrap_or(0).max(1);
    let label = format!("{}: {}", texts.show.last_day, day(texts, hours));
    // Whatever happened is at least two units high: one failure among a million must be seen.
    let height = |count: u64| match u128::from(count) * u128::from(HEIGHT) / u128::from(most) {
        _ if count == 0 => 0,
        units => u64::try_from(units).unwrap_or(HEIGHT).clamp(2, HEIGHT),
    };
    // Three paths in place of a shape for each hour, since a page may have hundreds of these.
    let (mut delivered, mut failed, mut none) = (String::new(), String::new(), String::new());
    for (place, hour) in hours.iter().enumerate() {
        let x = place * STEP + BAR / 2;
        let bad = height(hour.failed);
        let good = height(hour.delivered).min(HEIGHT - bad);
        for (path, from, units) in [(&mut delivered, HEIGHT, good), (&mut failed, HEIGHT - good, bad)] {
            if units > 0 {
                path.push_str(&format!("M{x} {from}v-{units}"));
            }
        }
        if good + bad == 0 {
            none.push_str(&format!("M{x} {HEIGHT}v-1"));
        }
    }
    html! {
        svg.spark viewBox={ "0 0 " (STEP * hours.len()) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(label) {
            path.none d=(none) {}
            path.delivered d=(delivered) {}
            path.failed d=(failed) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn one_failure_among_many_is_seen_and_nothing_is_higher_than_the_picture() {
        let mut hours = [HourCount::default(); 24];
        hours[0] = HourCount { delivered: 1_000_000, failed: 1 };
        hours[23] = HourCount { delivered: 0, failed: 7 };

        let svg = sparkline(Language::English.texts(), &hours).into_string();

        assert!(svg.contains("aria-label=\"Last 24 hours: 1000000 delivered, 8 failed tries\""), "{svg}");
        assert!(svg.contains("class=\"delivered\" d=\"M2 28v-26\""), "{svg}");
        assert!(svg.contains("class=\"failed\" d=\"M2 2v-2M140 28v-2\""), "{svg}");
        assert_eq!(svg.matches("v-1M").count() + 1, 22, "an hour without events is a line: {svg}");
    }
}
