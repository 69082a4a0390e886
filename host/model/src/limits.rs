//! Bounds on what comes from outside. Each says why it has this value.

/// Events in one publish request. A larger backlog is sent in several requests, so that one commit stays short.
pub const PUBLISH_EVENTS_MAX: usize = 1_000;
/// Bytes of one publish request: [`PUBLISH_EVENTS_MAX`] events of 5 KiB, the usual size of a webhook.
pub const PUBLISH_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Bytes of one event's `data`: the limit of the common queues (SQS, EventBridge) that an event may have to fit in.
pub const EVENT_DATA_BYTES_MAX: usize = 256 * 1024;
/// Characters of an event's id or type.
pub const EVENT_NAME_CHARS_MAX: usize = 128;
/// Metadata entries of one event.
pub const METADATA_ENTRIES_MAX: usize = 32;
/// Bytes of a metadata name; they become header names at some destinations.
pub const METADATA_NAME_BYTES_MAX: usize = 64;
/// Bytes of a metadata value.
pub const METADATA_VALUE_BYTES_MAX: usize = 512;
/// How far ahead of our clock an event's time may lie, in milliseconds: one day, for time zones written wrongly.
pub const EVENT_TIME_AHEAD_MS_MAX: u64 = 24 * 3600 * 1000;
/// Bytes of a request body other than a publish request.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a destination's config: enough for any form, small enough to hand to each new instance.
pub const CONFIG_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one credential field: a service account's key file has about 2.4 KiB, a CA bundle up to 16.
pub const CREDENTIAL_FIELD_BYTES_MAX: usize = 16 * 1024;
/// Characters of names that people give (customers, destinations, keys).
pub const NAME_CHARS_MAX: usize = 200;
/// Subscription patterns of one destination.
pub const SUBSCRIPTION_PATTERNS_MAX: usize = 100;
/// Rows on one page of a list.
pub const PAGE_ROWS_MAX: u32 = 200;
/// Rows on one page of a list when the caller does not say.
pub const PAGE_ROWS_DEFAULT: u32 = 50;
/// Bytes kept of a destination's answer in an attempt.
pub const EXCERPT_BYTES_MAX: usize = 1024;
/// Bytes kept of a failure's message.
pub const FAILURE_MESSAGE_BYTES_MAX: usize = 1024;
/// Characters of an `Idempotency-Key`.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;
/// How long an `Idempotency-Key` is remembered, in milliseconds: as long as a delivery is retried by default.
pub const IDEMPOTENCY_MS: u64 = 72 * 3600 * 1000;
