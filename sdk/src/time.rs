//! Dates and times of day in UTC, in the forms that protocols want. Pure: the clock is [`crate::context::now_ms`].

use std::fmt;

/// A moment, taken apart in UTC.
///
/// ```
/// use freehold_sdk::time::DateTime;
///
/// let time = DateTime::from_unix_ms(1_649_367_553_250);
/// assert_eq!(time.to_string(), "2022-04-07T21:39:13.250Z");
/// assert_eq!(time.compact(), "20220407T213913Z");
/// assert_eq!((time.year, time.hour), (2022, 21));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    /// The year, from 1970.
    pub year: u64,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month, 1 to 31.
    pub day: u8,
    /// The hour, 0 to 23.
    pub hour: u8,
    /// The minute, 0 to 59.
    pub minute: u8,
    /// The second, 0 to 59.
    pub second: u8,
    /// The millisecond, 0 to 999.
    pub millisecond: u16,
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_S: u64 = 24 * 60 * 60;

impl DateTime {
    /// The moment this many milliseconds after 1970-01-01T00:00:00Z.
    pub fn from_unix_ms(ms: u64) -> Self {
        let (seconds, millisecond) = (ms / 1000, ms % 1000);
        let (year, month, day) = date_of_day(seconds / DAY_S);
        let second_of_day = seconds % DAY_S;
        DateTime {
            year,
            month: small(month),
            day: small(day),
            hour: small(second_of_day / 3600),
            minute: small(second_of_day / 60 % 60),
            second: small(second_of_day % 60),
            millisecond: u16::try_from(millisecond).unwrap_or(999),
        }
    }

    /// `YYYY-MM-DD`.
    ///
    /// ```
    /// # use freehold_sdk::time::DateTime;
    /// assert_eq!(DateTime::from_unix_ms(0).date(), "1970-01-01");
    /// ```
    pub fn date(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// `YYYYMMDDThhmmssZ`, the basic form of ISO 8601 that AWS signatures use.
    pub fn compact(&self) -> String {
        format!(
            "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
            self.year, self.month, self.day, self.hour, self.minute, self.second
        )
    }
}

/// RFC 3339 with milliseconds: `2022-04-07T21:39:13.250Z`.
impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            self.year, self.month, self.day, self.hour, self.minute, self.second, self.millisecond
        )
    }
}

/// Reads an HTTP date in its preferred form (RFC 9110 §5.6.7) as seconds since 1970-01-01T00:00:00Z.
///
/// ```
/// # use freehold_sdk::time::http_date;
/// assert_eq!(http_date("Thu, 07 Apr 2022 21:39:13 GMT"), Some(1_649_367_553));
/// assert_eq!(http_date("tomorrow"), None);
/// ```
pub fn http_date(text: &str) -> Option<u64> {
    let (_weekday, rest) = text.trim().split_once(", ")?;
    let mut parts = rest.split(' ');
    let (day, month, year) = (number(parts.next()?, 31)?, parts.next()?, number(parts.next()?, 9999)?);
    let mut clock = parts.next()?.split(':');
    let (hour, minute, second) = (number(clock.next()?, 23)?, number(clock.next()?, 59)?, number(clock.next()?, 60)?);
    let month = u64::try_from(MONTHS.iter().position(|name| *name == month)?).ok()? + 1;
    let complete = parts.next() == Some("GMT") && parts.next().is_none() && clock.next().is_none();
    if !complete || day == 0 || year < 1970 {
        return None;
    }
    Some(day_of_date(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second)
}

fn number(text: &str, max: u64) -> Option<u64> {
    let digits_only = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|n| digits_only && *n <= max)
}

fn small(number: u64) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

// Both ways by Howard Hinnant's method (https://howardhinnant.github.io/date_algorithms.html): eras of 400 years, years that
// begin in March so that the leap day is the last one. 719,468 days lie between 0000-03-01 and 1970-01-01.

fn date_of_day(day: u64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

fn day_of_date(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_taken_apart() {
        for (ms, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(DateTime::from_unix_ms(ms).to_string(), expected);
        }
    }

    #[test]
    fn days_and_dates_lead_to_each_other() {
        for day in 0..80_000 {
            let (year, month, date) = date_of_day(day);
            assert_eq!(day_of_date(year, month, date), day);
        }
    }

    #[test]
    fn http_dates_are_read_and_nonsense_is_not() {
        for (text, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            (" Sun, 06 Nov 1994 08:49:37 GMT ", Some(784_111_777)),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 06 Nov 1994 08:49 GMT", None),
            ("Sun, 00 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nvo 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1894 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 +8:49:37 GMT", None),
            ("", None),
        ] {
            assert_eq!(http_date(text), expected, "{text:?}");
        }
    }
}
