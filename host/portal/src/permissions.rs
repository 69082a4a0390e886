//! What is a destination type allowed to do, in plain words? Its imports and its endpoints say so, not its author.

use freehold_control::DestinationType;
use maud::{Markup, html};

use crate::icon;
use crate::texts::{Texts, fill};

/// The schemes of byte streams. What is said of a stream does not depend on them.
const STREAMS: [&str; 3] = ["tls://", "starttls://", "tcp://"];

/// A permission in plain words, and whether people should think twice.
struct Permission {
    words: String,
    is_grave: bool,
}

/// The list of what a type may do.
pub(crate) fn list(known: &DestinationType, texts: &Texts) -> Markup {
    html! {
        ul.ticks {
            @for permission in all(known, texts) {
                li.warn[permission.is_grave] {
                    @if permission.is_grave { (icon::warning()) } @else { (icon::check()) }
                    span { (permission.words) }
                }
            }
        }
    }
}

fn all(known: &DestinationType, texts: &Texts) -> Vec<Permission> {
    let texts = &texts.permissions;
    let has = |wanted: &str| known.imports().iter().any(|import| interface(import) == wanted);
    let (streams, requests): (Vec<&String>, Vec<&String>) = known
        .manifest()
        .endpoints
        .iter()
        .partition(|endpoint| STREAMS.iter().any(|scheme| endpoint.starts_with(scheme)));
    let calm = |words: String| Permission { words, is_grave: false };
    let mut found = Vec::new();
    if has("http") {
        found.push(calm(fill(texts.http, &[&places(&requests)])));
    }
    if has("stream") {
        found.push(calm(fill(texts.stream, &[&places(&streams)])));
    }
    if has("reveal") {
        found.push(Permission { words: texts.reveal.to_owned(), is_grave: true });
    } else if has("credential") {
        found.push(calm(texts.credential.to_owned()));
    }
    found.push(calm(texts.nothing_else.to_owned()));
    found
}

fn interface(import: &str) -> &str {
    import.rsplit('/').next().unwrap_or(import).split('@').next().unwrap_or_default()
}

/// Endpoints as people read them, each once.
fn places(endpoints: &[&String]) -> String {
    let mut each: Vec<String> = Vec::new();
    for place in endpoints.iter().map(|endpoint| place(endpoint)) {
        if !each.contains(&place) {
            each.push(place);
        }
    }
    each.join(", ")
}

/// An endpoint as people read it: what they will fill in stands in angle brackets.
fn place(endpoint: &str) -> String {
    let place = STREAMS.iter().find_map(|scheme| endpoint.strip_prefix(scheme)).unwrap_or(endpoint);
    place.replace("[]}", "}").replace('{', "‹").replace('}', "›")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_told_without_its_braces() {
        let endpoints = ["tls://{brokers[]}", "tcp://{brokers[]}", "https://{bucket}.example"].map(str::to_owned);

        assert_eq!(places(&endpoints.iter().collect::<Vec<_>>()), "‹brokers›, https://‹bucket›.example");
        assert_eq!(interface("freehold:destination/http@0.1.0"), "http");
    }
}
