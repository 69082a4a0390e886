//! What the part of an address after the `?` says.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request;
use freehold_model::page::PageRequest;

use crate::failure::Failure;
use crate::posted::Form;
use crate::state::PortalState;
use crate::visit::Visit;

/// The parameters of an address. Those that a page does not know are left alone: a page is no API.
pub(crate) struct Parameters(pub(crate) Form);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Parameters(Form::parse(parts.uri.query().unwrap_or_default().as_bytes())))
    }
}

impl Parameters {
    /// Which part of `list` is wanted, `limit` rows of it. A cursor of another list is refused.
    pub(crate) fn page(
        &self,
        state: &PortalState,
        visit: &Visit,
        list: &str,
        limit: u32,
    ) -> Result<PageRequest, Failure> {
        let cursor = self.0.filled("after");
        let after = cursor.map(|cursor| state.control.open_cursor(&visit.caller, list, cursor)).transpose()?;
        Ok(PageRequest { after, limit })
    }
}

/// The cursor of the page after this one of `list`, if there is one.
pub(crate) fn next(
    state: &PortalState,
    visit: &Visit,
    list: &str,
    next: Option<&str>,
) -> Result<Option<String>, Failure> {
    Ok(next.map(|position| state.control.seal_cursor(&visit.caller, list, position)).transpose()?)
}
