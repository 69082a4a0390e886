//! Which page answers which address, below `/portal`.

use axum::Router;
use axum::routing::{get, post};

use crate::pages::{activity, deliveries, destinations};
use crate::state::PortalState;
use crate::{assets, icon, look, open};

pub(crate) fn routes() -> Router<PortalState> {
    Router::new().route("/assets/{name}", get(assets::asset)).nest("/{session}", of_session())
}

fn of_session() -> Router<PortalState> {
    Router::new()
        .route("/", get(open::bootstrap))
        .route("/open", post(open::open))
        .route("/look", post(open::restyle))
        .route("/theme.css", get(look::stylesheet))
        .route("/types/{name}/icon", get(icon::of_type_file))
        .route("/destinations", get(destinations::list))
        .route("/destinations/add", get(destinations::choose))
        .route("/destinations/add/{type}", get(destinations::add::form).post(destinations::add::submit))
        .nest("/destinations/{id}", of_destination())
        .route("/deliveries", get(deliveries::list::list))
        .route("/deliveries/{id}", get(deliveries::show::show))
        .route("/deliveries/{id}/replay", post(deliveries::replay::one))
        .route("/activity", get(activity::list))
        .route("/activity/export/{format}", get(activity::export))
}

fn of_destination() -> Router<PortalState> {
    use destinations::{act, credential, edit};

    Router::new()
        .route("/", get(destinations::show))
        .route("/edit", get(edit::form).post(edit::submit))
        .route("/test", post(act::test))
        .route("/pause", post(act::pause))
        .route("/resume", post(act::resume))
        .route("/delete", get(act::confirm_delete).post(act::delete))
        .route("/verify", get(destinations::samples))
        .route("/replay", get(deliveries::replay::of_destination).post(deliveries::replay::start))
        .route("/credential", get(credential::page).post(credential::replace))
        .route("/credential/{version}/roll-back", post(credential::roll_back))
        .route("/credential/{version}/revoke", get(credential::confirm_revoke).post(credential::revoke))
}
