//! What stands around every page: head, sections, and the page of a failure.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use crate::failure::Failure;
use crate::frame::Frame;
use crate::language::Language;
use crate::posted::TOKEN;
use crate::texts::Texts;
use crate::visit::Visit;
use crate::{assets, icon};

/// The section that a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Destinations,
    Deliveries,
    Activity,
}

/// A page of a session.
pub(crate) fn page(visit: &Visit, section: Section, title: &str, body: &Markup) -> Response {
    answer(StatusCode::OK, visit, section, title, body)
}

/// The same with another status: a form that was refused.
pub(crate) fn answer(status: StatusCode, visit: &Visit, section: Section, title: &str, body: &Markup) -> Response {
    let texts = visit.texts();
    let markup = html! {
        (DOCTYPE)
        html lang=(visit.language.tag()) data-mode=(visit.look.theme.mode_name()) {
            (head(title, Some(&visit.frame)))
            body data-session=(visit.frame.session.id) data-origin=(visit.frame.session.origin.as_deref().unwrap_or_default())
                data-left=(visit.frame.session.expires_at.millis_since(visit.now)) data-copy=(texts.nav.copy) data-copied=(texts.nav.copied) {
                a.skip href="#main" { (texts.nav.skip) }
                header.bar { (sections(visit, section)) }
                main #main tabindex="-1" { (body) }
                div #live role="status" aria-live="polite" class="unseen" {}
            }
        }
    };
    (status, Html(markup.into_string())).into_response()
}

/// A page that answered a form, and that a reload must not send once more: a script of ours writes `address` in its place.
pub(crate) fn keeping_address(visit: &Visit, section: Section, title: &str, address: &str, body: &Markup) -> Response {
    let body = html! { div data-address=(address) { (body) } };
    page(visit, section, title, &body)
}

/// The way back to the page above this one.
pub(crate) fn crumb(visit: &Visit, path: &str, label: &str) -> Markup {
    html! { a.crumb href=(visit.at(path)) { (icon::chevron()) (label) } }
}

fn head(title: &str, frame: Option<&Frame>) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="robots" content="noindex";
            link rel="icon" href="data:,";
            title { (title) }
            link rel="stylesheet" href=(assets::address("portal.css"));
            @if let Some(frame) = frame {
                link rel="stylesheet" href={ (frame.base()) "/theme.css" };
                script src=(assets::address("frame.js")) defer {}
                script src=(assets::address("portal.js")) defer {}
            }
        }
    }
}

fn sections(visit: &Visit, current: Section) -> Markup {
    let nav = &visit.texts().nav;
    let all = [
        (Section::Destinations, "/destinations", nav.destinations),
        (Section::Deliveries, "/deliveries", nav.deliveries),
        (Section::Activity, "/activity", nav.activity),
    ];
    html! {
        nav aria-label=(nav.label) {
            @for (section, path, label) in all {
                a href=(visit.at(path)) aria-current=[(section == current).then_some("page")] { (label) }
            }
        }
        @if !visit.manages() { span.pill { (nav.read_only) } }
    }
}

/// A page before anybody is known: of a session that is being opened.
pub(crate) fn bare(texts: &Texts, language: Language, mode: &str, script: &str, body: Markup) -> Html<String> {
    let markup = html! {
        (DOCTYPE)
        html lang=(language.tag()) data-mode=(mode) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
            link rel="icon" href="data:,";
                title { (texts.open.title) }
                link rel="stylesheet" href=(assets::address("portal.css"));
                script src=(script) defer {}
            }
            body { (body) }
        }
    };
    Html(markup.into_string())
}

/// What is shown instead of a page.
pub(crate) fn of_failure(failure: &Failure, frame: Option<&Frame>, (language, mode): (Language, &str)) -> Response {
    let texts = language.texts();
    let all = &texts.failure;
    let refused;
    let [title, advice] = match failure {
        Failure::NotFound => all.not_found,
        Failure::Ended => all.ended,
        Failure::EndedUnsaved => all.ended_unsaved,
        Failure::ReadOnly => all.read_only,
        Failure::Foreign => all.foreign,
        Failure::TooLarge => all.too_large,
        Failure::Refused(reason) => {
            refused = reason.clone();
            [all.refused, refused.as_str()]
        }
        Failure::TooSlow => all.too_slow,
        Failure::Unavailable => all.unavailable,
        Failure::Internal => all.internal,
    };
    let ended = matches!(failure, Failure::Ended | Failure::EndedUnsaved);
    let session = frame.map(|frame| frame.session.id.as_str());
    let origin = frame.and_then(|frame| frame.session.origin.as_deref());
    let markup = html! {
        (DOCTYPE)
        html lang=(language.tag()) data-mode=(mode) {
            (head(title, frame))
            body data-session=[session] data-origin=[origin] data-state=[ended.then_some("ended")] {
                main.instead #main tabindex="-1" {
                    (icon::warning())
                    h1 { (title) }
                    p { (advice) }
                    @if let (Some(frame), false) = (frame, ended) {
                        p { a.button href={ (frame.base()) "/destinations" } { (all.back) } }
                    }
                }
            }
        }
    };
    (failure.status(), Html(markup.into_string())).into_response()
}

/// The beginning of every form that changes something.
pub(crate) fn form_token(visit: &Visit) -> Markup {
    html! { input type="hidden" name=(TOKEN) value=(visit.form_token); }
}

/// Links to the newest and to the older rows of a list; nothing when the list fits on one page. `query` is what else the
/// address says, as it stands in it.
pub(crate) fn pager(visit: &Visit, path: &str, query: &str, is_later: bool, next: Option<&str>) -> Markup {
    let texts = &visit.texts().nav;
    let address = |after: Option<&str>| {
        let after = after.map(|cursor| format!("after={cursor}"));
        let parts: Vec<&str> =
            [Some(query).filter(|query| !query.is_empty()), after.as_deref()].into_iter().flatten().collect();
        let mark = if parts.is_empty() { "" } else { "?" };
        format!("{}{mark}{}", visit.at(path), parts.join("&"))
    };
    html! {
        @if is_later || next.is_some() {
            nav.pager aria-label=(texts.pages) {
                @if is_later { a.button.quiet href=(address(None)) { (texts.newer) } }
                @if next.is_some() { a.button.quiet rel="next" href=(address(next)) { (texts.older) (icon::chevron()) } }
            }
        }
    }
}
