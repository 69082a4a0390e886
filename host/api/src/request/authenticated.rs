//! Who asks: the holder of the API key or the portal token in `Authorization: Bearer …`.

use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, header, request};
use freehold_control::Caller;

use super::name::RequestId;
use crate::problem::Problem;
use crate::state::ApiState;

/// The caller, whose key or token was checked.
pub(crate) struct Authenticated(pub(crate) Caller);

impl FromRequestParts<ApiState> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, state: &ApiState) -> Result<Self, Problem> {
        let key = bearer(&parts.headers)?;
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.as_str()).unwrap_or_default();
        let caller = state.control.authenticate(key, request_id).await?;
        if let Some(asker) = parts.extensions.get::<Asker>() {
            // It is set once; a second extractor finds the same caller.
            drop(asker.0.set(caller.clone()));
        }
        Ok(Authenticated(caller))
    }
}

/// Who turned out to ask, for what happens around the request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asker(Arc<OnceLock<Caller>>);

impl Asker {
    pub(crate) fn caller(&self) -> Option<&Caller> {
        self.0.get()
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let missing = || Problem::unauthorized("send your API key as `Authorization: Bearer fh_live_…`");
    let value = values.next().ok_or_else(missing)?;
    if values.next().is_some() {
        return Err(Problem::unauthorized("send one `Authorization` header, not several"));
    }
    let (scheme, key) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(key.trim()) } else { Err(missing()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        assert_eq!(bearer(&headers).ok(), expected, "{values:?}");
    }

    #[test]
    fn a_key_is_a_bearer_token() {
        check(&["Bearer fh_live_1"], Some("fh_live_1"));
        check(&["bearer fh_live_1"], Some("fh_live_1"));
        check(&[], None);
        check(&["fh_live_1"], None);
        check(&["Basic fh_live_1"], None);
        check(&["Bearer a", "Bearer b"], None);
    }
}
