//! Rows in BigQuery: an emulator that is not ours, and rows as Google's own client reads them.

use freehold_tests::Result;
use freehold_tests::bigquery::BigQuery;

#[tokio::test(flavor = "multi_thread")]
async fn starts() -> Result {
    let Some(bigquery) = BigQuery::start("events").await? else { return Ok(()) };
    bigquery.make_table("events.t", &[("a", "STRING", "REQUIRED")]).await?;
    println!("{:?} {:?}", bigquery.table("events.t").await?, bigquery.query("select 1 as x").await?);
    Ok(())
}
