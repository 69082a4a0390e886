//! What of an event stands in a row, and which statement inserts it? Pure.

use std::borrow::Cow;

use freehold_sdk::Event;

use crate::config::{Field, Settings};

/// How rows get into the table. Values are parameters and never part of it; names are quoted.
#[derive(Debug)]
pub(crate) struct Statement {
    fields: Vec<Field>,
    /// The `INSERT`, with a parameter for each column.
    pub(crate) insert: String,
    /// What makes the table, for whoever has none yet.
    pub(crate) create_table: String,
    /// What lets the table know a row that is there already.
    pub(crate) create_index: String,
    /// What lets a user insert rows.
    pub(crate) grant: String,
    /// The table with its schema, quoted.
    pub(crate) table: String,
}

/// The values of a row, in the order of the columns.
pub(crate) type Row<'a> = Vec<Cow<'a, [u8]>>;

impl Statement {
    pub(crate) fn new(settings: &Settings) -> Self {
        let table = format!("{}.{}", quoted(&settings.schema), quoted(&settings.table));
        let columns = listed(settings.columns.iter().map(|(_, column)| quoted(column)));
        let parameters = listed((1..=settings.columns.len()).map(|number| format!("${number}")));
        let unique = listed(settings.unique.iter().map(|column| quoted(column)));
        let definitions = listed(
            settings
                .columns
                .iter()
                .map(|(field, column)| format!("{} {} NOT NULL", quoted(column), field.column_type())),
        );
        Statement {
            fields: settings.columns.iter().map(|(field, _)| *field).collect(),
            insert: format!("INSERT INTO {table} ({columns}) VALUES ({parameters}) ON CONFLICT ({unique}) DO NOTHING"),
            create_table: format!("CREATE TABLE {table} ({definitions}, PRIMARY KEY ({unique}))"),
            create_index: format!("CREATE UNIQUE INDEX ON {table} ({unique})"),
            // To find a row that is there already, Postgres wants the right to look at what it is known by.
            grant: format!("GRANT INSERT, SELECT ({unique}) ON {table} TO"),
            table,
        }
    }

    /// The row of `event`.
    pub(crate) fn row<'a>(&self, event: &'a Event, customer: &'a str) -> Row<'a> {
        let value = |field: &Field| match field {
            Field::IdempotencyKey => Cow::Borrowed(event.idempotency_key.as_bytes()),
            Field::Id => Cow::Borrowed(event.id.as_bytes()),
            Field::Type => Cow::Borrowed(event.event_type.as_bytes()),
            Field::Time => Cow::Owned(event.time().to_string().into_bytes()),
            Field::Customer => Cow::Borrowed(customer.as_bytes()),
            Field::Data => Cow::Borrowed(event.data.as_slice()),
            Field::Metadata => Cow::Owned(event.metadata_json().into_bytes()),
        };
        self.fields.iter().map(value).collect()
    }
}

/// A name as SQL takes any name.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn listed(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<String>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::settings;

    fn event() -> Event {
        Event {
            id: "evt_1".into(),
            event_type: "order.made".into(),
            time_ms: 1_649_367_553_250,
            data: br#"{"a":"'; DROP TABLE x; --"}"#.to_vec(),
            attributes: vec![("region".into(), "eu".into()), ("a\"b".into(), "c\\d".into())],
            idempotency_key: "msg_1".into(),
        }
    }

    #[test]
    fn values_are_parameters_and_names_are_quoted() {
        let settings = settings(r#","schema":"a\"b","table":"e; --","columns":{"data":"Da ta","metadata":""}"#);

        let statement = Statement::new(&settings);

        assert_eq!(
            statement.insert,
            "INSERT INTO \"a\"\"b\".\"e; --\" (\"idempotency_key\", \"id\", \"type\", \"time\", \"customer\", \"Da ta\") \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (\"idempotency_key\") DO NOTHING"
        );
    }

    #[test]
    fn a_row_holds_the_event() {
        let (settings, event) = (settings(""), event());

        let row = Statement::new(&settings).row(&event, "cus_1");

        let texts: Vec<&str> = row.iter().map(|value| std::str::from_utf8(value).unwrap()).collect();
        assert_eq!(
            texts,
            [
                "msg_1",
                "evt_1",
                "order.made",
                "2022-04-07T21:39:13.250Z",
                "cus_1",
                r#"{"a":"'; DROP TABLE x; --"}"#,
                r#"{"region":"eu","a\"b":"c\\d"}"#,
            ]
        );
    }

    #[test]
    fn what_to_run_fits_the_columns() {
        let statement = Statement::new(&settings(r#","unique":"id","columns":{"idempotency_key":""}"#));

        assert_eq!(
            statement.create_table,
            "CREATE TABLE \"public\".\"events\" (\"id\" text NOT NULL, \"type\" text NOT NULL, \"time\" timestamptz NOT NULL, \
             \"customer\" text NOT NULL, \"data\" jsonb NOT NULL, \"metadata\" jsonb NOT NULL, PRIMARY KEY (\"id\"))"
        );
        assert_eq!(statement.create_index, "CREATE UNIQUE INDEX ON \"public\".\"events\" (\"id\")");
        assert_eq!(statement.grant, "GRANT INSERT, SELECT (\"id\") ON \"public\".\"events\" TO");
    }
}
