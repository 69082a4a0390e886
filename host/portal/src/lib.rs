//! The customer's pages: server-rendered, opened by a portal session, framed by the vendor's product.
//!
//! An address names a session, `/portal/{session}/…`; the session's token is in a cookie of that session alone. A page is
//! read by `GET` and changed by plain forms. Like `api`, nothing here decides what is allowed: a use-case of `control` or
//! `pipeline` does.
//!
//! To add a page: make its file below `pages/`, name its handler in `routes.rs`, put its texts into `texts.rs` and both
//! languages. Take [`Visit`](visit::Visit) to read, [`Posted`](posted::Posted) to change.

mod around;
mod assets;
mod console;
mod cookies;
mod exchange;
mod failure;
mod form;
mod frame;
mod health;
mod icon;
mod language;
mod look;
mod open;
mod page;
mod pages;
mod permissions;
mod posted;
mod query;
mod routes;
mod setup;
mod state;
mod texts;
mod time;
mod visit;

use axum::Router;
use axum::routing::get;
use prometheus::Registry;

pub use state::PortalState;

/// Everything below `/portal`.
pub fn router(state: PortalState) -> Router {
    around::wrap(routes::routes(), &state).with_state(state)
}

/// The vendor's console: everything below `/console`. It shows what `registry` has counted.
pub fn console(state: PortalState, registry: Registry) -> Router {
    around::wrap(console::routes(registry), &state).with_state(state)
}

/// What vendors' pages load: everything below `/embed`.
pub fn embed() -> Router {
    Router::new().route("/freehold-portal.js", get(assets::element))
}
