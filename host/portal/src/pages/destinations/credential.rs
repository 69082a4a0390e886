//! `/portal/{session}/destinations/{id}/credential`: the versions of a credential, and their rotation.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use freehold_control::{ControlError, CredentialVersion, Replacement, Takeover};
use freehold_model::Failure as Refusal;
use freehold_model::permission::Permission;
use freehold_model::rotation::VersionState;
use maud::{Markup, html};
use serde_json::Value;

use super::parts;
use super::show::Shown;
use crate::failure::Failure;
use crate::form::problems::{self, Wrong};
use crate::form::read;
use crate::form::render::{self, Shown as Drawn};
use crate::form::schema::{self, Field};
use crate::page::{self, Section};
use crate::posted::Posted;
use crate::query::Parameters;
use crate::state::PortalState;
use crate::texts::{Texts, fill};
use crate::visit::Visit;
use crate::{icon, time};

type Named = Path<(String, String)>;
type Versioned = Path<(String, String, String)>;

/// How long signing secrets may go on beside their successor, in milliseconds, as the form offers it.
const OVERLAPS: [u64; 4] = [24 * 3_600_000, 7 * 24 * 3_600_000, 3_600_000, 0];
/// Versions that are shown: the newest.
const VERSIONS_SHOWN: usize = 20;

/// The page's answers so far: what was entered, and what became of it.
#[derive(Default)]
struct Tried {
    values: Value,
    wrong: Vec<Wrong>,
    refused: Option<Refusal>,
    /// What stands in the way, in the host's words.
    conflict: Option<String>,
}

/// `GET`: every version with where it stands, and the form of the next.
pub(crate) async fn page(
    State(state): State<PortalState>,
    visit: Visit,
    Path((_, id)): Named,
    parameters: Parameters,
) -> Result<Response, Failure> {
    let shown = Shown::of(&state, &visit, &id).await?;
    let note = match parameters.0.get("done") {
        Some("replaced") => Some(visit.texts().credential.replaced),
        Some("rolled-back") => Some(visit.texts().credential.rolled_back),
        Some("revoked") => Some(visit.texts().credential.revoked_now),
        _ => None,
    };
    draw(&state, &visit, &shown, note, &Tried::default()).await
}

/// `POST`: tries a new credential, and lets it take over if it works.
pub(crate) async fn replace(
    State(state): State<PortalState>,
    Path((_, id)): Named,
    Posted { visit, form }: Posted,
) -> Result<Response, Failure> {
    let shown = Shown::of(&state, &visit, &id).await?;
    let fields = fields(&shown);
    let replacement = Replacement {
        unverified: form.get("unverified") == Some("1"),
        takeover: Takeover { overlap_ms: form.get("overlap_ms").and_then(|ms| ms.parse().ok()), ..Takeover::default() },
        expires_at: None,
    };
    let replaced =
        state.control.replace_credential(&visit.caller, &id, read::secrets(&fields, &form), replacement).await;
    let mut tried = Tried { values: read::public(&fields, &form), ..Tried::default() };
    match replaced {
        Ok(replaced) if replaced.generated.is_empty() => return Ok(back(&visit, &shown, "replaced")),
        Ok(replaced) => {
            let texts = visit.texts();
            let address = shown.at(&visit, "/credential?done=replaced");
            let body = html! {
                (shown.heading(&visit))
                (parts::shown_once(&replaced.generated, texts))
                p { a.button.primary href=(address) { (texts.credential.go_on) } }
            };
            return Ok(page::keeping_address(&visit, Section::Destinations, &shown.destination.name, &address, &body));
        }
        Err(ControlError::Invalid(problems)) => tried.wrong = at_fields(problems, &fields, visit.texts()),
        Err(ControlError::CredentialRefused { failure }) => tried.refused = Some(failure),
        Err(ControlError::Conflict(conflict)) => tried.conflict = Some(conflict.message),
        Err(error) => return Err(error.into()),
    }
    draw(&state, &visit, &shown, None, &tried).await
}

/// Problems of a credential that was given alone: their pointers begin at its fields.
fn at_fields(problems: Vec<freehold_control::Problem>, fields: &[Field], texts: &Texts) -> Vec<Wrong> {
    let within = |mut problem: freehold_control::Problem| {
        problem.pointer = format!("/credential{}", problem.pointer);
        problem
    };
    let problems: Vec<freehold_control::Problem> = problems.into_iter().map(within).collect();
    problems::at_fields(&problems, &[fields], texts)
}

