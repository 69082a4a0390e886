//! Icons: our own, drawn into the page, and those of destination types, which others drew and which are only ever a mask.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use freehold_control::DestinationType;
use maud::{Markup, PreEscaped, html};

use crate::failure::Failure;
use crate::state::PortalState;
use crate::visit::Visit;

/// What an icon that somebody else drew may do where it is opened by itself: nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
/// Shown for a type without an icon, or with one that cannot be shown.
const FALLBACK: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"><path d="M12 3 4 7.5v9L12 21l8-4.500v-9zM4 7.500l8 4.500 8-4.500M12 12v9"/></svg>"#;

/// The style rules by which `.icon-<type>` shows the type's icon. Names of types are letters, digits and dashes.
pub(crate) fn rules(base: &str, types: &[Arc<DestinationType>]) -> String {
    let mut text = String::new();
    for known in types {
        let name = &known.manifest().name;
        let _ = write!(text, ".icon-{name}{{--icon:url(\"{base}/types/{name}/icon?{}\")}}", &known.digest()[7..15]);
    }
    text
}

/// The icon of a destination type. Its colour is that of the text around it.
pub(crate) fn of_type(name: &str) -> Markup {
    html! { span class={ "type-icon icon-" (name) } aria-hidden="true" {} }
}

/// `GET /portal/{session}/types/{type}/icon`.
pub(crate) async fn of_type_file(
    State(state): State<PortalState>,
    visit: Visit,
    Path((_, name)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let known = state.control.destination_type(&visit.caller, &name)?;
    let (kind, bytes) = known.manifest().icon.as_deref().and_then(read).unwrap_or(("image/svg+xml", FALLBACK.into()));
    let headers =
        [(CONTENT_TYPE, kind), (CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "private, max-age=86400, immutable")];
    Ok((headers, bytes).into_response())
}

/// An icon of a manifest: an SVG, or a data URI of an image in base64.
fn read(icon: &str) -> Option<(&'static str, Vec<u8>)> {
    if icon.trim_start().starts_with("<svg") {
        return Some(("image/svg+xml", icon.as_bytes().to_vec()));
    }
    let (kind, data) = icon.strip_prefix("data:")?.split_once(";base64,")?;
    let kind = ["image/svg+xml", "image/png", "image/webp"].into_iter().find(|known| *known == kind)?;
    Some((kind, STANDARD.decode(data).ok()?))
}

/// One of our own icons, by the path of its strokes.
fn drawn(path: &'static str) -> Markup {
    html! {
        svg class="glyph" viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor" stroke-width="1.7"
            stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" { (PreEscaped(path)) }
    }
}

pub(crate) fn plus() -> Markup {
    drawn("<path d='M12 5v14M5 12h14'/>")
}

pub(crate) fn chevron() -> Markup {
    drawn("<path d='m9 6 6 6-6 6'/>")
}

pub(crate) fn warning() -> Markup {
    drawn("<path d='M12 4 2.800 20h18.400zM12 10v4.500M12 17.300v.1'/>")
}

pub(crate) fn check() -> Markup {
    drawn("<circle cx='12' cy='12' r='9'/><path d='m8 12.300 2.700 2.700L16 9.500'/>")
}

pub(crate) fn cross() -> Markup {
    drawn("<circle cx='12' cy='12' r='9'/><path d='m9 9 6 6m0-6-6 6'/>")
}

pub(crate) fn key() -> Markup {
    drawn("<circle cx='8' cy='15' r='4'/><path d='m11 12 8.500-8.500M16 7l3 3M13.500 9.500l2 2'/>")
}

pub(crate) fn route() -> Markup {
    drawn(
        "<circle cx='5' cy='12' r='2.500'/><circle cx='19' cy='5.500' r='2.500'/><circle cx='19' cy='18.500' r='2.500'/><path d='M7.500 12H10c3 0 3-6.500 6.500-6.500M10 12c3 0 3 6.500 6.500 6.500'/>",
    )
}
