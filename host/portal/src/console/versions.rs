//! `/console/types/{name}`: the versions of a type that are installed, what runs each, and going over from one to another.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use freehold_control::{Authority, Left, Repinned, Upgrade, VersionInUse, Which};
use maud::{Markup, html};

use super::page;
use super::signed_in::{Sent, SignedIn};
use crate::failure::Failure;
use crate::posted::{Form, TOKEN};
use crate::state::PortalState;

/// Destinations that stayed where they were, of which so many are told one by one.
const LEFT_SHOWN: usize = 20;

/// What was asked for came to this.
struct Outcome {
    said: String,
    left: Vec<Left>,
    more_permissions: Vec<String>,
}

/// `GET /console/types/{name}`.
pub(crate) async fn show(
    State(state): State<PortalState>,
    signed_in: SignedIn,
    Path(name): Path<String>,
) -> Result<Response, Response> {
    draw(&state, &signed_in, &name, None).await.map_err(IntoResponse::into_response)
}

/// `POST /console/types/{name}/upgrade`: has the tenant's destinations, or a share of them, go over to a version.
pub(crate) async fn upgrade(
    State(state): State<PortalState>,
    Path(name): Path<String>,
    Sent { signed_in, form }: Sent,
) -> Result<Response, Response> {
    let outcome = upgraded(&state, &signed_in, &name, &form).await.map_err(IntoResponse::into_response)?;
    draw(&state, &signed_in, &name, Some(outcome)).await.map_err(IntoResponse::into_response)
}

/// `POST /console/types/{name}/rollback`: takes the upgrade to the current version back.
pub(crate) async fn roll_back(
    State(state): State<PortalState>,
    Path(name): Path<String>,
    Sent { signed_in, form }: Sent,
) -> Result<Response, Response> {
    let outcome = rolled_back(&state, &signed_in, &name, &form).await.map_err(IntoResponse::into_response)?;
    draw(&state, &signed_in, &name, Some(outcome)).await.map_err(IntoResponse::into_response)
}

async fn upgraded(state: &PortalState, signed_in: &SignedIn, name: &str, form: &Form) -> Result<Outcome, Failure> {
    let share = form.filled("share").unwrap_or("100");
    let which = match share.parse::<f64>() {
        Ok(100.0) => Which::All,
        Ok(percent) if percent > 0.0 && percent < 100.0 => Which::Share(percent),
        _ => return Err(Failure::Refused("the share is a number of percent, above 0 and up to 100".to_owned())),
    };
    let to = form.filled("to").map(str::to_owned);
    let upgrade = Upgrade { to, which, approve_permissions: form.has("approve") };
    let done = state.control.upgrade_type(&Authority::Tenant(&signed_in.caller), name, upgrade).await?;
    let Repinned { moved, left } = done.destinations;
    let said = format!(
        "{} went over to {}, {} ran it already, {} stayed",
        moved.len(),
        done.version.installed().version,
        done.already,
        left.len()
    );
    Ok(Outcome { said, left, more_permissions: done.more_permissions })
}

async fn rolled_back(state: &PortalState, signed_in: &SignedIn, name: &str, form: &Form) -> Result<Outcome, Failure> {
    let authority = Authority::Tenant(&signed_in.caller);
    let done = state.control.roll_back_type(&authority, name, form.filled("from")).await?;
    let Repinned { moved, left } = done.destinations;
    let said = format!("{} went back from {}, {} stayed", moved.len(), done.from.installed().version, left.len());
    Ok(Outcome { said, left, more_permissions: Vec::new() })
}

