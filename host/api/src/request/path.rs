//! The parts of a path that name something.

use axum::extract::{FromRequestParts, Path};
use axum::http::request;

use crate::problem::{Kind, Problem};

/// The text in the path's only placeholder, percent-decoded.
pub(crate) struct PathText(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Problem> {
        let read = Path::<String>::from_request_parts(parts, state).await;
        // It fails only when the text is not UTF-8, and then names nothing.
        read.map(|Path(text)| PathText(text)).map_err(|_| Problem::new(Kind::NotFound, "there is no such path"))
    }
}

/// A destination and one of its credential versions, percent-decoded.
pub(crate) struct VersionPath {
    pub(crate) id: String,
    pub(crate) version: String,
}

impl<S: Send + Sync> FromRequestParts<S> for VersionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Problem> {
        let read = Path::<(String, String)>::from_request_parts(parts, state).await;
        let named = read.map(|Path((id, version))| VersionPath { id, version });
        named.map_err(|_| Problem::new(Kind::NotFound, "there is no such path"))
    }
}
