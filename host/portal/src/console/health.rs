//! `GET /console/health`: how the host fares that answers, by what it has counted since it started.

use axum::Extension;
use axum::response::Response;
use maud::html;
use prometheus::Registry;
use prometheus::proto::MetricFamily;

use super::page;
use super::signed_in::SignedIn;

/// What is shown, in this order: the metric's name, and what people call it.
const SHOWN: [(&str, &str); 9] = [
    ("freehold_deliveries_queued", "Deliveries that wait"),
    ("freehold_batches_running", "Batches under way"),
    ("freehold_events_total", "Events that publishers sent"),
    ("freehold_deliveries_total", "Deliveries, by what an attempt led to"),
    ("freehold_attempts_total", "Attempts, by type and end"),
    ("freehold_instances_warm", "Instances that wait for their next batch"),
    ("freehold_instances_total", "Instances, by type and start"),
    ("freehold_batches_without_key_total", "Batches that had to wait for a key"),
    ("freehold_key_available", "Keys that a key service keeps"),
];

/// A number and what it counts.
struct Figure {
    labels: String,
    value: f64,
}

pub(crate) async fn show(signed_in: SignedIn, Extension(registry): Extension<Registry>) -> Response {
    let families = registry.gather();
    let known = SHOWN.iter().filter_map(|(name, label)| {
        let figures = figures(families.iter().find(|family| family.name() == *name)?);
        (!figures.is_empty()).then_some((*label, figures))
    });
    let body = html! {
        div.heading {
            div {
                h1 { "Health" }
                p.lead { "Freehold " (env!("CARGO_PKG_VERSION")) ". What this host has counted since it started; all of it, for a monitor, is at " code { "/metrics" } "." }
            }
        }
        dl.facts {
            @for (label, figures) in known {
                dt { (label) }
                dd { @for figure in &figures { div { @if !figure.labels.is_empty() { (figure.labels) ": " } strong { (figure.value) } } } }
            }
        }
    };
    page::page(&signed_in, "/console/health", "Health", &body)
}

/// The numbers of a metric, in the order of their labels.
fn figures(family: &MetricFamily) -> Vec<Figure> {
    let of = |metric: &prometheus::proto::Metric| {
        let labels: Vec<&str> = metric
            .get_label()
            .iter()
            .map(prometheus::proto::LabelPair::value)
            .filter(|value| !value.is_empty())
            .collect();
        let value = metric.get_counter().get_value() + metric.get_gauge().get_value();
        Figure { labels: labels.join(" · "), value }
    };
    family.get_metric().iter().map(of).collect()
}
