//! Time and randomness as arguments, so that every rule that depends on them can be tested.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment: milliseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Timestamp = Timestamp(0);
    /// 9999-12-31T23:59:59.999Z, the last moment that RFC 3339 can write.
    pub const MAX: Timestamp = Timestamp(253_402_300_799_999);

    /// The moment `ms` milliseconds after the epoch, held within [`Self::EPOCH`]`..=`[`Self::MAX`].
    pub fn from_millis(ms: i64) -> Self {
        Timestamp(ms.clamp(0, Self::MAX.0))
    }

    /// Milliseconds since the epoch.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// This moment `ms` milliseconds later; saturates at [`Self::MAX`].
    pub fn plus_millis(self, ms: u64) -> Self {
        Timestamp::from_millis(self.0.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    /// This moment `ms` milliseconds earlier; saturates at [`Self::EPOCH`].
    pub fn minus_millis(self, ms: u64) -> Self {
        Timestamp::from_millis(self.0.saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    /// Milliseconds from `earlier` to this moment, 0 if `earlier` is later.
    pub fn millis_since(self, earlier: Timestamp) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    /// Reads RFC 3339, for example `2026-11-23T10:00:00Z`.
    ///
    /// # Errors
    /// When the text is not RFC 3339 or lies outside 1970 to 9999.
    pub fn parse(text: &str) -> Result<Self, InvalidTimestamp> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| InvalidTimestamp)?;
        let ms = parsed.as_millisecond();
        if (0..=Self::MAX.0).contains(&ms) { Ok(Timestamp(ms)) } else { Err(InvalidTimestamp) }
    }
}

/// A text that is not an RFC 3339 time between 1970 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time between the years 1970 and 9999, such as 2026-11-23T10:00:00Z")]
pub struct InvalidTimestamp;

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => write!(f, "{moment:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Timestamp::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Where the current time comes from.
pub trait Clock: Send + Sync {
    /// The current wall-clock time.
    fn now(&self) -> Timestamp;
}

/// Where randomness comes from. Must be cryptographically secure outside tests.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The two things that no rule may fetch by itself: the time and randomness.
#[derive(Clone)]
pub struct Sources {
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub entropy: Arc<dyn Entropy>,
}

impl Sources {
    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// `N` random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// A uniformly random number in `0..=max`.
    pub fn random_up_to(&self, max: u64) -> u64 {
        let wide = u128::from(u64::from_le_bytes(self.random::<8>())) * (u128::from(max) + 1);
        // The high half of a 64 × 64 bit product is uniform up to a bias of 2^-64 × max, which no schedule can notice.
        u64::try_from(wide >> 64).unwrap_or(max)
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_written_as_rfc_3339_and_read_back() {
        let moment = Timestamp::from_millis(1_795_471_200_123);

        assert_eq!(Timestamp::parse(&moment.to_string()), Ok(moment));
        assert!(moment.to_string().ends_with(".123Z"), "{moment}");
    }

    #[test]
    fn absurd_times_are_refused() {
        for text in ["", "yesterday", "1969-12-31T23:59:59Z", "-009999-01-01T00:00:00Z", "2026-13-01T00:00:00Z"] {
            assert_eq!(Timestamp::parse(text), Err(InvalidTimestamp), "{text}");
        }
    }
}
