//! A made-up vendor: a product called Parcelry, whose settings show Freehold's portal to whoever is logged in.
//!
//! Its pages are at `localhost` and, as if they were somebody else's, at `127.0.0.1`; the host is at `127.0.0.1` as well, so
//! that for a browser the frame is of another site than the page.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use http::header;
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::api::{self, Api};
use crate::trouble::Result;

const PAGE: &str = include_str!("vendor/page.html");
const STYLE: &str = include_str!("vendor/style.css");
/// A page with nothing on it, for whoever wants to put something there.
const BLANK: &str = "<!doctype html><html lang=\"en\"><title>Elsewhere</title><body></body></html>";
/// Sessions last as long as they may.
const LIFETIME_MS: u64 = 3_600_000;

/// The vendor's server. It ends when dropped.
pub struct Vendor {
    origin: String,
    stranger: String,
    serving: JoinHandle<()>,
}

#[derive(Clone)]
struct Shop(Arc<Inner>);

struct Inner {
    api: Api,
    origin: String,
}

/// How a page is to look.
#[derive(Deserialize)]
struct Looks {
    #[serde(default)]
    mode: String,
    #[serde(default)]
    lang: String,
}

impl Vendor {
    /// Starts the server of the vendor that `api` speaks for.
    ///
    /// # Errors
    /// When the loopback has no free port.
    pub async fn start(api: Api) -> Result<Vendor> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let origin = format!("http://localhost:{port}");
        let router = axum::Router::new()
            .route("/style.css", get(async || ([(header::CONTENT_TYPE, "text/css")], STYLE)))
            .route("/blank", get(async || ([(header::CONTENT_TYPE, "text/html")], BLANK)))
            .route("/portal-session/{customer}", post(session))
            .route("/settings/{customers}", get(settings))
            .with_state(Shop(Arc::new(Inner { api, origin: origin.clone() })));
        let serving = tokio::spawn(async move {
            // It ends with its task; the tests see from outside when it does not serve.
            drop(axum::serve(listener, router).await);
        });
        Ok(Vendor { origin, stranger: format!("http://127.0.0.1:{port}"), serving })
    }

    /// The origin of its pages, which sessions are made for.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The same pages at another origin.
    pub fn stranger(&self) -> &str {
        &self.stranger
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What the element asks the vendor for. A real vendor would take the customer from its own login.
async fn session(State(Shop(shop)): State<Shop>, Path(customer): Path<String>) -> Response {
    let wanted = json!({ "origin": shop.origin, "lifetime_ms": LIFETIME_MS });
    let made = shop.api.post(&format!("/v1/customers/{customer}/portal-sessions"), &wanted).await;
    let opened = made.and_then(|answer| {
        let made = answer.ok()?;
        Ok(json!({ "session": api::text(&made, "id")?, "code": api::text(&made, "code")? }))
    });
    match opened {
        Ok(opened) => ([(header::CACHE_CONTROL, "no-store")], Json(opened)).into_response(),
        Err(why) => (StatusCode::BAD_GATEWAY, why.to_string()).into_response(),
    }
}

/// The page with the portal of each of these customers, with commas between.
async fn settings(
    State(Shop(shop)): State<Shop>,
    Path(customers): Path<String>,
    Query(looks): Query<Looks>,
) -> Response {
    let host = shop.api.url();
    let (mode, lang) = (words(&looks.mode, "light"), words(&looks.lang, "en"));
    let portals: Vec<String> = customers
        .split(',')
        .map(|customer| {
            let customer = words(customer, "nobody");
            format!(
                "<section><h2>{customer}</h2><freehold-portal session-url=\"/portal-session/{customer}\" \
                 mode=\"{mode}\" lang=\"{lang}\" theme='{{\"accent\":\"#6d28d9\",\"radius\":10}}'></freehold-portal></section>"
            )
        })
        .collect();
    let page = PAGE
        .replace("{host}", host)
        .replace("{mode}", &mode)
        .replace("{lang}", &lang)
        .replace("{portals}", &portals.concat());
    let policy = format!(
        "default-src 'none'; script-src {host}; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src {host}; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()), (header::CONTENT_SECURITY_POLICY, policy)];
    (headers, page).into_response()
}

/// A word that can stand in a page as it is; `otherwise` in place of any other.
fn words(text: &str, otherwise: &str) -> String {
    let is_plain =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if is_plain { text.to_owned() } else { otherwise.to_owned() }
}
