//! Runs statements. Parameters are written `$1`, `$2`, …: unlike `?1` they may be left out of some statements of a text.
//!
//! Each text costs a round trip to the connection's thread, so statements that belong together are sent as one text.

use freehold_model::Scope;
use futures_util::TryStreamExt;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Either, SqlSafeStr, Sqlite};

use crate::StoreError;

pub(crate) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// A statement whose `$1` is the tenant and whose `$2` is the customer, null when the scope is the whole tenant.
pub(crate) fn scoped<'q>(sql: impl SqlSafeStr, scope: &Scope) -> Statement<'q> {
    sqlx::query(sql).bind(scope.tenant().as_str()).bind(scope.customer().map(|customer| customer.as_str()))
}

/// What one statement of a text gave.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<SqliteRow>,
    pub(crate) changed: u64,
}

/// Runs a text of several statements; one answer each, in their order.
pub(crate) async fn run_all(
    connection: &mut SqliteConnection,
    statement: Statement<'_>,
) -> Result<Vec<Answer>, StoreError> {
    let mut answers = Vec::new();
    let mut rows = Vec::new();
    // This fetch is deprecated only to warn of engines that cannot run several statements with parameters.
    #[expect(deprecated, reason = "SQLite runs every statement of a text with the same parameters")]
    let mut stream = statement.fetch_many(connection);
    while let Some(step) = stream.try_next().await? {
        match step {
            Either::Right(row) => rows.push(row),
            Either::Left(done) => {
                answers.push(Answer { rows: std::mem::take(&mut rows), changed: done.rows_affected() });
            }
        }
    }
    Ok(answers)
}
