//! What stands around every page of the console.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use freehold_control::Caller;
use freehold_model::Timestamp;
use freehold_model::page::PageRequest;
use maud::{DOCTYPE, Markup, html};

use super::signed_in::SignedIn;
use crate::assets;
use crate::failure::Failure;
use crate::language::Language;
use crate::posted::TOKEN;
use crate::query::Parameters;
use crate::state::PortalState;
use crate::texts::Texts;

/// The sections, in the order in which they are shown: where, and what they are called.
const SECTIONS: [(&str, &str); 4] = [
    ("/console/customers", "Customers"),
    ("/console/types", "Types"),
    ("/console/health", "Health"),
    ("/console/audit", "Audit"),
];

/// The console speaks English: those who run a host read its logs and manuals as well.
pub(crate) fn texts() -> &'static Texts {
    Language::English.texts()
}

/// A page of the section at `section`.
pub(crate) fn page(signed_in: &SignedIn, section: &str, title: &str, body: &Markup) -> Response {
    let around = html! {
        header.bar {
            nav aria-label="Console" {
                @for (path, label) in SECTIONS {
                    a href=(path) aria-current=[(path == section).then_some("page")] { (label) }
                }
            }
            form method="post" action="/console/sign-out" {
                input type="hidden" name=(TOKEN) value=(signed_in.form_token);
                button.button.small.quiet { "Sign out" }
            }
        }
        main #main tabindex="-1" { (body) }
    };
    whole(StatusCode::OK, title, &around)
}

/// A page of its own.
pub(crate) fn whole(status: StatusCode, title: &str, body: &Markup) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" data-mode="auto" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " · Freehold" }
                link rel="stylesheet" href=(assets::address("portal.css"));
                script src=(assets::address("portal.js")) defer {}
            }
            body data-copy="Copy" data-copied="Copied" {
                a.skip href="#main" { "Skip to the content" }
                (body)
                div #live role="status" aria-live="polite" class="unseen" {}
            }
        }
    };
    (status, Html(markup.into_string())).into_response()
}

/// A moment as people read it, with the exact time beside it.
pub(crate) fn ago(at: Timestamp, signed_in: &SignedIn) -> Markup {
    crate::time::ago(at, signed_in.now, texts())
}

/// Which part of a list is wanted, and how many rows of it.
pub(crate) fn request(
    state: &PortalState,
    caller: &Caller,
    parameters: &Parameters,
    (list, limit): (&str, u32),
) -> Result<PageRequest, Failure> {
    let cursor = parameters.0.filled("after");
    let after = cursor.map(|cursor| state.control.open_cursor(caller, list, cursor)).transpose()?;
    Ok(PageRequest { after, limit })
}

/// A way to the next rows of a list. `query` is what the address says beside that, as it stands in it.
pub(crate) fn older(path: &str, query: &str, next: Option<&str>) -> Markup {
    html! {
        @if let Some(next) = next {
            nav.pager aria-label="Pages" { a.button.quiet rel="next" href={ (path) "?" (query) "after=" (next) } { "Older" } }
        }
    }
}
