//! The pages as somebody without JavaScript uses them: looked at, filled in, sent.

use freehold_model::permission::Permission;

use crate::host::{Browser, Host};

const ALL: [Permission; 2] = [Permission::Read, Permission::Manage];
/// The most bytes of a page.
const PAGE_MAX: usize = 60 * 1024;

async fn added(browser: &Browser<'_>, name: &str) -> (String, String) {
    let fields =
        [("name", name), ("config.url", "https://receiver.example/hook"), ("config.format", "event"), ("do", "save")];
    let made = browser.post("/destinations/add/webhook", &fields).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let secret = made.between("data-field=\"secret\">", '<').to_owned();
    let id = made.text.split("/destinations/dst_").nth(1).unwrap_or_default();
    (format!("dst_{}", &id[..26]), secret)
}

#[tokio::test]
async fn every_page_is_small_labelled_and_runs_nothing_of_its_own() {
    let host = Host::with_webhooks().await;
    let customer = host.customer().await;
    let browser = host.browser(&customer, &ALL).await;
    let empty = browser.get("/destinations").await;
    assert!(empty.text.contains("Your events, in your own systems"), "{}", empty.text);
    for number in 0..30 {
        host.webhook(&customer, &format!("Warehouse <{number}>")).await;
    }
    let id = host.webhook(&customer, "Mine").await;

    let of_one = ["", "/edit", "/delete", "/verify", "/credential", "/replay", "/credential/1/revoke"];
    let pages = ["/destinations", "/destinations/add", "/destinations/add/webhook", "/deliveries", "/activity"];
    let all = pages.into_iter().map(str::to_owned).chain(of_one.map(|path| format!("/destinations/{id}{path}")));
    for path in all {
        let page = browser.get(&path).await;

        assert_eq!(page.status, 200, "{path}");
        assert!(page.text.len() <= PAGE_MAX, "{path} has {} bytes", page.text.len());
        assert!(
            !page.text.contains(" style=\"") && !page.text.contains("<style") && !page.text.contains(" onclick"),
            "{path}"
        );
        assert!(!page.text.contains("<script>") && !page.text.contains("Warehouse <"), "{path}");
        assert_eq!(page.text.matches("<h1").count(), 1, "{path} has one title");
        assert!(page.text.contains("<main id=\"main\""), "{path}");
        for label in page.text.split("<label for=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(page.text.contains(&format!("id=\"{label}\"")), "{path}: the label of {label} leads nowhere");
        }
    }
}

#[tokio::test]
async fn the_list_goes_on_after_its_first_page() {
    let host = Host::with_webhooks().await;
    let customer = host.customer().await;
    for number in 0..27 {
        host.webhook(&customer, &format!("Number {number:02}")).await;
    }
    let browser = host.browser(&customer, &ALL).await;

    let first = browser.get("/destinations").await;
    let next = first.between("rel=\"next\" href=\"", '"').to_owned();
    let second = browser
        .get(next.split_once("/destinations").map(|(_, rest)| format!("/destinations{rest}")).unwrap().as_str())
        .await;

    assert!(first.text.contains("Number 26") && !first.text.contains("Number 01"));
    assert!(
        second.text.contains("Number 01") && second.text.contains("Number 00") && !second.text.contains("rel=\"next\"")
    );
    assert_eq!(browser.get("/destinations?after=nonsense").await.status, 404);
}

#[tokio::test]
async fn a_destination_is_added_and_its_secret_shown_once() {
    let host = Host::with_webhooks().await;
    let browser = host.browser(&host.customer().await, &ALL).await;
    let form = browser.get("/destinations/add/webhook").await;
    for text in
        ["What it may do", "What to do on your side", "type=\"password\"", "Send requests to ‹url›, and nowhere else"]
    {
        assert!(form.text.contains(text), "{text} is missing in {}", form.text);
    }

    let (id, secret) = added(&browser, "Our receiver").await;

    assert!(secret.starts_with("whsec_"), "{secret}");
    for path in [format!("/destinations/{id}"), format!("/destinations/{id}/credential"), "/activity".to_owned()] {
        let page = browser.get(&path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.text.contains(&secret[6..]), "{path} shows the secret again");
    }
    assert!(browser.get("/destinations").await.text.contains("Our receiver"));
}

#[tokio::test]
async fn what_is_wrong_is_told_at_its_field_and_no_secret_comes_back() {
    let host = Host::with_webhooks().await;
    let browser = host.browser(&host.customer().await, &ALL).await;

    let refused = browser
        .post(
            "/destinations/add/webhook",
            &[
                ("name", "A & B"),
                ("config.url", "ftp://receiver.example/"),
                ("config.timeout_ms", "5"),
                ("credential.bearer_token", "hunter2hunter2"),
                ("credential.username", "shown-again"),
                ("do", "save"),
            ],
        )
        .await;

    assert_eq!(refused.status, 422);
    for text in [
        "href=\"#f-config-url\"",
        "href=\"#f-config-timeout_ms\"",
        "aria-invalid=\"true\"",
        "value=\"A &amp; B\"",
        "shown-again",
    ] {
        assert!(refused.text.contains(text), "{text} is missing in {}", refused.text);
    }
    assert!(!refused.text.contains("hunter2"), "a secret came back");
    assert!(browser.get("/destinations").await.text.contains("Your events, in your own systems"), "nothing was made");
}

