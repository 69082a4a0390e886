//! What one customer sees of another: nothing, and what a session that may only read can change: nothing.

use freehold_model::permission::Permission;

use crate::host::{Browser, Host};

const ALL: [Permission; 2] = [Permission::Read, Permission::Manage];

/// Every address below a destination that is read, and every one that is posted to.
const READ: [&str; 6] = ["", "/edit", "/delete", "/verify", "/credential", "/replay"];
const POSTED: [&str; 9] = [
    "/edit",
    "/test",
    "/pause",
    "/resume",
    "/delete",
    "/credential",
    "/credential/1/roll-back",
    "/credential/1/revoke",
    "/replay",
];

/// An answer without what differs by session.
fn without_session(browser: &Browser<'_>, text: &str) -> String {
    text.replace(&browser.session, "SESSION")
}

#[tokio::test]
async fn somebody_elses_destination_is_the_same_as_one_that_does_not_exist() {
    let host = Host::with_webhooks().await;
    let (one, other) = (host.customer().await, host.customer().await);
    let theirs = host.webhook(&other, "Their secret project").await;
    let nothing = "dst_01hzzzzzzzzzzzzzzzzzzzzzzz";
    let browser = host.browser(&one, &ALL).await;

    for path in READ.map(|path| format!("{path}?destination=x")) {
        let found = browser.get(&format!("/destinations/{theirs}{path}")).await;
        let absent = browser.get(&format!("/destinations/{nothing}{path}")).await;

        assert_eq!((found.status, absent.status), (404, 404), "{path}");
        assert_eq!(without_session(&browser, &found.text), without_session(&browser, &absent.text), "{path}");
    }
    for path in POSTED {
        let fields =
            [("what", "dead"), ("credential.bearer_token", "x"), ("name", "y"), ("config.url", "https://a.example/")];
        let found = browser.post(&format!("/destinations/{theirs}{path}"), &fields).await;
        let absent = browser.post(&format!("/destinations/{nothing}{path}"), &fields).await;

        assert_eq!((found.status, absent.status), (404, 404), "{path}: {}", found.text);
        assert_eq!(without_session(&browser, &found.text), without_session(&browser, &absent.text), "{path}");
    }
    for page in ["/destinations", "/activity", &format!("/deliveries?destination={theirs}")] {
        let shown = browser.get(page).await;
        assert_eq!(shown.status, 200, "{page}");
        assert!(!shown.text.contains("Their secret project"), "{page}");
    }
    let export = browser.get("/activity/export/jsonl").await;
    assert!(!export.text.contains("Their secret project") && !export.text.contains(&theirs), "{}", export.text);
    let own = host.browser(&other, &ALL).await.get("/destinations").await;
    assert!(own.text.contains("Their secret project"));
}

#[tokio::test]
async fn deliveries_of_others_are_not_found() {
    let host = Host::with_webhooks().await;
    let other = host.customer().await;
    host.webhook(&other, "Their secret project").await;
    let theirs = host.delivery(&other).await;
    let browser = host.browser(&host.customer().await, &ALL).await;
    let absent = browser.get("/deliveries/dlv_01hzzzzzzzzzzzzzzzzzzzzzzz").await;

    for id in [theirs.as_str(), "nonsense"] {
        let found = browser.get(&format!("/deliveries/{id}")).await;
        assert_eq!((found.status, absent.status), (404, 404), "{id}");
        assert_eq!(without_session(&browser, &found.text), without_session(&browser, &absent.text), "{id}");
        assert_eq!(browser.post(&format!("/deliveries/{id}/replay"), &[]).await.status, 404, "{id}");
    }
    let own = host.browser(&other, &ALL).await.get(&format!("/deliveries/{theirs}")).await;
    assert_eq!(own.status, 200, "{}", own.text);
}

#[tokio::test]
async fn a_session_that_may_only_read_sees_no_buttons_and_changes_nothing() {
    let host = Host::with_webhooks().await;
    let customer = host.customer().await;
    let id = host.webhook(&customer, "Warehouse").await;
    let manager = host.browser(&customer, &ALL).await;
    let reader = host.browser(&customer, &[Permission::Read]).await;
    let token = reader.get("/destinations").await.between("name=\"form_token\" value=\"", '"').to_owned();
    assert_eq!(token, "", "a page without forms has no token");

    for path in
        ["/destinations", &format!("/destinations/{id}"), &format!("/destinations/{id}/credential"), "/deliveries"]
    {
        let page = reader.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.text.contains("method=\"post\""), "{path}: {}", page.text);
        assert!(!page.text.contains("/destinations/add\"") && !page.text.contains("/delete\""), "{path}");
    }
    for path in ["/destinations/add", "/destinations/add/webhook", &format!("/destinations/{id}/edit")] {
        assert_eq!(reader.get(path).await.status, 403, "{path}");
    }
    // With the token that its forms would carry, if it had any.
    let token = reader.made_up_token();
    assert_eq!(manager.made_up_token(), manager.form_token().await);
    for path in POSTED {
        let fields = [("form_token", token.as_str()), ("what", "dead"), ("name", "y")];
        let refused = reader.send(&format!("/destinations/{id}{path}"), &fields, "same-origin").await;
        assert_eq!(refused.status, 403, "{path}");
    }
    assert!(manager.get(&format!("/destinations/{id}")).await.text.contains("Warehouse"));
}

#[tokio::test]
async fn a_form_of_another_page_changes_nothing() {
    let host = Host::with_webhooks().await;
    let customer = host.customer().await;
    let id = host.webhook(&customer, "Warehouse").await;
    let (browser, another) = (host.browser(&customer, &ALL).await, host.browser(&customer, &ALL).await);
    let path = format!("/destinations/{id}/delete");
    let (token, foreign) = (browser.form_token().await, another.form_token().await);

    assert_eq!(browser.send(&path, &[], "same-origin").await.status, 403);
    assert_eq!(browser.send(&path, &[("form_token", foreign.as_str())], "same-origin").await.status, 403);
    assert_eq!(browser.send(&path, &[("form_token", token.as_str())], "cross-site").await.status, 403);
    assert_eq!(browser.send(&path, &[("form_token", token.as_str())], "same-site").await.status, 403);
    assert_eq!(browser.get(&format!("/destinations/{id}")).await.status, 200);
    assert_eq!(browser.send(&path, &[("form_token", token.as_str())], "same-origin").await.status, 303);
    assert_eq!(browser.get(&format!("/destinations/{id}")).await.status, 404);
}
