//! The cookies of a session: each session has its own, so that two customers side by side in one page do not mix.

use axum::http::{HeaderMap, HeaderValue, header};
use freehold_control::ShownOnce;
use freehold_model::portal_session::PortalSession;
use freehold_model::{PortalSessionId, Timestamp};
use zeroize::Zeroizing;

/// The name of the cookie with the session's token. The prefix binds it to this host alone (RFC 6265bis §4.1.3.2).
pub(crate) fn token_of(session: &PortalSessionId) -> String {
    format!("__Host-fhp-{session}")
}

/// The name of the cookie with the session's look.
pub(crate) fn look_of(session: &PortalSessionId) -> String {
    format!("__Host-fhl-{session}")
}

/// The value of the cookie called `name`; none when there are several, of which one may be somebody else's.
pub(crate) fn get(headers: &HeaderMap, name: &str) -> Option<Zeroizing<String>> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut values = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut found = values.by_ref().filter(|(known, _)| *known == name).map(|(_, value)| value);
    let first = found.next()?;
    found.next().is_none().then(|| Zeroizing::new(first.to_owned()))
}

/// Sets the cookie with the session's token.
pub(crate) fn with_token(session: &PortalSession, token: &ShownOnce, now: Timestamp) -> Option<HeaderValue> {
    set(&token_of(&session.id), token.show(), session, now)
}

/// Sets the cookie with the session's look.
pub(crate) fn with_look(session: &PortalSession, look: &str, now: Timestamp) -> Option<HeaderValue> {
    set(&look_of(&session.id), look, session, now)
}

/// In a frame of another site, a cookie is kept only when it says `SameSite=None`, and `Partitioned` keeps it to pages below
/// that site. A page of its own needs neither.
fn set(name: &str, value: &str, session: &PortalSession, now: Timestamp) -> Option<HeaderValue> {
    let reach = if session.origin.is_some() { "SameSite=None; Partitioned" } else { "SameSite=Lax" };
    let seconds = session.expires_at.millis_since(now) / 1000;
    let line = Zeroizing::new(format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; {reach}"));
    HeaderValue::from_str(&line).ok().map(|mut header| {
        header.set_sensitive(true);
        header
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, line.parse().unwrap());
        }
        assert_eq!(get(&headers, "a").as_ref().map(|value| value.as_str()), expected, "{lines:?}");
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name_and_only_when_it_is_the_only_one() {
        check(&["a=1"], Some("1"));
        check(&["b=2; a=1; aa=3"], Some("1"));
        check(&["b=2", "a=1"], Some("1"));
        check(&["aa=1"], None);
        check(&["a=1; a=2"], None);
        check(&[], None);
    }
}
