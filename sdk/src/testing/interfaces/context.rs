//! The call that the plugin is in, as the test set it.

use std::time::Duration;

use crate::testing::with_host;

pub(crate) fn attempt() -> u32 {
    with_host(|host| host.borrow().attempt)
}

pub(crate) fn time_left_ms() -> u64 {
    with_host(|host| u64::try_from(host.borrow().time_left.as_millis()).unwrap_or(u64::MAX))
}

pub(crate) fn now_ms() -> u64 {
    with_host(|host| host.borrow().now_ms)
}

pub(crate) fn wait(ms: u32) {
    with_host(|host| {
        let mut host = host.borrow_mut();
        host.now_ms += u64::from(ms);
        host.time_left = host.time_left.saturating_sub(Duration::from_millis(ms.into()));
    });
}

pub(crate) fn customer() -> String {
    "cus_test".to_owned()
}

pub(crate) fn destination() -> String {
    "dst_test".to_owned()
}
