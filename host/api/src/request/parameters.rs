//! The query string, read strictly: every parameter is known, none appears twice.

use std::fmt::Display;

use axum::extract::FromRequestParts;
use axum::http::request;
use freehold_control::decode;
use serde::de::DeserializeOwned;

use crate::problem::{FieldError, Kind, Problem};

/// A query string read as a `T`.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or_default()).map(Parameters)
    }
}

/// Reads a parameter that names something by rules of its own.
pub(crate) fn named<T, E: Display>(
    parameter: &str,
    text: Option<&str>,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, Problem> {
    text.map(read).transpose().map_err(|error| {
        Problem::invalid(Kind::InvalidQuery, vec![FieldError::of_parameter(parameter, error.to_string())])
    })
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let problem = decode::problem(&error);
        let parameter = problem.pointer.trim_start_matches('/').to_owned();
        Problem::invalid(Kind::InvalidQuery, vec![FieldError::of_parameter(parameter, problem.message)])
    })
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use freehold_model::{DestinationId, Timestamp};
    use http_body_util::BodyExt;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read by serde")]
    struct Sample {
        limit: Option<u32>,
        destination: Option<DestinationId>,
        from: Option<Timestamp>,
    }

    async fn check(query: &str, parameter: Option<&str>) {
        let found = match parse::<Sample>(query) {
            Ok(_) => None,
            Err(problem) => {
                let body = problem.into_response().into_body().collect().await.unwrap().to_bytes();
                let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
                document["errors"][0]["parameter"].as_str().map(str::to_owned)
            }
        };
        assert_eq!(found.as_deref(), parameter, "{query}");
    }

    #[tokio::test]
    async fn each_wrong_parameter_is_named() {
        check("", None).await;
        check("limit=5&from=2026-11-23T10%3A00%3A00Z", None).await;
        check("limit=five", Some("limit")).await;
        check("limit=-1", Some("limit")).await;
        check("limit=", Some("limit")).await;
        check("destination=cus_1", Some("destination")).await;
        check("from=yesterday", Some("from")).await;
        check("colour=red", Some("colour")).await;
        check("limit=1&limit=2", Some("limit")).await;
    }
}
