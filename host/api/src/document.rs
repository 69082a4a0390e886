//! The OpenAPI document, made from the handlers themselves.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, License, OpenApi, OpenApiBuilder, Ref, ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use crate::problem::{FieldError, ProblemDocument};
use crate::state::ApiState;
use crate::{operation, v1};

/// How callers may authenticate. Each operation says which of them it takes, and with which scope.
const API_KEY: &str = "api_key";
const PORTAL_SESSION: &str = "portal_session";

/// Every route with its description.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(frame()).merge(operation::routes()).merge(v1::routes())
}

/// The whole document.
pub(crate) fn openapi() -> OpenApi {
    let mut document = routes().into_openapi();
    for item in document.paths.paths.values_mut() {
        let methods = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        methods.into_iter().flatten().for_each(complete);
    }
    document
}

/// Adds what holds for every operation: how it can fail.
fn complete(operation: &mut Operation) {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let failure = ResponseBuilder::new()
        .description("What went wrong (RFC 9457)")
        .content("application/problem+json", problem)
        .build();
    operation.responses.responses.insert("default".to_owned(), failure.into());
}

fn frame() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Freehold")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Delivers a product's events into infrastructure that its customers own. \
             Requests under `/v1` carry an API key: `Authorization: Bearer fh_live_…`. \
             What it may do are its scopes: `publish`, `read`, `manage` (which includes `read`), `admin` (which includes all).",
        ))
        .license(Some(License::new("Apache-2.0")))
        .build();
    let bearer = |description: &str| {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description)).build();
        SecurityScheme::Http(scheme)
    };
    let components = ComponentsBuilder::new()
        .security_scheme(API_KEY, bearer("An API key of the tenant, `fh_live_…`, with one of the scopes named."))
        .security_scheme(
            PORTAL_SESSION,
            bearer("The token of a customer's portal session, `fhp_…`: it opens that customer's things."),
        )
        .schema(ProblemDocument::name(), ProblemDocument::schema())
        .schema(FieldError::name(), FieldError::schema())
        .build();
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_lists_every_route() {
        let document = serde_json::to_value(openapi()).unwrap();

        let mut routes: Vec<String> = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            routes.extend(item.as_object().unwrap().keys().map(|method| format!("{method} {path}")));
        }
        routes.sort_unstable();
        assert_eq!(
            routes,
            [
                "delete /v1/api-keys/{id}",
                "delete /v1/customers/{customer}",
                "delete /v1/destinations/{id}",
                "delete /v1/portal-sessions/{id}",
                "get /healthz",
                "get /metrics",
                "get /openapi.json",
                "get /readyz",
                "get /v1/api-keys",
                "get /v1/api-keys/{id}",
                "get /v1/attempts",
                "get /v1/attempts/{id}",
                "get /v1/audit",
                "get /v1/audit/checkpoint",
                "get /v1/audit/export",
                "get /v1/customers",
                "get /v1/customers/{customer}",
                "get /v1/customers/{customer}/destinations",
                "get /v1/deliveries",
                "get /v1/deliveries/{id}",
                "get /v1/deliveries/{id}/attempts",
                "get /v1/destination-types",
                "get /v1/destination-types/{name}",
                "get /v1/destination-types/{name}/versions",
                "get /v1/destinations/{id}",
                "get /v1/destinations/{id}/credentials",
                "get /v1/events",
                "get /v1/events/{id}",
                "patch /v1/destinations/{id}",
                "patch /v1/destinations/{id}/credentials/{version}",
                "post /v1/api-keys",
                "post /v1/api-keys/report-leak",
                "post /v1/api-keys/{id}/rotate",
                "post /v1/customers",
                "post /v1/customers/{customer}/destinations",
                "post /v1/customers/{customer}/portal-sessions",
                "post /v1/deliveries/{id}/replay",
                "post /v1/destination-types",
                "post /v1/destination-types/{name}/rollback",
                "post /v1/destination-types/{name}/upgrade",
                "post /v1/destinations/{id}/credential",
                "post /v1/destinations/{id}/credentials",
                "post /v1/destinations/{id}/credentials/{version}/cut-over",
                "post /v1/destinations/{id}/credentials/{version}/revoke",
                "post /v1/destinations/{id}/credentials/{version}/roll-back",
                "post /v1/destinations/{id}/credentials/{version}/verify",
                "post /v1/destinations/{id}/pause",
                "post /v1/destinations/{id}/replay",
                "post /v1/destinations/{id}/resume",
                "post /v1/destinations/{id}/test",
                "post /v1/events",
                "post /v1/portal-sessions/exchange",
                "put /v1/destinations/{id}/credential",
            ]
        );
    }

    /// Operations under `/v1` whose body is all that it takes.
    const OPEN: [&str; 2] = ["/v1/api-keys/report-leak", "/v1/portal-sessions/exchange"];

    #[test]
    fn every_operation_has_a_summary_a_failure_and_says_who_may() {
        let document = serde_json::to_value(openapi()).unwrap();

        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path}");
                assert!(operation["responses"]["default"].is_object(), "{method} {path}");
                let is_closed = path.starts_with("/v1/") && !OPEN.contains(&path.as_str());
                let said = operation["security"].as_array().map_or(0, Vec::len);
                assert_eq!(said > 0, is_closed, "{method} {path}");
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = serde_json::to_value(openapi()).unwrap();
        let text = document.to_string();

        for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document.pointer(reference).is_some(), "{reference} is missing");
        }
    }
}