/// `POST …/{version}/roll-back`.
pub(crate) async fn roll_back(
    State(state): State<PortalState>,
    Path((_, id, version)): Versioned,
    Posted { visit, .. }: Posted,
) -> Result<Response, Failure> {
    let shown = Shown::of(&state, &visit, &id).await?;
    state.control.roll_back_credential(&visit.caller, &id, &version, Takeover::default()).await?;
    Ok(back(&visit, &shown, "rolled-back"))
}

/// `GET …/{version}/revoke`: says what that would do.
pub(crate) async fn confirm_revoke(
    State(state): State<PortalState>,
    visit: Visit,
    Path((_, id, version)): Versioned,
) -> Result<Response, Failure> {
    visit.caller.require(Permission::Manage)?;
    let shown = Shown::of(&state, &visit, &id).await?;
    let versions = state.control.credentials(&visit.caller, &id).await?;
    let found = versions.iter().find(|known| known.version.to_string() == version).ok_or(Failure::NotFound)?;
    let texts = &visit.texts().credential;
    let is_active = found.state == VersionState::Active;
    let title = fill(texts.revoke_title, &[&version]);
    let body = html! {
        (page::crumb(&visit, &format!("/destinations/{id}/credential"), &shown.destination.name))
        section.panel {
            h1 { (title) }
            p.muted { code { (short(&found.fingerprint)) } }
            div.notice.bad.part {
                (icon::warning())
                div { (if is_active { texts.revoke_active_warning } else { texts.revoke_warning }) }
            }
            form.actions method="post" {
                (page::form_token(&visit))
                button.button.danger { (texts.revoke) }
                a.button.quiet href=(shown.at(&visit, "/credential")) { (visit.texts().nav.cancel) }
            }
        }
    };
    Ok(page::page(&visit, Section::Destinations, &title, &body))
}

/// `POST …/{version}/revoke`.
pub(crate) async fn revoke(
    State(state): State<PortalState>,
    Path((_, id, version)): Versioned,
    Posted { visit, .. }: Posted,
) -> Result<Response, Failure> {
    let shown = Shown::of(&state, &visit, &id).await?;
    state.control.revoke_credential(&visit.caller, &id, &version).await?;
    Ok(back(&visit, &shown, "revoked"))
}

fn back(visit: &Visit, shown: &Shown, done: &str) -> Response {
    Redirect::to(&shown.at(visit, &format!("/credential?done={done}"))).into_response()
}

fn fields(shown: &Shown) -> Vec<Field> {
    let known = shown.known.as_ref();
    known.map(|known| schema::fields("credential", &known.manifest().credential)).unwrap_or_default()
}

async fn draw(
    state: &PortalState,
    visit: &Visit,
    shown: &Shown,
    note: Option<&str>,
    tried: &Tried,
) -> Result<Response, Failure> {
    let texts = visit.texts();
    let id = shown.destination.id.as_str();
    let versions = state.control.credentials(&visit.caller, id).await?;
    let under_way = state.control.batches_by_credential(&visit.caller, id).await?;
    let is_moving = versions.iter().any(|version| version.state == VersionState::Draining);
    let is_refused = !tried.wrong.is_empty() || tried.refused.is_some() || tried.conflict.is_some();
    let body = html! {
        (shown.heading(visit))
        (shown.tabs(visit, "/credential"))
        @if let Some(note) = note { div.notice.good role="status" { (icon::check()) div { (note) } } }
        section aria-labelledby="h-versions" {
            h2 #h-versions { (texts.credential.versions) }
            div #versions data-watch[is_moving] aria-live="polite" {
                @if versions.is_empty() { p.muted { (texts.credential.none) } } @else {
                    (table(visit, shown, &versions[..versions.len().min(VERSIONS_SHOWN)], &under_way))
                }
            }
        }
        @if visit.manages() && shown.known.is_some() {
            section aria-labelledby="h-new" { h2 #h-new { (texts.show.replace) } (form(visit, shown, tried)) }
        }
    };
    let status = if is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(page::answer(status, visit, Section::Destinations, &shown.destination.name, &body))
}

