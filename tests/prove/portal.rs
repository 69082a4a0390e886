//! Customers set up, rotate, watch and replay their own destinations inside the vendor's page, and nobody gets anything else
//! out of the portal: told by a real browser in the page of a made-up vendor.

mod stage;

use std::time::{Duration, Instant};

use freehold_tests::browser::Browser;
use freehold_tests::{Result, places, trouble};
use serde_json::Value;

use self::stage::Stage;
use crate::Wish;
use crate::proof::Proof;

/// Destinations in the database while the first paint is measured.
const MANY: usize = 10_000;
const MANY_IN_SHORT: usize = 200;
/// How long the browser may take for everything, on a machine with much else to do.
const LIMIT: Duration = Duration::from_secs(900);

pub(crate) async fn prove(wish: &Wish) -> Result<Proof> {
    let (began, mut proof) = (Instant::now(), Proof::of("portal"));
    let Some(browser) = Browser::find()? else {
        proof.left_out("there is no Chromium or no Node here");
        return Ok(proof);
    };
    let many = if wish.short { MANY_IN_SHORT } else { MANY };
    let stage = Stage::set(many).await?;
    proof.figure("destinations", many);
    let script = places::root().join("tests/prove/portal/main.mjs");
    let pictures = wish.screenshots.then(|| places::root().join("docs/images"));
    let told = browser.run(&script, stage.wish(wish.short, pictures.as_deref()), LIMIT).await?;
    for line in &told {
        note(line, &mut proof)?;
    }
    proof.figure("seconds", began.elapsed().as_secs());
    Ok(proof)
}

/// Takes over what the browser's script told in one line.
fn note(line: &Value, proof: &mut Proof) -> Result {
    if let Some(name) = line["figure"].as_str() {
        proof.figure(name, line["value"].clone());
        return Ok(());
    }
    let (Some(name), Some(holds)) = (line["claim"].as_str(), line["holds"].as_bool()) else {
        return Err(trouble(format!("the browser's script told something else: {line}")));
    };
    proof.case(name, holds, line["detail"].as_str().unwrap_or_default());
    Ok(())
}
