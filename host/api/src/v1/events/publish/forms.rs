//! The forms in which events can be published, as the OpenAPI document tells them: [`body`](super::body) reads them.

use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// One event, a list of events, or an object with such a list.
pub(super) struct PublishEvents;

impl PartialSchema for PublishEvents {
    fn schema() -> RefOr<Schema> {
        let event = || Ref::from_schema_name("PublishEvent");
        let list = || ArrayBuilder::new().items(event());
        OneOfBuilder::new()
            .description(Some("One event, a list of events, or an object with such a list"))
            .item(event())
            .item(list())
            .item(ObjectBuilder::new().property("events", list()).required("events"))
            .into()
    }
}

impl ToSchema for PublishEvents {}