fn table(visit: &Visit, shown: &Shown, versions: &[CredentialVersion], under_way: &[(u32, u64)]) -> Markup {
    let texts = visit.texts();
    let words = &texts.credential;
    let is_of = |version: &CredentialVersion| under_way.iter().find(|(number, _)| *number == version.version);
    html! {
        div.table {
            table {
                thead {
                    tr { th { (words.version) } th { (words.fingerprint) } th { (words.state) } th { (words.added) } th { (words.used) } th { span.unseen { (words.actions) } } }
                }
                tbody {
                    @for version in versions {
                        tr {
                            td { (version.version) }
                            td { code { (short(&version.fingerprint)) } }
                            td {
                                (state_of(version.state, texts))
                                @if let Some(until) = version.drain_until {
                                    div.muted.small {
                                        @match is_of(version) {
                                            Some((_, count)) => { (fill(words.finishing, &[&count.to_string()])) }
                                            None => { (words.finished) }
                                        }
                                        " " (fill(words.at_latest, &[&time::relative(until, visit.now, texts)]))
                                    }
                                }
                                @if let Some(until) = version.overlap_until.filter(|until| *until > visit.now) {
                                    div.muted.small { (fill(words.signs_until, &[&time::relative(until, visit.now, texts)])) }
                                }
                                @if let Some(at) = version.last_auth_failure_at {
                                    div.wrong { (fill(words.refused_at, &[&time::relative(at, visit.now, texts)])) }
                                }
                            }
                            td { (time::ago(version.created_at, visit.now, texts)) }
                            td { @if let Some(at) = version.last_used_at { (time::ago(at, visit.now, texts)) } @else { "–" } }
                            td.actions-cell { @if visit.manages() { (version_actions(visit, shown, version)) } }
                        }
                    }
                }
            }
        }
    }
}

fn version_actions(visit: &Visit, shown: &Shown, version: &CredentialVersion) -> Markup {
    let texts = &visit.texts().credential;
    let at = |path: &str| shown.at(visit, &format!("/credential/{}{path}", version.version));
    html! {
        div.actions {
            @if version.state == VersionState::Draining {
                form method="post" action=(at("/roll-back")) {
                    (page::form_token(visit))
                    button.button.small { (texts.roll_back) }
                }
            }
            @if !version.state.is_ended() { a.button.small.danger href=(at("/revoke")) { (texts.revoke) } }
        }
    }
}

fn state_of(state: VersionState, texts: &Texts) -> Markup {
    let words = &texts.credential;
    let (tone, word) = match state {
        VersionState::Stored => ("calm", words.stored),
        VersionState::Verified => ("calm", words.verified),
        VersionState::Active => ("good", words.active),
        VersionState::Draining => ("warn", words.draining),
        VersionState::Retired => ("calm", words.retired),
        VersionState::Revoked => ("calm", words.revoked),
        VersionState::Rejected => ("bad", words.rejected),
    };
    html! { span class={ "state " (tone) } { (word) } }
}

fn form(visit: &Visit, shown: &Shown, tried: &Tried) -> Markup {
    let texts = visit.texts();
    let words = &texts.credential;
    let has_overlap = shown.known.as_ref().is_some_and(|known| known.has_overlap());
    html! {
        form.panel method="post" action=(shown.at(visit, "/credential")) autocomplete="off" {
            (page::form_token(visit))
            (render::summary(&tried.wrong, texts))
            @if let Some(failure) = &tried.refused { (refused(failure, texts)) }
            @if let Some(reason) = &tried.conflict {
                div.notice.bad role="alert" data-focus tabindex="-1" { (icon::warning()) div { (reason) } }
            }
            p.lead { (words.how) }
            div.part { (render::fields(&fields(shown), Drawn { values: &tried.values, wrong: &tried.wrong, texts })) }
            @if has_overlap {
                div.field {
                    label for="f-overlap" { (words.overlap) }
                    select #f-overlap name="overlap_ms" {
                        @for ms in OVERLAPS {
                            option value=(ms) { @if ms == 0 { (words.no_overlap) } @else { (time::span(ms, texts)) } }
                        }
                    }
                    p.help { (words.overlap_help) }
                }
            }
            @if tried.refused.is_some() {
                label.choice { input type="checkbox" name="unverified" value="1"; span { (words.unverified) } }
            }
            div.actions.part { button.button.primary { (words.take_over) } }
        }
    }
}

fn refused(failure: &Refusal, texts: &Texts) -> Markup {
    html! {
        div.notice.bad role="alert" data-focus tabindex="-1" {
            (icon::cross())
            div {
                strong { (texts.credential.refused) }
                p { (failure.message) }
                p.small.muted { (texts.credential.nothing_changed) }
            }
        }
    }
}

/// A fingerprint as people compare it: its beginning.
fn short(fingerprint: &str) -> &str {
    let text = fingerprint.split_once(':').map_or(fingerprint, |(_, text)| text);
    text.get(..12).unwrap_or(text)
}
