//! How deliveries and attempts stand, in a word and a colour.

use freehold_model::attempt::AttemptState;
use freehold_model::delivery::{Delivery, DeliveryState};
use maud::{Markup, html};

use crate::texts::Texts;

/// How a delivery stands. One that waits for a retry is told from one that waits for its turn.
pub(super) fn state(delivery: &Delivery, texts: &Texts) -> Markup {
    let words = &texts.deliveries;
    let (tone, word) = match delivery.state {
        DeliveryState::Queued if delivery.last_failure.is_some() => ("warn", texts.health.retrying),
        DeliveryState::Queued => ("calm", words.queued),
        DeliveryState::Delivered => ("good", words.delivered),
        DeliveryState::Dead => ("bad", words.dead),
        DeliveryState::Cancelled => ("calm", words.cancelled),
    };
    html! { span class={ "state " (tone) } { (word) } }
}

/// How an attempt ended.
pub(super) fn attempt(state: AttemptState, texts: &Texts) -> Markup {
    let words = &texts.deliveries;
    let (tone, word) = match state {
        AttemptState::Started => ("calm", words.started),
        AttemptState::Delivered => ("good", words.delivered),
        AttemptState::Partial => ("warn", words.partial),
        AttemptState::Failed => ("bad", words.failed),
        AttemptState::Lost => ("warn", words.lost),
    };
    html! { span class={ "state " (tone) } { (word) } }
}
