//! The body: of the right type, of a bearable size, arrived in time, read strictly.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, header};
use freehold_model::limits;
use futures_util::StreamExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::problem::{Kind, Problem};
use crate::strict_json::{self, UniqueObject};

/// How long a body may take to arrive: 5 MiB over a slow line, but not a connection held open by a trickle.
const ARRIVAL: Duration = Duration::from_secs(25);

/// How much more than the limit is read of a body that is too large, as a multiple of it, and for how long.
const DISCARDED_TIMES_MAX: usize = 4;
const DISCARDING: Duration = Duration::from_secs(3);

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// A JSON object read as a `T`.
pub(crate) struct JsonBody<T>(pub(crate) T);

/// A JSON object read as a `T`, or nothing at all.
pub(crate) struct OptionalJsonBody<T>(pub(crate) T);

/// A JSON object that may come as `application/merge-patch+json`.
pub(crate) struct PatchBody(pub(crate) UniqueObject);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = json(request, &[JSON]).await?;
        Ok(JsonBody(strict_json::object(&bytes)?))
    }
}

impl<S: Send + Sync> FromRequest<S> for PatchBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = json(request, &[MERGE_PATCH, JSON]).await?;
        Ok(PatchBody(strict_json::object(&bytes)?))
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = Zeroizing::new(read(&parts.headers, body, limits::BODY_BYTES_MAX).await?);
        if bytes.is_empty() {
            return Ok(OptionalJsonBody(T::default()));
        }
        content_type(&parts.headers, &[JSON])?;
        Ok(OptionalJsonBody(strict_json::object(&bytes)?))
    }
}

/// The body of a request that must have one of these types. It may hold a credential, so it is wiped after use.
async fn json(request: Request, types: &[&'static str]) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let (parts, body) = request.into_parts();
    content_type(&parts.headers, types)?;
    Ok(Zeroizing::new(read(&parts.headers, body, limits::BODY_BYTES_MAX).await?))
}

/// Which of `types` the body has. Parameters do not matter, but for a charset other than UTF-8.
pub(crate) fn content_type(headers: &HeaderMap, types: &[&'static str]) -> Result<&'static str, Problem> {
    let refused = || {
        let known = types.join("` or `");
        Problem::new(
            Kind::UnsupportedMediaType,
            format!("send the body as `{known}` in UTF-8, and say so in `content-type`"),
        )
        .with_header(header::ACCEPT, HeaderValue::from_str(&types.join(", ")).unwrap_or(HeaderValue::from_static(JSON)))
    };
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).ok_or_else(refused)?;
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_utf8 = |parameter: &str| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    };
    if !parts.all(is_utf8) {
        return Err(refused());
    }
    types.iter().copied().find(|known| essence.eq_ignore_ascii_case(known)).ok_or_else(refused)
}

/// All of the body, `bytes_max` at most.
pub(crate) async fn read(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    let too_large = || Problem::new(Kind::TooLarge, format!("the body may have {bytes_max} bytes at most"));
    let announced: Option<usize> =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let mut chunks = body.into_data_stream();
    if announced.is_some_and(|length| length > bytes_max) {
        // Whoever asks before sending hears it before sending.
        if !headers.contains_key(header::EXPECT) {
            discard(&mut chunks, bytes_max).await;
        }
        return Err(too_large());
    }
    // Of one piece from the start: growing would leave copies behind that nobody wipes.
    let mut bytes = Vec::with_capacity(announced.unwrap_or(4096));
    let reading = async {
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| Problem::new(Kind::BodyTimeout, "the body broke off before its end"))?;
            if bytes.len() + chunk.len() > bytes_max {
                discard(&mut chunks, bytes_max).await;
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(())
    };
    tokio::time::timeout(ARRIVAL, reading).await.map_err(|_| {
        Problem::new(Kind::BodyTimeout, format!("the body did not arrive within {} seconds", ARRIVAL.as_secs()))
    })??;
    Ok(bytes)
}

/// Reads on for a moment, for somebody who sends too much: whoever is cut off while sending does not hear why.
async fn discard(chunks: &mut BodyDataStream, bytes_max: usize) {
    let most = bytes_max.saturating_mul(DISCARDED_TIMES_MAX);
    let reading = async {
        let mut discarded = 0;
        while let Some(Ok(chunk)) = chunks.next().await {
            discarded += chunk.len();
            if discarded > most {
                break;
            }
        }
    };
    // When the time is over, they have to live without an answer.
    drop(tokio::time::timeout(DISCARDING, reading).await);
}

/// A body in which nothing may stand: `{}` or no body at all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        if !value.is_empty() {
            headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
        }
        assert_eq!(content_type(&headers, &[MERGE_PATCH, JSON]).ok(), expected, "{value}");
    }

    #[test]
    fn the_content_type_is_checked() {
        check("application/json", Some(JSON));
        check("Application/JSON; charset=UTF-8", Some(JSON));
        check("application/merge-patch+json", Some(MERGE_PATCH));
        check("application/json; charset=latin1", None);
        check("text/plain", None);
        check("application/json-seq", None);
        check("", None);
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        let headers = HeaderMap::new();

        assert_eq!(read(&headers, Body::from("12345"), 5).await.unwrap(), b"12345");
        assert!(read(&headers, Body::from("123456"), 5).await.is_err());
    }
}
