//! Opening sessions: who may frame them, what a code opens, and for how long.

use freehold_model::permission::Permission;
use serde_json::json;

use crate::host::{Host, ORIGIN};

const ALL: [Permission; 2] = [Permission::Read, Permission::Manage];

#[tokio::test]
async fn a_page_may_be_framed_by_its_sessions_origin_alone() {
    let host = Host::start().await;
    let customer = host.customer().await;
    let framed = host.session(&customer, &ALL, Some(ORIGIN)).await;
    let linked = host.session(&customer, &ALL, None).await;
    let other = "pss_01hzzzzzzzzzzzzzzzzzzzzzzz";

    for (session, ancestors, status) in
        [(framed.id.as_str(), ORIGIN, 200), (&linked.id, "'none'", 200), (other, "'none'", 404)]
    {
        let page = host.ask("GET", &format!("/portal/{session}"), &[], "").await;
        let policy = page.header("content-security-policy");

        assert_eq!(page.status, status, "{session}");
        assert!(policy.contains(&format!("frame-ancestors {ancestors};")), "{policy}");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert!(page.header("permissions-policy").contains("camera=()"));
    }
}

#[tokio::test]
async fn a_code_opens_its_own_session_and_once() {
    let host = Host::start().await;
    let customer = host.customer().await;
    let session = host.session(&customer, &ALL, Some(ORIGIN)).await;
    let sibling = host.session(&host.customer().await, &ALL, Some(ORIGIN)).await;

    let strange = host.open(&sibling.id, &json!({ "code": session.code })).await;
    let opened =
        host.open(&session.id, &json!({ "code": session.code, "lang": "de", "theme": { "mode": "dark" } })).await;
    let replayed = host.open(&session.id, &json!({ "code": session.code })).await;

    assert_eq!((strange.status, opened.status, replayed.status), (401, 200, 401));
    let cookie = opened.header("set-cookie");
    assert!(cookie.starts_with(&format!("__Host-fhp-{}=fhp_", session.id)), "{cookie}");
    for part in ["Path=/", "Secure", "HttpOnly", "SameSite=None", "Partitioned"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!strange.headers.contains_key("set-cookie") && !replayed.headers.contains_key("set-cookie"));
    assert!(!opened.text.contains("fhp_"), "the token stays out of what scripts can read");
}

#[tokio::test]
async fn a_code_that_comes_twice_ends_the_session_that_it_opened() {
    let host = Host::start().await;
    let customer = host.customer().await;
    let session = host.session(&customer, &ALL, Some(ORIGIN)).await;
    let opened = host.open(&session.id, &json!({ "code": session.code })).await;
    let cookie = opened.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let page =
        async || host.ask("GET", &format!("/portal/{}/destinations", session.id), &[("cookie", &cookie)], "").await;
    assert_eq!(page().await.status, 200);
    let again = host.ask("GET", &format!("/portal/{}", session.id), &[("cookie", &cookie)], "").await;
    assert_eq!(again.status, 303, "a link that is followed twice goes on without its code");

    host.open(&session.id, &json!({ "code": session.code })).await;

    let ended = page().await;
    assert_eq!(ended.status, 401);
    assert!(ended.text.contains("data-state=\"ended\""), "the vendor's page can tell and open another session");
}

#[tokio::test]
async fn only_the_sessions_own_page_opens_it_and_only_with_what_it_knows() {
    let host = Host::start().await;
    let session = host.session(&host.customer().await, &ALL, Some(ORIGIN)).await;
    let path = format!("/portal/{}/open", session.id);
    let body = json!({ "code": session.code }).to_string();
    let json_type = ("content-type", "application/json");

    let strange = host.ask("POST", &path, &[json_type, ("sec-fetch-site", "cross-site")], &body).await;
    let simple =
        host.ask("POST", &path, &[("sec-fetch-site", "same-origin"), ("content-type", "text/plain")], &body).await;
    let unknown = host.open(&session.id, &json!({ "code": session.code, "theme": { "css": "body{}" } })).await;

    assert_eq!((strange.status, simple.status, unknown.status), (403, 403, 422));
    assert!(!unknown.text.contains(&session.code));
    assert_eq!(
        host.open(&session.id, &json!({ "code": session.code })).await.status,
        200,
        "nothing of it used the code up"
    );
}

#[tokio::test]
async fn a_session_ends_with_its_time_and_another_sessions_cookie_opens_nothing() {
    let host = Host::start().await;
    let customer = host.customer().await;
    let (one, other) = (host.browser(&customer, &ALL).await, host.browser(&customer, &ALL).await);
    let path = format!("/portal/{}/destinations", other.session);
    let token = one.cookie.split(['=', ';']).nth(1).unwrap_or_default();
    let renamed = format!("__Host-fhp-{}={token}", other.session);

    assert_eq!(host.ask("GET", &path, &[("cookie", &one.cookie)], "").await.status, 401);
    assert_eq!(host.ask("GET", &path, &[("cookie", &renamed)], "").await.status, 401);
    assert_eq!(one.get("/destinations").await.status, 200);
    host.clock.advance(16 * 60_000);
    assert_eq!(one.get("/destinations").await.status, 401);
}

#[tokio::test]
async fn a_theme_reaches_the_style_sheet_as_colours_and_nothing_else() {
    let host = Host::start().await;
    let session = host.session(&host.customer().await, &ALL, Some(ORIGIN)).await;
    let theme = json!({ "mode": "dark", "accent": "#0a7c5a", "radius": 99, "font": "serif" });
    let opened = host.open(&session.id, &json!({ "code": session.code, "theme": theme, "lang": "de-AT" })).await;
    let cookies: Vec<&str> =
        opened.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()).collect();
    let cookie = cookies.iter().map(|line| line.split(';').next().unwrap_or_default()).collect::<Vec<_>>().join("; ");
    let get =
        async |path: &str| host.ask("GET", &format!("/portal/{}{path}", session.id), &[("cookie", &cookie)], "").await;

    let (style, page) = (get("/theme.css").await, get("/destinations").await);

    assert!(
        style.text.starts_with(":root:root{--accent:#0a7c5a;--on-accent:#ffffff;--radius:24px;--font:ui-serif"),
        "{}",
        style.text
    );
    assert!(page.text.contains("<html lang=\"de\" data-mode=\"dark\">"), "{}", page.text);
    assert!(page.text.contains("Ihre Ereignisse in Ihren eigenen Systemen"));
    let headers =
        [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin"), ("content-type", "application/json")];
    let path = format!("/portal/{}/look", session.id);
    let restyled = host.ask("POST", &path, &headers, &json!({ "theme": { "mode": "light" } }).to_string()).await;
    assert_eq!(restyled.status, 204);
    assert!(restyled.header("set-cookie").contains("=mode=light&lang=de;"), "{}", restyled.header("set-cookie"));
    assert_eq!(host.ask("POST", &path, &headers[1..], "{}").await.status, 401);
}
