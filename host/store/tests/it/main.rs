//! Does the store keep what it promises? One suite for every engine, and a model of the queue to compare with.

mod conformance;
mod queue_model;
mod sql;
mod support;