async fn draw(
    state: &PortalState,
    signed_in: &SignedIn,
    name: &str,
    outcome: Option<Outcome>,
) -> Result<Response, Failure> {
    let versions = state.control.type_versions(&signed_in.caller, name).await?;
    let body = html! {
        div.heading {
            div {
                h1 { "Versions of " (name) }
                p.lead { "Destinations stay on the version that they were made with until they are upgraded. " a href="/console/types" { "All types" } }
            }
        }
        @if let Some(outcome) = &outcome { (told(outcome)) }
        div.table {
            table {
                thead { tr { th { "Version" } th { "Digest" } th { "Signed by" } th { "Installed" } th { "State" } th { "Destinations" } } }
                tbody { @for version in &versions { (row(version, signed_in)) } }
            }
        }
        (forms(&versions, name, signed_in))
        p.muted.small { "The operator installs and disables versions: " code { "freehold plugin install" } ", " code { "freehold plugin disable" } "." }
    };
    Ok(page::page(signed_in, "/console/types", name, &body))
}

fn told(outcome: &Outcome) -> Markup {
    html! {
        div.notice role="status" tabindex="-1" data-focus {
            div {
                p { (outcome.said) "." }
                @if !outcome.more_permissions.is_empty() {
                    p { "The version asks for more than before. Approve it to upgrade those that stayed:" }
                    ul { @for more in &outcome.more_permissions { li { (more) } } }
                }
                @if !outcome.left.is_empty() {
                    ul { @for left in outcome.left.iter().take(LEFT_SHOWN) { li { code { (left.destination) } " " (left.reason) } } }
                }
            }
        }
    }
}

fn row(known: &VersionInUse, signed_in: &SignedIn) -> Markup {
    let installed = known.version.installed();
    let state = match (installed.is_disabled, installed.is_current) {
        (true, _) => "disabled",
        (false, true) => "for new destinations",
        (false, false) => "installed",
    };
    html! {
        tr {
            td { (installed.version) @if installed.tenant.is_some() { " " span.pill { "yours" } } }
            td { code { (installed.digest.chars().take("sha256:0123456789ab".len()).collect::<String>()) "…" } }
            td { @if let Some(signer) = &installed.signed_by { (signer.name) } @else { span.muted { (installed.origin.as_str()) } } }
            td { (page::ago(installed.installed_at, signed_in)) }
            td { (state) }
            td { (known.destinations) }
        }
    }
}

fn forms(versions: &[VersionInUse], name: &str, signed_in: &SignedIn) -> Markup {
    let may_run = || versions.iter().map(|known| known.version.installed()).filter(|installed| !installed.is_disabled);
    html! {
        section.panel.part aria-labelledby="upgrade" {
            h2 #upgrade { "Upgrade" }
            form method="post" action={ "/console/types/" (name) "/upgrade" } {
                input type="hidden" name=(TOKEN) value=(signed_in.form_token);
                div.field {
                    label for="f-to" { "To the version" }
                    select #f-to name="to" {
                        @for installed in may_run() {
                            option value=(installed.digest) selected[installed.is_current] { (installed.version) }
                        }
                    }
                }
                div.field {
                    label for="f-share" { "Share of the destinations, in percent" }
                    input #f-share type="number" name="share" min="1" max="100" value="100" aria-describedby="f-share-help";
                    p.help #f-share-help { "Less than 100 is a canary: always the same destinations, and a larger share has those of a smaller one among it." }
                }
                div.field {
                    label { input type="checkbox" name="approve" value="yes"; " Approve what the version may do beyond the one before" }
                }
                div.actions { button.button.primary { "Upgrade" } }
            }
        }
        section.panel.part aria-labelledby="rollback" {
            h2 #rollback { "Roll back" }
            p { "Each destination goes back to the version that it had before." }
            form method="post" action={ "/console/types/" (name) "/rollback" } {
                input type="hidden" name=(TOKEN) value=(signed_in.form_token);
                div.field {
                    label for="f-from" { "From the version" }
                    select #f-from name="from" {
                        @for installed in may_run() {
                            option value=(installed.digest) selected[installed.is_current] { (installed.version) }
                        }
                    }
                }
                div.actions { button.button { "Roll back" } }
            }
        }
    }
}
