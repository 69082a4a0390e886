//! A form that was sent: by a page of the same session, of a bearable size, by somebody who may change things.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, HeaderName, header};
use freehold_model::permission::Permission;
use zeroize::{Zeroize, Zeroizing};

use crate::failure::Failure;
use crate::state::PortalState;
use crate::visit::Visit;

/// The most bytes of a form: a credential of several fields of 16 KiB each, percent-encoded, fits.
const BYTES_MAX: usize = 512 * 1024;
/// How long a form may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(25);
/// The field that carries the form token.
pub(crate) const TOKEN: &str = "form_token";
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Who sent a form, and what it says. Only a visitor who manages gets this far.
pub(crate) struct Posted {
    pub(crate) visit: Visit,
    pub(crate) form: Form,
}

/// The fields of a form, in their order. A name may appear several times. Wiped when dropped: some are secret.
#[derive(Default)]
pub(crate) struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(bytes);
        Form(pairs.map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned()))).collect())
    }

    /// The first value called `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The first value called `name`, without white space around it; none when nothing is left.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// Every value called `name`.
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let name = name.to_owned();
        self.0.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Whether there is anything called `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

impl FromRequest<PortalState> for Posted {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &PortalState) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, state).await?;
        let form = read(&parts.headers, body).await?;
        if form.get(TOKEN) != Some(visit.form_token.as_str()) {
            return Err(Failure::Foreign);
        }
        visit.caller.require(Permission::Manage)?;
        Ok(Posted { visit, form })
    }
}

/// The form that a page of this host sent.
pub(crate) async fn read(headers: &HeaderMap, body: Body) -> Result<Form, Failure> {
    if !comes_from_here(headers) {
        return Err(Failure::Foreign);
    }
    let read = tokio::time::timeout(ARRIVAL, to_bytes(body, BYTES_MAX)).await;
    let bytes = read.ok().and_then(Result::ok).ok_or(Failure::TooLarge)?;
    let form = Form::parse(&bytes);
    // The copy in the connection's buffer is hyper's; this one is ours.
    if let Ok(mut bytes) = bytes.try_into_mut() {
        bytes.as_mut().zeroize();
    }
    Ok(form)
}

/// Whether a page of this host sent the request. Browsers say so in `Sec-Fetch-Site`, which no page can set; those that do
/// not are judged by `Origin`, which must be this host's.
pub(crate) fn comes_from_here(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match text(SEC_FETCH_SITE) {
        Some(site) => site == "same-origin",
        None => {
            let origin = text(header::ORIGIN).and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
            origin.is_some() && origin == text(header::HOST)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &str)], expected: bool) {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
        assert_eq!(comes_from_here(&headers), expected, "{headers:?}");
    }

    #[test]
    fn only_a_page_of_this_host_sends_forms() {
        check(&[("sec-fetch-site", "same-origin"), ("origin", "null")], true);
        check(&[("sec-fetch-site", "same-site")], false);
        check(&[("sec-fetch-site", "cross-site")], false);
        check(&[("sec-fetch-site", "none")], false);
        check(&[("origin", "https://a.example"), ("host", "a.example")], true);
        check(&[("origin", "https://b.example"), ("host", "a.example")], false);
        check(&[("origin", "null"), ("host", "a.example")], false);
        check(&[("host", "a.example")], false);
        check(&[], false);
    }

    #[test]
    fn a_form_may_say_a_name_several_times() {
        let form = Form::parse(b"a=1&b=+2+&a=3&c=");

        assert_eq!(form.all("a").collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!((form.get("b"), form.filled("b"), form.filled("c")), (Some(" 2 "), Some("2"), None));
    }
}
