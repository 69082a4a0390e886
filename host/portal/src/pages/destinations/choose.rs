//! `GET /portal/{session}/destinations/add`: which type shall it be?

use axum::extract::State;
use axum::response::Response;
use freehold_model::permission::Permission;
use maud::html;

use crate::failure::Failure;
use crate::form::schema;
use crate::icon;
use crate::page::{self, Section};
use crate::state::PortalState;
use crate::texts::fill;
use crate::visit::Visit;

pub(crate) async fn choose(State(state): State<PortalState>, visit: Visit) -> Result<Response, Failure> {
    visit.caller.require(Permission::Manage)?;
    let types = state.control.destination_types(&visit.caller)?;
    let texts = &visit.texts().add;
    let needs = |schema: &serde_json::Value| -> Vec<String> {
        let fields = schema::fields("x", schema);
        fields.into_iter().filter(|field| field.required && !field.generated).map(|field| field.title).collect()
    };
    let body = html! {
        (page::crumb(&visit, "/destinations", visit.texts().list.title))
        div.heading { div { h1 { (texts.choose_title) } p.lead { (texts.choose_lead) } } }
        @if types.is_empty() { p.notice { (texts.none_installed) } }
        ul.cards {
            @for known in &types {
                @let manifest = known.manifest();
                @let needs = [needs(&manifest.config), needs(&manifest.credential)].concat();
                li {
                    a.card href={ (visit.at("/destinations/add/")) (manifest.name) } {
                        (icon::of_type(&manifest.name))
                        div {
                            h2 { (manifest.label) }
                            p { (manifest.description) }
                            @if !needs.is_empty() { small { (fill(texts.needs, &[&needs.join(", ")])) } }
                        }
                    }
                }
            }
        }
    };
    Ok(page::page(&visit, Section::Destinations, texts.choose_title, &body))
}
