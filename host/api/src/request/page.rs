//! Lists in pages: what the query asks for, and how a page is answered.

use freehold_control::{Caller, Control};
use freehold_model::CustomerId;
use freehold_model::limits::{PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX};
use freehold_model::page::{Page, PageRequest};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::{FieldError, Kind, Problem};

/// One page of a list, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Listed<T> {
    /// The rows of this page.
    pub(crate) data: Vec<T>,
    /// Give it as `cursor` to get the next page; null on the last one.
    pub(crate) next_cursor: Option<String>,
}

impl<T> Listed<T> {
    /// A list without rows.
    pub(crate) fn empty() -> Self {
        Listed { data: Vec::new(), next_cursor: None }
    }
}

/// The customer that a list is to be narrowed to: `Some(None)` when none is named, `None` when the name is nobody's, so
/// that the list has no rows. The id of a deleted customer still finds what is left of it.
pub(crate) async fn customer_filter(
    control: &Control,
    caller: &Caller,
    named: Option<&str>,
) -> Result<Option<Option<CustomerId>>, Problem> {
    let Some(named) = named else { return Ok(Some(None)) };
    match named.parse() {
        Ok(id) => Ok(Some(Some(id))),
        Err(_) => Ok(control.customer_id(caller, named).await?.map(Some)),
    }
}

/// The page of `list` that the query asks for. A cursor of another list or another tenant is refused.
pub(crate) fn page(
    control: &Control,
    caller: &Caller,
    list: &'static str,
    limit: Option<u32>,
    cursor: Option<&str>,
) -> Result<PageRequest, Problem> {
    let limit = limit.unwrap_or(PAGE_ROWS_DEFAULT);
    if !(1..=PAGE_ROWS_MAX).contains(&limit) {
        let message = format!("must be 1 to {PAGE_ROWS_MAX}");
        return Err(Problem::invalid(Kind::InvalidQuery, vec![FieldError::of_parameter("limit", message)]));
    }
    let after = cursor.map(|cursor| control.open_cursor(caller, list, cursor)).transpose()?;
    Ok(PageRequest { after, limit })
}

/// `page` of `list` as it is answered.
pub(crate) fn listed<T, U>(
    control: &Control,
    caller: &Caller,
    list: &'static str,
    page: Page<T>,
    answer: impl FnMut(T) -> U,
) -> Result<Listed<U>, Problem> {
    let Page { items, next } = page.map(answer);
    let next_cursor = next.map(|position| control.seal_cursor(caller, list, &position)).transpose()?;
    Ok(Listed { data: items, next_cursor })
}
