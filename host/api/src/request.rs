//! Reads requests: who asks, what the path names, what the query and the body say.

mod authenticated;
mod body;
mod name;
mod page;
mod parameters;
mod path;

pub(crate) use authenticated::{Asker, Authenticated};
pub(crate) use body::{JsonBody, Nothing, OptionalJsonBody, PatchBody, content_type, read};
pub(crate) use name::{HEADER as REQUEST_ID, RequestId};
pub(crate) use page::{Listed, customer_filter, listed, page};
pub(crate) use parameters::{Parameters, named};
pub(crate) use path::{PathText, VersionPath};
