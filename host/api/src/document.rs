//! The OpenAPI document, made from the handlers themselves.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, License, OpenApi, OpenApiBuilder, Ref, ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use crate::problem::{FieldError, ProblemDocument};
use crate::state::ApiState;
use crate::{operation, v1};

const SECURITY: &str = "api_key";

/// Every route with its description.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(frame()).merge(operation::routes()).merge(v1::routes())
}

/// The whole document.
pub(crate) fn openapi() -> OpenApi {
    let mut document = routes().into_openapi();
    for (path, item) in &mut document.paths.paths {
        let methods = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for operation in methods.into_iter().flatten() {
            complete(path, operation);
        }
    }
    document
}

/// Adds what holds for every operation: how it can fail, and that it needs a key.
fn complete(path: &str, operation: &mut Operation) {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let failure = ResponseBuilder::new()
        .description("What went wrong (RFC 9457)")
        .content("application/problem+json", problem)
        .build();
    operation.responses.responses.insert("default".to_owned(), failure.into());
    if path.starts_with("/v1/") {
        operation.security = Some(vec![SecurityRequirement::new(SECURITY, Vec::<String>::new())]);
    }
}

fn frame() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Freehold")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Delivers a product's events into infrastructure that its customers own. \
             Every request under `/v1` carries an API key: `Authorization: Bearer fh_live_…`.",
        ))
        .license(Some(License::new("Apache-2.0")))
        .build();
    let key = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components = ComponentsBuilder::new()
        .security_scheme(SECURITY, key)
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
                "delete /v1/customers/{customer}",
                "delete /v1/destinations/{id}",
                "get /healthz",
                "get /metrics",
                "get /openapi.json",
                "get /readyz",
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
                "get /v1/destinations/{id}",
                "get /v1/destinations/{id}/credentials",
                "get /v1/events",
                "get /v1/events/{id}",
                "patch /v1/destinations/{id}",
                "patch /v1/destinations/{id}/credentials/{version}",
                "post /v1/customers",
                "post /v1/customers/{customer}/destinations",
                "post /v1/deliveries/{id}/replay",
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
                "put /v1/destinations/{id}/credential",
            ]
        );
    }

    #[test]
    fn every_operation_has_a_summary_a_failure_and_a_key() {
        let document = serde_json::to_value(openapi()).unwrap();

        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path}");
                assert!(operation["responses"]["default"].is_object(), "{method} {path}");
                assert_eq!(operation["security"].is_array(), path.starts_with("/v1/"), "{method} {path}");
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
