//! `/portal/{session}/destinations/add/{type}`: the form of a new destination, its test, and its making.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use freehold_control::{
    ControlError, CreatedDestination, DestinationDraft, DestinationType, SettingsDraft, TestReport,
};
use freehold_model::permission::Permission;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::parts::{self, Answers};
use crate::failure::Failure;
use crate::form::problems::{self, Wrong};
use crate::form::read;
use crate::form::render::{self, Shown};
use crate::form::schema::{self, Field};
use crate::page::{self, Section};
use crate::posted::{Form, Posted};
use crate::setup;
use crate::state::PortalState;
use crate::texts::fill;
use crate::visit::Visit;
use crate::{icon, permissions};

/// A type with the fields of its forms.
struct Asked {
    known: Arc<DestinationType>,
    config: Vec<Field>,
    credential: Vec<Field>,
}

/// `GET`: the empty form.
pub(crate) async fn form(
    State(state): State<PortalState>,
    visit: Visit,
    Path((_, name)): Path<(String, String)>,
) -> Result<Response, Failure> {
    visit.caller.require(Permission::Manage)?;
    let asked = Asked::of(&state, &visit, &name)?;
    let answers = Answers { name: asked.known.manifest().label.clone(), ..Answers::default() };
    Ok(asked.page(StatusCode::OK, &visit, &answers, &[], None))
}

/// `POST`: tries what the form says, or makes it.
pub(crate) async fn submit(
    State(state): State<PortalState>,
    Path((_, name)): Path<(String, String)>,
    Posted { visit, form }: Posted,
) -> Result<Response, Failure> {
    let asked = Asked::of(&state, &visit, &name)?;
    let answers = asked.answers(&form);
    let draft = asked.draft(&form, &answers);
    let customer = visit.customer().as_str();
    let refused = match form.get("do") {
        Some("test") => match state.control.test_draft(&visit.caller, customer, draft).await {
            Ok(report) => return Ok(asked.page(StatusCode::OK, &visit, &answers, &[], Some(&report))),
            Err(error) => error,
        },
        _ => match state.control.create_destination(&visit.caller, customer, draft).await {
            Ok(created) => return Ok(made(&visit, &created)),
            Err(error) => error,
        },
    };
    let ControlError::Invalid(problems) = refused else { return Err(refused.into()) };
    let wrong = problems::at_fields(&problems, &[&asked.config, &asked.credential], visit.texts());
    Ok(asked.page(StatusCode::UNPROCESSABLE_ENTITY, &visit, &answers, &wrong, None))
}

impl Asked {
    fn of(state: &PortalState, visit: &Visit, name: &str) -> Result<Self, Failure> {
        let known = state.control.destination_type(&visit.caller, name)?;
        let config = schema::fields("config", &known.manifest().config);
        let credential = schema::fields("credential", &known.manifest().credential);
        Ok(Asked { known, config, credential })
    }

    fn answers(&self, form: &Form) -> Answers {
        Answers {
            name: form.get("name").unwrap_or_default().to_owned(),
            config: read::object(&self.config, form),
            credential: read::public(&self.credential, form),
            events: parts::events(form),
        }
    }

    fn draft(&self, form: &Form, answers: &Answers) -> DestinationDraft {
        let credential = read::secrets(&self.credential, form);
        DestinationDraft {
            type_name: self.known.manifest().name.clone(),
            name: answers.name.trim().to_owned(),
            config: answers.config.clone(),
            credential: (!credential.is_empty()).then_some(credential),
            subscription: answers.events.clone(),
            settings: SettingsDraft::default(),
        }
    }

    fn page(
        &self,
        status: StatusCode,
        visit: &Visit,
        answers: &Answers,
        wrong: &[Wrong],
        tested: Option<&TestReport>,
    ) -> Response {
        let texts = visit.texts();
        let manifest = self.known.manifest();
        let title = fill(texts.add.title, &[&manifest.label]);
        let body = html! {
            (page::crumb(visit, "/destinations/add", texts.add.choose_title))
            div.heading {
                div.with-icon {
                    (icon::of_type(&manifest.name))
                    div { h1 { (title) } p.lead { (manifest.description) } }
                }
            }
            div.beside {
                form method="post" data-testing autocomplete="off" {
                    (page::form_token(visit))
                    div #outcome { (render::summary(wrong, texts)) (self.outcome(visit, tested)) }
                    (self.fields(visit, answers, wrong))
                    div.actions {
                        button.button.primary name="do" value="save" { (texts.add.save) }
                        button.button name="do" value="test" data-test { (texts.add.test) }
                        a.button.quiet href=(visit.at("/destinations")) { (texts.nav.cancel) }
                    }
                    p.help { (texts.add.test_help) }
                }
                aside {
                    div.panel { h2 { (texts.permissions.title) } (permissions::list(&self.known, texts)) }
                    (setup::guide(&self.known, &answers.config, true, texts))
                }
            }
        };
        page::answer(status, visit, Section::Destinations, &title, &body)
    }

    fn fields(&self, visit: &Visit, answers: &Answers, wrong: &[Wrong]) -> Markup {
        let texts = visit.texts();
        let shown = |values| Shown { values, wrong, texts };
        html! {
            fieldset {
                legend { (texts.add.where_to) }
                (parts::name_field(&answers.name, wrong, texts))
                (render::fields(&self.config, shown(&answers.config)))
            }
            @if !self.credential.is_empty() {
                fieldset {
                    legend { (texts.add.credential) }
                    p.help.part { (texts.add.credential_help) }
                    (render::fields(&self.credential, shown(&answers.credential)))
                }
            }
            (parts::event_fields(answers.events.as_deref(), wrong, texts))
        }
    }

    fn outcome(&self, visit: &Visit, tested: Option<&TestReport>) -> Markup {
        let texts = visit.texts();
        html! {
            @if let Some(report) = tested {
                (parts::test_outcome(report, texts))
                @if self.credential.iter().any(|field| field.secret && !field.generated) {
                    p.help.without-script { (texts.add.enter_again) }
                }
            }
        }
    }
}

/// Goes to the new destination, unless there is a secret to be shown first.
fn made(visit: &Visit, created: &CreatedDestination) -> Response {
    let address = visit.at(&format!("/destinations/{}", created.destination.id));
    if created.generated.is_empty() {
        return Redirect::to(&format!("{address}?done=made")).into_response();
    }
    let texts = visit.texts();
    let body = html! {
        div.heading { div { h1 { (texts.add.made) } p.lead { (created.destination.name) } } }
        (parts::shown_once(&created.generated, texts))
        p { a.button.primary href=(address) { (texts.add.to_destination) } }
    };
    page::keeping_address(visit, Section::Destinations, texts.add.made, &address, &body)
}

impl Default for Answers {
    fn default() -> Self {
        Answers { name: String::new(), config: json!({}), credential: Value::Null, events: None }
    }
}
