//! Does the store keep what it promises? One suite for every engine, and a model of the queue to compare with.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod conformance;
mod queue_model;
mod rotation_model;
mod row_level_security;
mod sql;
mod stateless;
mod support;
mod unchained;
