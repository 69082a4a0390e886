//! How is a record written for a spreadsheet? As CSV (RFC 4180) in which no cell is ever a formula.

use freehold_model::audit::AuditRecord;
use serde_json::Value;

use crate::canonical::canonical;

const COLUMNS: [&str; 12] = [
    "seq",
    "id",
    "at",
    "action",
    "actor_kind",
    "actor_id",
    "request_id",
    "target_kind",
    "target_id",
    "customer",
    "details",
    "hash",
];

/// The line of headings.
pub(crate) fn headings() -> String {
    line(COLUMNS.map(str::to_owned))
}

/// A record as a line.
pub(crate) fn record(record: &AuditRecord) -> String {
    let actor_kind = match serde_json::to_value(record.actor.kind) {
        Ok(Value::String(kind)) => kind,
        _ => String::new(),
    };
    line([
        record.seq.to_string(),
        record.id.to_string(),
        record.at.to_string(),
        record.action.clone(),
        actor_kind,
        record.actor.id.clone(),
        record.actor.request_id.clone().unwrap_or_default(),
        record.target_kind.clone(),
        record.target_id.clone(),
        record.customer.as_ref().map(ToString::to_string).unwrap_or_default(),
        canonical(&record.full_details()),
        record.hash.to_string(),
    ])
}

fn line(cells: [String; COLUMNS.len()]) -> String {
    let cells = cells.map(|cell| format!("\"{}\"", harmless(&cell).replace('"', "\"\"")));
    format!("{}\r\n", cells.join(","))
}

/// A cell that a spreadsheet shows and does not run: <https://owasp.org/www-community/attacks/CSV_Injection>.
fn harmless(cell: &str) -> String {
    // Some spreadsheets trim white space first, and read the wide forms of the signs like the narrow ones.
    let first = cell.trim_start().chars().next();
    let is_formula = first.is_some_and(|first| "=+-@＝＋－＠".contains(first));
    if is_formula || cell.starts_with(['\t', '\r', '\n']) { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_shown_and_not_run() {
        for cell in ["=1+1", "+1", "-1", "@sum(a1)", "\t=1", "\r=1", "\n=1", "  =cmd|' /c calc'!a1", "＝1+1"] {
            assert_eq!(harmless(cell), format!("'{cell}"));
        }
        for cell in ["", "a=b", "{\"name\":\"=1\"}", "dst_1", "2026-11-24T10:00:00.000Z"] {
            assert_eq!(harmless(cell), cell);
        }
    }

    /// Cells as RFC 4180 reads them.
    fn read(line: &str) -> Vec<String> {
        let inner = line.strip_suffix("\r\n").unwrap().strip_prefix('"').unwrap().strip_suffix('"').unwrap();
        inner.split("\",\"").map(|cell| cell.replace("\"\"", "\"")).collect()
    }

    proptest! {
        #[test]
        fn no_cell_begins_like_a_formula(cell in "\\PC{0,12}|[=+@\\-\t\r\n\"' ]{1,4}\\PC{0,4}") {
            prop_assume!(!cell.contains("\",\""));
            let mut cells: [String; COLUMNS.len()] = Default::default();
            cells[3] = cell.clone();

            let shown = read(&line(cells)).swap_remove(3);

            prop_assert!(!shown.trim_start().starts_with(['=', '+', '-', '@']));
            let marked = format!("'{cell}");
            prop_assert!(shown == cell || shown == marked);
        }
    }
}
