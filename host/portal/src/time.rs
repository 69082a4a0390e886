//! Moments and spans of time as people read them.

use freehold_model::Timestamp;
use maud::{Markup, html};

use crate::texts::{Texts, fill};

/// A moment as "3 minutes ago", with the exact time for whoever hovers, listens or copies. A script of ours shows the exact
/// time in the visitor's own zone.
pub(crate) fn ago(at: Timestamp, now: Timestamp, texts: &Texts) -> Markup {
    html! { time datetime=(at) title=(exact(at)) { (relative(at, now, texts)) } }
}

/// A moment as date and time.
pub(crate) fn moment(at: Timestamp) -> Markup {
    html! { time datetime=(at) data-exact { (exact(at)) } }
}

/// `2026-11-28 19:03:12 UTC`.
pub(crate) fn exact(at: Timestamp) -> String {
    let text = at.to_string();
    let date_and_time = text.get(..19).unwrap_or(&text).replace('T', " ");
    format!("{date_and_time} UTC")
}

/// `3 minutes ago`, `in 3 minutes`.
pub(crate) fn relative(at: Timestamp, now: Timestamp, texts: &Texts) -> String {
    let (distance, frame) =
        if at > now { (at.millis_since(now), texts.time.ahead) } else { (now.millis_since(at), texts.time.ago) };
    match distance {
        0..5_000 if at <= now => texts.time.just_now.to_owned(),
        // Done while the page was being made, after its own moment was noted.
        0..1_000 => texts.time.just_now.to_owned(),
        _ => fill(frame, &[&span(distance, texts)]),
    }
}

/// When something is tried next: that its time has come does not mean that it has its turn yet.
pub(crate) fn next_try(at: Timestamp, now: Timestamp, texts: &Texts) -> String {
    if at <= now { texts.time.due.to_owned() } else { fill(texts.show.next_try, &[&relative(at, now, texts)]) }
}

/// `42 ms`, `3 seconds`, `2 hours`: the largest unit that fits, in whole numbers.
pub(crate) fn span(ms: u64, texts: &Texts) -> String {
    let units = &texts.time;
    let (count, [one, many]) = match ms {
        0..1_000 => return format!("{ms} ms"),
        1_000..60_000 => (ms / 1_000, units.second),
        60_000..3_600_000 => (ms / 60_000, units.minute),
        3_600_000..86_400_000 => (ms / 3_600_000, units.hour),
        _ => (ms / 86_400_000, units.day),
    };
    fill(if count == 1 { one } else { many }, &[&count.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    fn check(ms: i64, english: &str, german: &str) {
        let now = Timestamp::from_millis(1_795_471_200_000);
        let at = Timestamp::from_millis(now.millis() + ms);
        assert_eq!(relative(at, now, Language::English.texts()), english);
        assert_eq!(relative(at, now, Language::German.texts()), german);
    }

    #[test]
    fn a_moment_is_told_by_its_distance() {
        check(-1_000, "just now", "gerade eben");
        check(5, "just now", "gerade eben");
        check(-60_000, "1 minute ago", "vor 1 Minute");
        check(-7_300_000, "2 hours ago", "vor 2 Stunden");
        check(-86_400_000, "1 day ago", "vor 1 Tag");
        check(90_000, "in 1 minute", "in 1 Minute");
        check(3 * 86_400_000, "in 3 days", "in 3 Tagen");
    }
}
