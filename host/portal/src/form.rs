//! Forms that are drawn from a type's JSON Schemas, so that a new type needs no page of its own.
//!
//! [`schema`] reads a schema into fields, [`render`] draws them, [`read`] makes JSON of what was sent, [`problems`] finds
//! the field that a problem is about. Whether the JSON is right is for the host to say: nothing is decided here.

pub(crate) mod problems;
pub(crate) mod read;
pub(crate) mod render;
pub(crate) mod schema;

#[cfg(test)]
mod tests;
