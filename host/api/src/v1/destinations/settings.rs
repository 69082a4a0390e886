//! How a destination's delivery settings are asked for and shown.

use freehold_control::decode::Object;
use freehold_control::{RetryDraft, SettingsDraft};
use freehold_model::destination::DeliverySettings;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How deliveries are batched and retried. What is missing is as the destination type says.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Events in one batch at most.
    #[schema(minimum = 1)]
    batch_events: Option<u32>,
    /// Bytes of event data in one batch at most.
    #[schema(minimum = 1024)]
    batch_bytes: Option<u32>,
    /// How long the first event of a batch may wait for more, in milliseconds.
    #[schema(minimum = 1, maximum = 3_600_000)]
    batch_age_ms: Option<u32>,
    /// Batches under way at the same time at most.
    #[schema(minimum = 1, maximum = 64)]
    concurrency: Option<u32>,
    /// How failures are retried.
    #[serde(default)]
    #[schema(value_type = Retry, required = false)]
    retry: Object<Retry>,
}

/// Exponential backoff with full jitter.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retry {
    /// Upper bound of the first wait, in milliseconds; 5,000 when missing.
    #[schema(minimum = 1)]
    base_ms: Option<u64>,
    /// Upper bound of any wait, in milliseconds; 24 hours when missing.
    #[schema(minimum = 1, maximum = 86_400_000)]
    cap_ms: Option<u64>,
    /// How long after the first attempt retries go on, in milliseconds; 72 hours when missing.
    #[schema(maximum = 2_592_000_000_i64)]
    give_up_after_ms: Option<u64>,
}

impl From<Settings> for SettingsDraft {
    fn from(settings: Settings) -> Self {
        let Object(retry) = settings.retry;
        SettingsDraft {
            batch_events: settings.batch_events,
            batch_bytes: settings.batch_bytes,
            batch_age_ms: settings.batch_age_ms,
            concurrency: settings.concurrency,
            retry: Object(RetryDraft {
                base_ms: retry.base_ms,
                cap_ms: retry.cap_ms,
                give_up_after_ms: retry.give_up_after_ms,
            }),
        }
    }
}

/// How deliveries are batched and retried. Null means: as the destination type says.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EffectiveSettings)]
pub(crate) struct SettingsAnswer {
    /// Events in one batch at most.
    batch_events: Option<u32>,
    /// Bytes of event data in one batch at most.
    batch_bytes: Option<u32>,
    /// How long the first event of a batch may wait for more, in milliseconds.
    batch_age_ms: Option<u32>,
    /// Batches under way at the same time at most.
    concurrency: Option<u32>,
    /// How failures are retried.
    retry: RetryAnswer,
}

/// Exponential backoff with full jitter.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EffectiveRetry)]
pub(crate) struct RetryAnswer {
    /// Upper bound of the first wait, in milliseconds.
    base_ms: u64,
    /// Upper bound of any wait, in milliseconds.
    cap_ms: u64,
    /// How long after the first attempt retries go on, in milliseconds.
    give_up_after_ms: u64,
}

impl From<DeliverySettings> for SettingsAnswer {
    fn from(settings: DeliverySettings) -> Self {
        let chosen = |number: u32| (number > 0).then_some(number);
        SettingsAnswer {
            batch_events: chosen(settings.batch_events),
            batch_bytes: chosen(settings.batch_bytes),
            batch_age_ms: chosen(settings.batch_age_ms),
            concurrency: chosen(settings.concurrency),
            retry: RetryAnswer {
                base_ms: settings.retry.base_ms,
                cap_ms: settings.retry.cap_ms,
                give_up_after_ms: settings.retry.give_up_after_ms,
            },
        }
    }
}
