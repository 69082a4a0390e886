//! `/portal/{session}/destinations/{id}/edit`: name, settings and events of a destination.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use freehold_control::ControlError;
use freehold_model::permission::Permission;
use maud::html;
use serde_json::{Map, Value, json};

use super::act;
use super::parts::{self, Answers};
use super::show::Shown;
use crate::failure::Failure;
use crate::form::problems::{self, Wrong};
use crate::form::read;
use crate::form::render::{self, Shown as Drawn};
use crate::form::schema::{self, Field};
use crate::page::{self, Section};
use crate::posted::Posted;
use crate::setup;
use crate::state::PortalState;
use crate::visit::Visit;

/// `GET`: the form with what is set.
pub(crate) async fn form(
    State(state): State<PortalState>,
    visit: Visit,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    visit.caller.require(Permission::Manage)?;
    let shown = Shown::of(&state, &visit, &id).await?;
    let fields = fields(&shown)?;
    let destination = &shown.destination;
    let answers = Answers {
        name: destination.name.clone(),
        config: destination.config.clone(),
        events: Some(destination.subscription.iter().map(ToString::to_string).collect()),
        ..Answers::default()
    };
    Ok(draw(StatusCode::OK, &visit, &shown, &fields, &answers, &[]))
}

/// `POST`: changes it.
pub(crate) async fn submit(
    State(state): State<PortalState>,
    Path((_, id)): Path<(String, String)>,
    Posted { visit, form }: Posted,
) -> Result<Response, Failure> {
    let shown = Shown::of(&state, &visit, &id).await?;
    let fields = fields(&shown)?;
    let answers = Answers {
        name: form.get("name").unwrap_or_default().to_owned(),
        config: read::object(&fields, &form),
        events: Some(parts::events(&form).unwrap_or_else(|| vec!["*".to_owned()])),
        ..Answers::default()
    };
    let patch = json!({
        "name": answers.name.trim(),
        "config": difference(&shown.destination.config, &answers.config),
        "subscription": answers.events,
    });
    match state.control.change_destination(&visit.caller, &id, patch).await {
        Ok(_) => Ok(act::back(&visit, &id, "saved")),
        Err(ControlError::Invalid(problems)) => {
            let wrong = problems::at_fields(&problems, &[&fields], visit.texts());
            Ok(draw(StatusCode::UNPROCESSABLE_ENTITY, &visit, &shown, &fields, &answers, &wrong))
        }
        Err(error) => Err(error.into()),
    }
}

fn fields(shown: &Shown) -> Result<Vec<Field>, Failure> {
    let known = shown.known.as_ref().ok_or(Failure::NotFound)?;
    Ok(schema::fields("config", &known.manifest().config))
}

/// The merge patch (RFC 7396) that makes `after` of `before`: what is gone becomes null.
fn difference(before: &Value, after: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (before, after) else { return after.clone() };
    let mut patch: Map<String, Value> =
        before.keys().filter(|name| !after.contains_key(*name)).map(|name| (name.clone(), Value::Null)).collect();
    patch.extend(
        after.iter().map(|(name, value)| (name.clone(), difference(before.get(name).unwrap_or(&Value::Null), value))),
    );
    Value::Object(patch)
}

fn draw(
    status: StatusCode,
    visit: &Visit,
    shown: &Shown,
    fields: &[Field],
    answers: &Answers,
    wrong: &[Wrong],
) -> Response {
    let texts = visit.texts();
    let body = html! {
        (shown.heading(visit))
        div.beside {
            form method="post" autocomplete="off" {
                (page::form_token(visit))
                (render::summary(wrong, texts))
                fieldset {
                    legend { (texts.show.settings) }
                    (parts::name_field(&answers.name, wrong, texts))
                    (render::fields(fields, Drawn { values: &answers.config, wrong, texts }))
                }
                (parts::event_fields(answers.events.as_deref(), wrong, texts))
                div.actions {
                    button.button.primary { (texts.add.save) }
                    a.button.quiet href=(shown.at(visit, "")) { (texts.nav.cancel) }
                }
            }
            aside { @if let Some(known) = &shown.known { (setup::guide(known, &answers.config, false, texts)) } }
        }
    };
    page::answer(status, visit, Section::Destinations, &shown.destination.name, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_was_emptied_is_taken_away() {
        let before = json!({ "url": "a", "headers": { "x": "1", "y": "2" }, "format": "batch" });
        let after = json!({ "url": "b", "headers": { "y": "2" } });

        let patch = difference(&before, &after);

        assert_eq!(patch, json!({ "url": "b", "headers": { "x": null, "y": "2" }, "format": null }));
    }
}
