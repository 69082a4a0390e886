//! What a request is called, in answers, logs and the audit log.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, request};

/// The header that carries a request's name, both ways.
pub(crate) const HEADER: &str = "x-request-id";

/// Longer names are nobody's idea of a name.
const CHARS_MAX: usize = 128;

/// A request's name: the caller's, when it is a sane one, or else Freehold's.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    /// The name that the caller gave, if it can be repeated without harm.
    pub(crate) fn given(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(HEADER)?.to_str().ok()?;
        let fits = (1..=CHARS_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-/+=".contains(&byte));
        fits.then(|| RequestId(text.to_owned()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or(RequestId(String::new())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, is_taken: bool) {
        let headers: HeaderMap = [(HEADER.parse().unwrap(), text.parse().unwrap())].into_iter().collect();
        assert_eq!(RequestId::given(&headers).is_some(), is_taken, "{text:?}");
    }

    #[test]
    fn only_a_sane_name_is_taken_over() {
        check("req_1", true);
        check("4bf92f3577b34da6a3ce929d0e0e4736", true);
        check("", false);
        check("a b", false);
        check("<script>", false);
        check(&"x".repeat(129), false);
    }
}