#[tokio::test]
async fn a_test_before_saving_tells_the_real_answer_and_saves_nothing() {
    let host = Host::with_webhooks().await;
    let browser = host.browser(&host.customer().await, &ALL).await;

    // No such name is ever given to anybody (RFC 2606), so this is a real answer without a receiver.
    let fields = [("name", "Nobody"), ("config.url", "https://receiver.example/"), ("do", "test")];
    let tested = browser.post("/destinations/add/webhook", &fields).await;

    assert_eq!(tested.status, 200, "{}", tested.text);
    assert!(tested.text.contains("It does not work yet"), "{}", tested.text);
    assert!(browser.get("/destinations").await.text.contains("Your events, in your own systems"), "nothing was made");
}

#[tokio::test]
async fn a_destination_is_edited_paused_and_resumed() {
    let host = Host::with_webhooks().await;
    let browser = host.browser(&host.customer().await, &ALL).await;
    let (id, _) = added(&browser, "Before").await;
    let at = |path: &str| format!("/destinations/{id}{path}");

    let fields = [
        ("name", "After"),
        ("config.url", "https://other.example/"),
        ("config.headers.name", "x-team"),
        ("config.headers.value", "billing"),
        ("events", "some"),
        ("subscription", "invoice.*\r\norder.paid"),
    ];
    assert_eq!(browser.post(&at("/edit"), &fields).await.status, 303);
    assert_eq!(browser.post(&at("/pause"), &[]).await.status, 303);
    let paused = browser.get(&at("")).await;
    assert_eq!(browser.post(&at("/resume"), &[]).await.status, 303);
    let resumed = browser.get(&at("?done=resumed")).await;

    for text in ["After", "https://other.example/", "x-team: billing", "invoice.*", "order.paid", "Paused by request"] {
        assert!(paused.text.contains(text), "{text} is missing in {}", paused.text);
    }
    assert!(resumed.text.contains("Resumed.") && !resumed.text.contains("Paused by request"));
    // A header that is emptied goes; one that cannot be is told.
    let fields =
        [("name", "After"), ("config.url", "https://other.example/"), ("events", "some"), ("subscription", "a..b")];
    let refused = browser.post(&at("/edit"), &fields).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("an event pattern has words"), "{}", refused.text);
}

#[tokio::test]
async fn a_credential_is_replaced_rolled_back_and_revoked() {
    let host = Host::with_webhooks().await;
    let browser = host.browser(&host.customer().await, &ALL).await;
    let (id, _) = added(&browser, "Receiver").await;
    let at = |path: &str| format!("/destinations/{id}/credential{path}");

    let refused = browser.post(&at(""), &[("overlap_ms", "3600000")]).await;
    assert_eq!(refused.status, 422, "it cannot be reached, so it cannot be tried: {}", refused.text);
    assert!(refused.text.contains("Nothing was changed"), "{}", refused.text);
    let replaced = browser.post(&at(""), &[("overlap_ms", "3600000"), ("unverified", "1")]).await;
    assert_eq!(replaced.status, 200, "{}", replaced.text);
    assert!(replaced.between("data-field=\"secret\">", '<').starts_with("whsec_"));
    let draining = browser.get(&at("")).await;
    assert!(draining.text.contains("Being replaced") && draining.text.contains("data-watch"), "{}", draining.text);
    assert_eq!(browser.post(&at("/1/roll-back"), &[]).await.status, 303);
    let warned = browser.get(&at("/1/revoke")).await;
    assert!(warned.text.contains("This is the credential in use"), "{}", warned.text);
    assert_eq!(browser.post(&at("/1/revoke"), &[]).await.status, 303);
    let revoked = browser.get(&format!("/destinations/{id}")).await;
    assert!(revoked.text.contains("Paused: credential refused"), "{}", revoked.text);
}

#[tokio::test]
async fn activity_is_told_and_exported() {
    let host = Host::with_webhooks().await;
    let browser = host.browser(&host.customer().await, &ALL).await;
    added(&browser, "Receiver").await;

    let page = browser.get("/activity").await;
    let (csv, jsonl) = (browser.get("/activity/export/csv").await, browser.get("/activity/export/jsonl").await);

    for text in ["Destination added", "Portal opened", "You, in this session"] {
        assert!(page.text.contains(text), "{text} is missing in {}", page.text);
    }
    assert!(csv.text.contains("destination.create") && csv.header("content-type").starts_with("text/csv"));
    assert!(jsonl.text.contains("destination.create"));
    assert!(jsonl.header("content-disposition").starts_with("attachment"));
    assert_eq!(browser.get("/activity/export/ocsf").await.status, 404);
}

#[tokio::test]
async fn a_replay_is_counted_before_and_followed_after() {
    let host = Host::with_webhooks().await;
    let customer = host.customer().await;
    let id = host.webhook(&customer, "Receiver").await;
    let browser = host.browser(&customer, &ALL).await;
    let path = format!("/destinations/{id}/replay");

    let none = browser.get(&format!("{path}?what=dead")).await;
    let wrong = browser.get(&format!("{path}?what=window&from=2026-01-02T00%3A00&to=2026-01-01T00%3A00")).await;
    let started =
        browser.post(&path, &[("what", "window"), ("from", "2026-01-01T00:00"), ("to", "2026-01-02T00:00")]).await;

    assert!(none.text.contains("There is nothing to send again"), "{}", none.text);
    assert!(wrong.text.contains("Please give a span of time"), "{}", wrong.text);
    assert_eq!(started.status, 303);
    let address = started.header("location").split_once(&path).map(|(_, rest)| format!("{path}{rest}")).unwrap();
    let progress = browser.get(&address).await;
    assert!(progress.text.contains("Sending 0 events again"), "{}", progress.text);
}
