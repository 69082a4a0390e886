//! The files that all sessions share: one style sheet and two scripts, named by their content so that browsers may keep them.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
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

/// `GET /portal/assets/{name}`.
pub(crate) async fn asset(Path(name): Path<String>) -> Result<Response, Failure> {
    let (_, kind, text) = FILES.iter().find(|(known, _, _)| *known == name).ok_or(Failure::NotFound)?;
    let headers = [(CONTENT_TYPE, *kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, *text).into_response())
}
