//! Rows per second into the emulator of BigQuery, and where their time goes.

use std::path::Path;
use std::time::{Duration, Instant};

use freehold_model::secret::SecretFields;
use freehold_model::{BatchId, Secret};
use freehold_tests::bigquery::{BigQuery, Key, PROJECT};
use serde_json::json;

use crate::figures::{Figures, median};
use crate::stage::{Stage, delivered, rate};
use crate::{Failed, told};

/// Rows of a batch.
const BATCH: usize = 500;
const BATCHES: usize = 20;

pub(crate) async fn measure(plugins: &Path, figures: &mut Figures) -> Result<(), Failed> {
    let Some(bigquery) = BigQuery::start().await.map_err(told)? else { return Ok(()) };
    bigquery.make_dataset("bench").await.map_err(told)?;
    let stage = Stage::set()?;
    let plugin = stage.load(plugins, "bigquery").await?;
    for mode in ["storage-write", "insert-all"] {
        let config = json!({
            "project": PROJECT, "dataset": "bench", "table": mode.replace('-', "_"), "mode": mode,
            "endpoints": bigquery.endpoints(),
        });
        let key = Secret::new(bigquery.key(Key::Writer).map_err(told)?.into_bytes());
        let credential = SecretFields::from_pairs([("service_account".to_owned(), key)]);
        let mut instance = stage.instance(&plugin, &config, credential).await?;
        let (mut rates, mut shares) = (Vec::new(), Vec::new());
        for _ in 0..BATCHES {
            let members = stage.members(BATCH)?;
            let began = Instant::now();
            let (result, report) = instance.deliver(&BatchId::generate(&stage.sources), 1, &members).await;
            let took = began.elapsed();
            let count = delivered(result)?;
            let waited: u64 = report.exchanges.iter().map(|exchange| exchange.duration_ms).sum();
            rates.push(rate(count, took.as_secs_f64()));
            shares.push(1.0 - Duration::from_millis(waited).div_duration_f64(took).min(1.0));
        }
        let detail = json!({ "rows_per_batch": BATCH, "share_of_time_outside_the_emulator": median(shares) });
        let name = format!("bigquery_{}", mode.replace('-', "_"));
        figures.add(&name, "rows/s", median(rates), None, &detail);
    }
    Ok(())
}
