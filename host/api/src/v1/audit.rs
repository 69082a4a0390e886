//! The audit log.

mod checkpoint;
mod export;
mod list;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::Problem;
use crate::request::named;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(export::export))
        .routes(routes!(checkpoint::checkpoint))
}

/// The action that records are asked for by. What cannot be one is refused before the database is asked for it.
fn action(text: Option<&str>) -> Result<Option<String>, Problem> {
    let fits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let read =
        |text: &str| if fits(text) { Ok(text.to_owned()) } else { Err("is no action, such as `destination.create`") };
    named("action", text, read)
}
