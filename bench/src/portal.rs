//! The portal in a real browser: how soon something is seen, with many destinations in the database.

use std::path::Path;
use std::time::Duration;

use freehold_tests::browser::Browser;
use freehold_tests::webhook::WebhookReceiver;
use freehold_tests::{bodies, chance, places};
use serde_json::json;

use crate::figures::{Aim, Better, Figures, median};
use crate::{Failed, host, told};

/// Destinations of the customer whose portal it is: its list is the heaviest that there can be.
const DESTINATIONS: usize = 10_000;
/// Loads of each kind.
const LOADS: usize = 21;
const LIMIT: Duration = Duration::from_secs(300);

pub(crate) async fn measure(plugins: &Path, figures: &mut Figures) -> Result<(), Failed> {
    let Some(browser) = Browser::find().map_err(told)? else { return Ok(()) };
    let (running, api) = host::start(plugins, &["webhook", "s3"]).await?;
    let customer = api.create_customer("bench").await.map_err(told)?;
    let receiver = WebhookReceiver::start().await.map_err(told)?;
    let body = bodies::webhook(&receiver.mailbox("/bench", None), &chance::webhook_secret().map_err(told)?);
    host::each(DESTINATIONS, |_| {
        let (api, customer, body) = (api.clone(), customer.clone(), body.clone());
        async move { api.create_destination(&customer, &body).await.map_err(told) }
    })
    .await?;
    let wish = json!({ "host": running.url(), "key": api.key(), "customer": customer, "loads": LOADS });
    let script = places::root().join("bench/src/portal/paint.mjs");
    let lines = browser.run(&script, wish, LIMIT).await.map_err(told)?;
    let painted = |kind: &str| {
        let of_kind = lines.iter().filter(|line| line["kind"] == kind);
        let paints: Vec<f64> = of_kind.filter_map(|line| line["first_paint_ms"].as_f64()).collect();
        let all = paints.len() == LOADS;
        if all { Ok(median(paints)) } else { Err(format!("{} of {LOADS} `{kind}` loads were told", paints.len())) }
    };
    let (first, again, text) = (painted("first")?, painted("again")?, painted("text")?);
    let aim = Aim { better: Better::Lower, floor: 100.0, goal: 75.0 };
    let detail = json!({
        "destinations": DESTINATIONS, "loads": LOADS, "with_its_files_kept_ms": again, "of_a_line_of_text_ms": text,
    });
    figures.add("portal_first_paint", "ms", first, Some(&aim), &detail);
    Ok(())
}
