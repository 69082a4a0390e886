//! What a plugin may want to know about the call that it is in.

use std::time::Duration;

use crate::host::context as wit;

/// Which try of this batch this is, from 1. 0 during [`open`](crate::Sink::open) and [`verify`](crate::Sink::verify).
///
/// ```no_run
/// if freehold_sdk::context::attempt() > 1 {
///     freehold_sdk::log::info!("trying again");
/// }
/// ```
pub fn attempt() -> u32 {
    wit::attempt()
}

/// How much time is left for this call. When it is over, the instance ends.
///
/// ```no_run
/// use std::time::Duration;
///
/// if freehold_sdk::context::time_left() < Duration::from_secs(1) {
///     freehold_sdk::log::warn!("no time left for another request");
/// }
/// ```
pub fn time_left() -> Duration {
    Duration::from_millis(wit::time_left_ms())
}

/// The time: milliseconds since 1970-01-01T00:00:00Z.
///
/// ```no_run
/// let now = freehold_sdk::time::DateTime::from_unix_ms(freehold_sdk::context::now_ms());
/// ```
pub fn now_ms() -> u64 {
    wit::now_ms()
}

/// Waits, but not for longer than is left for this call. It costs no CPU time. For what passes within moments, such as the
/// election of a leader among brokers; for anything longer, answer with [`Error::transient`](crate::Error::transient).
///
/// ```no_run
/// use std::time::Duration;
///
/// freehold_sdk::context::wait(Duration::from_millis(50));
/// ```
pub fn wait(time: Duration) {
    wit::wait(u32::try_from(time.as_millis()).unwrap_or(u32::MAX));
}

/// The customer's id, `cus_…`: for names and keys that should differ by customer.
///
/// ```no_run
/// let prefix = format!("events/{}/", freehold_sdk::context::customer());
/// ```
pub fn customer() -> String {
    wit::customer()
}

/// The destination's id, `dst_…`.
///
/// ```no_run
/// let probe = format!("freehold-test-{}", freehold_sdk::context::destination());
/// ```
pub fn destination() -> String {
    wit::destination()
}
