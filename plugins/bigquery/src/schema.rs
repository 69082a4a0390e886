//! Which columns does a table have, and does a table that exists fit? Pure.

use freehold_sdk::Error;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::Target;
use crate::proto;

/// A column that each row fills: name, type in a new table, whether it is always there, what it holds.
struct Wanted {
    name: &'static str,
    kind: &'static str,
    required: bool,
    description: &'static str,
}

const WANTED: [Wanted; 7] = [
    wanted("event_id", "STRING", true, "The id of the event. The same event may be there twice: count distinct ids."),
    wanted("event_type", "STRING", false, "What kind of thing happened, such as invoice.paid."),
    wanted("occurred_at", "TIMESTAMP", false, "When it happened."),
    wanted("customer", "STRING", false, "The customer whose event it is."),
    wanted("data", "JSON", false, "The event's data, as it was published."),
    wanted("metadata", "JSON", false, "The event's metadata: names and values."),
    wanted("received_at", "TIMESTAMP", false, "When the row was written."),
];

const fn wanted(name: &'static str, kind: &'static str, required: bool, description: &'static str) -> Wanted {
    Wanted { name, kind, required, description }
}

/// A column of a table that exists.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Column {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) mode: String,
    #[serde(default)]
    pub(crate) default_value_expression: String,
}

impl From<&proto::TableField> for Column {
    fn from(field: &proto::TableField) -> Self {
        let mode = match field.mode {
            2 => "REQUIRED",
            3 => "REPEATED",
            _ => "NULLABLE",
        };
        Column {
            name: field.name.clone(),
            kind: proto::column_type(field.kind).to_owned(),
            mode: mode.to_owned(),
            default_value_expression: field.default_value_expression.clone(),
        }
    }
}

/// The body of `tables.insert`. With `expires_ms` the table removes itself.
pub(crate) fn new_table(target: &Target, table: &str, expires_ms: Option<u64>) -> Value {
    let fields: Vec<Value> = WANTED
        .iter()
        .map(|column| {
            let mode = if column.required { "REQUIRED" } else { "NULLABLE" };
            json!({ "name": column.name, "type": column.kind, "mode": mode, "description": column.description })
        })
        .collect();
    let mut body = json!({
        "tableReference": { "projectId": target.project, "datasetId": target.dataset, "tableId": table },
        "schema": { "fields": fields },
        "timePartitioning": { "type": "DAY", "field": "occurred_at" },
        "clustering": { "fields": ["event_type"] },
    });
    if let Some(expires_ms) = expires_ms {
        // The REST API writes 64-bit numbers as text.
        body["expirationTime"] = Value::String(expires_ms.to_string());
    }
    body
}

/// What rows look like in the Storage Write API: strings for text and JSON, microseconds for timestamps.
pub(crate) fn descriptor() -> proto::Descriptor {
    let (optional, required, int64, string) = (1, 2, 3, 9);
    let field = |(number, column): (i32, &Wanted)| proto::FieldDescriptor {
        name: Some(column.name.to_owned()),
        number: Some(number),
        label: Some(if column.required { required } else { optional }),
        kind: Some(if column.kind == "TIMESTAMP" { int64 } else { string }),
    };
    proto::Descriptor { name: Some("Event".to_owned()), field: (1..).zip(&WANTED).map(field).collect() }
}

/// Whether rows fit into a table with these columns. Nothing is ever changed about one that they do not fit.
pub(crate) fn check(columns: &[Column], place: &str) -> Result<(), Error> {
    let mut problems = Vec::new();
    for wanted in &WANTED {
        match columns.iter().find(|column| column.name.eq_ignore_ascii_case(wanted.name)) {
            None => problems.push(format!("has no column {} {}", wanted.name, wanted.kind)),
            Some(column) if column.mode == "REPEATED" || !takes(&column.kind, wanted.kind) => {
                let is = if column.mode == "REPEATED" { "REPEATED" } else { &column.kind };
                problems.push(format!("column {} is {is}, not {}", column.name, wanted.kind));
            }
            Some(_) => {}
        }
    }
    let is_ours = |column: &Column| WANTED.iter().any(|wanted| column.name.eq_ignore_ascii_case(wanted.name));
    for column in columns.iter().filter(|column| column.mode == "REQUIRED" && !is_ours(column)) {
        if column.default_value_expression.is_empty() {
            problems.push(format!("column {} is REQUIRED, and events have no value for it", column.name));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::config(
        "table-differs",
        format!(
            "the table {place} does not fit: {}; change the table (ALTER TABLE) or choose another name",
            problems.join(", ")
        ),
    ))
}

/// Whether a column of one type can be filled with what is meant for another.
fn takes(found: &str, wanted: &str) -> bool {
    found.eq_ignore_ascii_case(wanted) || (wanted == "JSON" && found.eq_ignore_ascii_case("STRING"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::tests::usual;

    /// The columns of a table that was made by [`new_table`].
    pub(crate) fn columns() -> Vec<Column> {
        let body = new_table(&usual(), "t", None);
        serde_json::from_value(body["schema"]["fields"].clone()).unwrap()
    }

    #[test]
    fn a_table_of_our_own_fits() {
        assert_eq!(check(&columns(), "p.d.t"), Ok(()));
    }

    #[test]
    fn a_new_table_is_partitioned_by_day_and_clustered_by_type() {
        let body = new_table(&usual(), "t", Some(1_700_000_000_000));

        assert_eq!(body["timePartitioning"], json!({ "type": "DAY", "field": "occurred_at" }));
        assert_eq!(body["clustering"]["fields"], json!(["event_type"]));
        assert_eq!(body["tableReference"], json!({ "projectId": "acme", "datasetId": "events", "tableId": "t" }));
        assert_eq!(body["expirationTime"], "1700000000000");
    }

    #[test]
    fn columns_more_and_columns_of_text_do_not_matter() {
        let mut own = columns();
        own[4].kind = "STRING".into();
        own[1].name = "EVENT_TYPE".into();
        own.push(Column {
            name: "note".into(),
            kind: "STRING".into(),
            mode: "NULLABLE".into(),
            default_value_expression: String::new(),
        });
        own.push(Column {
            name: "loaded".into(),
            kind: "DATE".into(),
            mode: "REQUIRED".into(),
            default_value_expression: "CURRENT_DATE()".into(),
        });

        assert_eq!(check(&own, "p.d.t"), Ok(()));
    }

    #[test]
    fn what_does_not_fit_is_told_at_once_and_completely() {
        let mut other = columns();
        other[2].kind = "STRING".into();
        other[4].mode = "REPEATED".into();
        other.remove(3);
        other.push(Column {
            name: "tenant".into(),
            kind: "STRING".into(),
            mode: "REQUIRED".into(),
            default_value_expression: String::new(),
        });

        let error = check(&other, "p.d.t").unwrap_err();

        assert_eq!(error.kind(), freehold_sdk::ErrorKind::Config);
        for part in [
            "p.d.t does not fit",
            "occurred_at is STRING, not TIMESTAMP",
            "has no column customer STRING",
            "data is REPEATED, not JSON",
            "tenant is REQUIRED",
        ] {
            assert!(error.message().contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn both_apis_name_the_same_types() {
        for (kind, name) in [(1, "STRING"), (2, "INTEGER"), (7, "TIMESTAMP"), (15, "JSON")] {
            assert_eq!(proto::column_type(kind), name);
        }
        assert!(!takes(proto::column_type(99), "STRING"));
    }
}
