//! `GET /portal/{session}/destinations/{id}/verify`: how a receiver checks signatures, in five languages.

use axum::extract::{Path, State};
use axum::response::Response;
use maud::html;

use super::show::{self, Shown};
use crate::failure::Failure;
use crate::page::{self, Section};
use crate::state::PortalState;
use crate::visit::Visit;

/// A language and how it is done there. Each is a file of its own, which a compiler or interpreter of the language takes.
const SAMPLES: [(&str, &str); 5] = [
    ("JavaScript (Node)", include_str!("samples/verify.mjs")),
    ("Python", include_str!("samples/verify.py")),
    ("Go", include_str!("samples/verify.go")),
    ("Ruby", include_str!("samples/verify.rb")),
    ("PHP", include_str!("samples/verify.php")),
];

pub(crate) async fn samples(
    State(state): State<PortalState>,
    visit: Visit,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let shown = Shown::of(&state, &visit, &id).await?;
    if !show::is_signed(&shown) {
        return Err(Failure::NotFound);
    }
    let texts = &visit.texts().verify;
    let body = html! {
        (page::crumb(&visit, &format!("/destinations/{id}"), &shown.destination.name))
        div.heading { div { h1 { (texts.title) } p.lead { (texts.lead) } } }
        ol { @for step in texts.steps { li { (step) } } }
        @for (place, (language, sample)) in SAMPLES.iter().enumerate() {
            details open[place == 0] {
                summary { (language) }
                pre data-copyable tabindex="0" { (sample) }
            }
        }
    };
    Ok(page::page(&visit, Section::Destinations, texts.title, &body))
}
