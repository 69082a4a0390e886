//! The files that all sessions share: one style sheet and two scripts, named by their content so that browsers may keep them.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::HeaderName;
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::failure::Failure;

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// Each file with its type.
const FILES: [(&str, &str, &str); 3] = [
    ("portal.css", CSS, include_str!("assets/portal.css")),
    ("portal.js", JS, include_str!("assets/portal.js")),
    ("frame.js", JS, include_str!("assets/frame.js")),
];

/// Their addresses, with a digest of their content.
static ADDRESSES: LazyLock<[String; FILES.len()]> = LazyLock::new(|| {
    FILES.map(|(name, _, text)| {
        let digest: String = Sha256::digest(text).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("/portal/assets/{name}?{digest}")
    })
});

/// The address of the file called `name`.
pub(crate) fn address(name: &str) -> &'static str {
    let place = FILES.iter().position(|(known, _, _)| *known == name);
    place.and_then(|place| ADDRESSES.get(place)).map_or("", String::as_str)
}

/// What vendors put into their pages, as the package for npm has it.
const ELEMENT: &str = include_str!("../../../sdk/embed/freehold-portal.js");

/// `GET /embed/freehold-portal.js`. Any page may load it: it holds nothing of anybody's.
pub(crate) async fn element() -> Response {
    let headers = [
        (CONTENT_TYPE, JS),
        (CACHE_CONTROL, "public, max-age=3600"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    (headers, ELEMENT).into_response()
}

/// `GET /portal/assets/{name}`.
pub(crate) async fn asset(Path(name): Path<String>) -> Result<Response, Failure> {
    let (_, kind, text) = FILES.iter().find(|(known, _, _)| *known == name).ok_or(Failure::NotFound)?;
    let headers = [(CONTENT_TYPE, *kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, *text).into_response())
}
