//! What went over the wire in an attempt or a test, as far as it was kept.

use freehold_model::attempt::{AttemptReport, Exchange};
use maud::{Markup, html};

use crate::texts::{Texts, fill};

/// The exchanges of a report, with the beginning of each answer that was no success.
pub(crate) fn table(report: &AttemptReport, texts: &Texts) -> Markup {
    let shown = u32::try_from(report.exchanges.len()).unwrap_or(u32::MAX);
    html! {
        @if !report.exchanges.is_empty() {
            div.part.table {
                table {
                    thead { tr { th { (texts.exchange.request) } th { (texts.exchange.answer) } th.number { (texts.exchange.took) } } }
                    tbody { @for exchange in &report.exchanges { (row(exchange, texts)) } }
                }
            }
            @if report.exchanges_total > shown {
                p.help { (fill(texts.exchange.more, &[&(report.exchanges_total - shown).to_string()])) }
            }
        }
        @if !report.log.is_empty() {
            details.part {
                summary { (texts.exchange.log) }
                pre tabindex="0" { @for line in &report.log { (line.level) " " (line.message) "\n" } }
            }
        }
    }
}

fn row(exchange: &Exchange, texts: &Texts) -> Markup {
    html! {
        tr {
            td { span.mono { (exchange.method) " " (exchange.origin) } }
            td {
                @match (exchange.status, &exchange.error) {
                    (Some(status), _) => { strong { (status) } }
                    (None, Some(error)) => { (error) }
                    (None, None) => { (texts.exchange.no_answer) }
                }
                @if !exchange.excerpt.is_empty() { pre tabindex="0" { (exchange.excerpt) } }
            }
            td.number { (exchange.duration_ms) " ms" }
        }
    }
}
