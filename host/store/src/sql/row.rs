//! Reads rows strictly: a value that does not parse is named, never guessed.

use freehold_model::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};

use crate::StoreError;
use crate::sql::connection::SqlRow;

/// What a column of either engine can be read as.
pub(crate) trait Column<'r>: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres> {}

impl<'r, T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>> Column<'r> for T {}

/// A row of a table, with what names it in an error.
pub(crate) struct Row<'r> {
    row: &'r SqlRow,
    table: &'static str,
    /// The column that names the row.
    key: &'static str,
}

impl<'r> Row<'r> {
    pub(crate) fn new(row: &'r SqlRow, table: &'static str, key: &'static str) -> Self {
        Row { row, table, key }
    }

    pub(crate) fn get<T: Column<'r>>(&self, column: &str) -> Result<T, StoreError> {
        self.try_get(column).map_err(|_| self.inconsistent(column))
    }

    fn try_get<T: Column<'r>>(&self, column: &str) -> Result<T, sqlx::Error> {
        match self.row {
            SqlRow::Sqlite(row) => row.try_get(column),
            SqlRow::Postgres(row) => row.try_get(column),
        }
    }

    /// A text, as `parse` understands it.
    pub(crate) fn parsed<T>(&self, column: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        parse(self.get(column)?).ok_or_else(|| self.inconsistent(column))
    }

    /// A text that may be missing, as `parse` understands it.
    pub(crate) fn maybe<T>(
        &self,
        column: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<&str> = self.get(column)?;
        text.map(|text| parse(text).ok_or_else(|| self.inconsistent(column))).transpose()
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        self.parsed(column, |text| serde_json::from_str(text).ok())
    }

    pub(crate) fn number(&self, column: &str) -> Result<u32, StoreError> {
        u32::try_from(self.get::<i64>(column)?).map_err(|_| self.inconsistent(column))
    }

    pub(crate) fn maybe_number(&self, column: &str) -> Result<Option<u32>, StoreError> {
        let number: Option<i64> = self.get(column)?;
        number.map(|number| u32::try_from(number).map_err(|_| self.inconsistent(column))).transpose()
    }

    pub(crate) fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        Ok(Timestamp::from_millis(self.get(column)?))
    }

    pub(crate) fn maybe_time(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp::from_millis))
    }

    pub(crate) fn inconsistent(&self, column: &str) -> StoreError {
        let row = self.try_get::<String>(self.key).unwrap_or_else(|_| "unknown".to_owned());
        StoreError::Inconsistent { table: self.table, column: column.to_owned(), row }
    }
}

/// Writes a value of ours as JSON. Our types have text keys and no failing serialisers, so this cannot fail for them.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Database(format!("a value cannot be written: {error}")))
}
