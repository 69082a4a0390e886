//! The contract only grows: what was built against an earlier state of it goes on working.

use freehold_tests::webhook::Reply;
use freehold_tests::{Result, Setup, bodies, places};
use serde_json::json;

use crate::story::Story;

#[tokio::test(flavor = "multi_thread")]
async fn a_component_of_the_first_contract_delivers_signs_and_judges_as_ever() -> Result {
    let components = vec![places::data("frozen/webhook-of-0.1.0-first.wasm")];
    let story = Story::on(Setup { components, ..Setup::default() }, bodies::retrying_at_once).await?;
    story.mailbox.script([Reply::Text(503, "not now".into())]);

    // Alone in its batch, so that the whole attempt fails.
    story.api.publish_one(&story.customer, "order.made", json!({ "number": 0 })).await?;
    let failed = story.api.attempt_where(&story.destination, |attempt| attempt["state"] == "failed").await?;
    assert_eq!(failed["failure"]["code"], "http-503", "{failed}");
    for number in 1..4 {
        story.api.publish_one(&story.customer, "order.made", json!({ "number": number })).await?;
    }

    // The receiver takes nothing whose signature is not right.
    let settled = story.api.settled(&story.of_destination()).await?;
    assert_eq!(settled.len(), 4);
    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    let tried = story.api.post(&format!("/v1/destinations/{}/test", story.destination), &json!({})).await?;
    assert_eq!(tried.status, 200, "{}", tried.text());
    Ok(())
}
