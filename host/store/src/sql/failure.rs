//! Turns what an engine says into what a caller can act on.

use sqlx::postgres::PgDatabaseError;

use crate::{Conflict, StoreError};

/// `SQLITE_FULL`, from <https://www.sqlite.org/rescode.html>.
const FULL: i32 = 13;
/// `disk_full`, from <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
const POSTGRES_FULL: &str = "53100";
/// Codes after which SQLite may have rolled back the whole transaction: busy, out of memory, interrupted, I/O error,
/// corrupt, full.
const ENDS_TRANSACTION: [i32; 6] = [5, 7, 9, 10, 11, FULL];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => StoreError::Closed,
            _ if is_full(&error) => StoreError::Full,
            _ => StoreError::Database(error.to_string()),
        }
    }
}

/// The conflict that a broken uniqueness means, by `table.column` as SQLite names it. Postgres names the constraint, which
/// its schema calls `table_column`.
pub(crate) fn conflict(error: sqlx::Error, conflicts: &[(&str, Conflict)]) -> StoreError {
    let named = error.as_database_error().filter(|database| database.is_unique_violation()).and_then(|database| {
        let is_named = |name: &str| match database.constraint() {
            Some(constraint) => constraint.starts_with(&name.replace('.', "_")),
            None => database.message().contains(name),
        };
        conflicts.iter().find(|(name, _)| is_named(name)).map(|(_, conflict)| conflict.clone())
    });
    named.map_or_else(|| error.into(), StoreError::Conflict)
}

/// Whether nothing that the transaction did can be relied on any more.
pub(crate) fn ends_transaction(error: &StoreError) -> bool {
    match error {
        StoreError::Full | StoreError::Closed => true,
        // The text begins with the code as sqlx writes it.
        StoreError::Database(text) => code_in(text).is_some_and(|code| ENDS_TRANSACTION.contains(&(code & 0xff))),
        _ => false,
    }
}

fn code_in(text: &str) -> Option<i32> {
    text.split_once("(code: ")?.1.split_once(')')?.0.parse().ok()
}

fn is_full(error: &sqlx::Error) -> bool {
    let Some(database) = error.as_database_error() else { return false };
    let Some(code) = database.code() else { return false };
    match database.try_downcast_ref::<PgDatabaseError>() {
        Some(_) => code == POSTGRES_FULL,
        None => code.parse().is_ok_and(|code: i32| code & 0xff == FULL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_io_error_ends_the_transaction_and_a_constraint_does_not() {
        let of = |code: i32| StoreError::Database(format!("error returned from database: (code: {code}) text"));

        assert!(ends_transaction(&of(10 | (3 << 8))));
        assert!(ends_transaction(&StoreError::Full));
        assert!(!ends_transaction(&of(19 | (8 << 8))));
        assert!(!ends_transaction(&StoreError::NotFound));
    }
}
