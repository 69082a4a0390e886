//! The words that fields with a fixed set of values may hold, for the OpenAPI document. They are written by the model.

use freehold_model::ErrorKind;
use freehold_model::api_key::KeyKind;
use freehold_model::attempt::AttemptState;
use freehold_model::delivery::DeliveryState;
use freehold_model::permission::Permission;
use freehold_model::rotation::VersionState;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object, ObjectBuilder, Type};

fn words<const N: usize>(words: [&'static str; N]) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

pub(crate) fn delivery_state() -> Object {
    use DeliveryState::{Cancelled, Dead, Delivered, Queued};
    words([Queued, Delivered, Dead, Cancelled].map(DeliveryState::as_str))
}

pub(crate) fn attempt_state() -> Object {
    use AttemptState::{Delivered, Failed, Lost, Partial, Started};
    words([Started, Delivered, Partial, Failed, Lost].map(AttemptState::as_str))
}

pub(crate) fn error_kind() -> Object {
    use ErrorKind::{Auth, Config, EgressDenied, Plugin, Rejected, Throttled, Transient};
    words([Transient, Throttled, Auth, Config, Rejected, EgressDenied, Plugin].map(ErrorKind::as_str))
}

pub(crate) fn credential_state() -> Object {
    words(VersionState::ALL.map(VersionState::as_str))
}

pub(crate) fn destination_state() -> Object {
    words(["active", "paused"])
}

pub(crate) fn pause_reason() -> Object {
    words(["requested", "auth", "config"])
}

pub(crate) fn export_format() -> Object {
    words(["jsonl", "csv", "ocsf"])
}

pub(crate) fn key_kind() -> Object {
    words(KeyKind::ALL.map(KeyKind::as_str))
}

pub(crate) fn scopes() -> Array {
    ArrayBuilder::new().items(words(Permission::ALL.map(Permission::as_str))).build()
}

pub(crate) fn session_scopes() -> Array {
    ArrayBuilder::new().items(words([Permission::Read, Permission::Manage].map(Permission::as_str))).build()
}

pub(crate) fn actor_kind() -> Object {
    words(["api-key", "portal-session", "operator", "system"])
}
