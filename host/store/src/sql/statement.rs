//! Runs statements on either engine. Parameters are written `$1`, `$2`, …, and may be left out of some statements of a text.
//!
//! A text costs SQLite a round trip to the connection's thread, so statements that belong together are sent as one text.
//! Texts are written for SQLite; [`dialect`](crate::sql::dialect) turns them into what Postgres understands.

use std::sync::Arc;

use freehold_model::Scope;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, Either, Encode, SqlSafeStr, SqlStr, Type};

use crate::StoreError;
use crate::sql::connection::{Connection, Driver, SqlRow};
use crate::sql::dialect::{self, Translated};
use crate::sql::value::Value;

/// A text with its parameters.
pub(crate) struct Statement {
    sql: SqlStr,
    values: Vec<Value>,
}

/// A statement without parameters yet.
pub(crate) fn query(sql: impl SqlSafeStr) -> Statement {
    Statement { sql: sql.into_sql_str(), values: Vec::new() }
}

/// A statement whose `$1` is the tenant and whose `$2` is the customer, null when the scope is the whole tenant.
pub(crate) fn scoped(sql: impl SqlSafeStr, scope: &Scope) -> Statement {
    query(sql).bind(scope.tenant().as_str()).bind(scope.customer().map(|customer| customer.as_str()))
}

/// What one statement of a text gave.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<SqlRow>,
    pub(crate) changed: u64,
}

impl Statement {
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// How many rows were changed.
    pub(crate) async fn execute(self, connection: &mut Connection) -> Result<u64, sqlx::Error> {
        match connection.driver() {
            Driver::Sqlite(driver) => {
                let arguments = arguments::<SqliteArguments>(self.values)?;
                Ok(sqlx::query_with(self.sql, arguments).execute(driver).await?.rows_affected())
            }
            Driver::Postgres(driver) => {
                let arguments = arguments::<PgArguments>(self.values)?;
                let sql = AssertSqlSafe(dialect::postgres(self.sql.as_str()));
                Ok(sqlx::query_with(sql, arguments).execute(driver).await?.rows_affected())
            }
        }
    }

    /// The rows, one after another as the database finds them.
    pub(crate) fn fetch(self, connection: &mut Connection) -> BoxStream<'_, Result<SqlRow, sqlx::Error>> {
        let failed = |error| futures_util::stream::once(async move { Err(error) }).boxed();
        match connection.driver() {
            Driver::Sqlite(driver) => match arguments::<SqliteArguments>(self.values) {
                Ok(arguments) => sqlx::query_with(self.sql, arguments).fetch(driver).map_ok(SqlRow::Sqlite).boxed(),
                Err(error) => failed(error),
            },
            Driver::Postgres(driver) => match arguments::<PgArguments>(self.values) {
                Ok(arguments) => {
                    let sql = AssertSqlSafe(dialect::postgres(self.sql.as_str()));
                    sqlx::query_with(sql, arguments).fetch(driver).map_ok(SqlRow::Postgres).boxed()
                }
                Err(error) => failed(error),
            },
        }
    }

    pub(crate) async fn fetch_all(self, connection: &mut Connection) -> Result<Vec<SqlRow>, sqlx::Error> {
        self.fetch(connection).try_collect().await
    }

    pub(crate) async fn fetch_optional(self, connection: &mut Connection) -> Result<Option<SqlRow>, sqlx::Error> {
        self.fetch(connection).try_next().await
    }

    pub(crate) async fn fetch_one(self, connection: &mut Connection) -> Result<SqlRow, sqlx::Error> {
        self.fetch_optional(connection).await?.ok_or(sqlx::Error::RowNotFound)
    }
}

/// Runs a text of several statements; one answer each, in their order.
pub(crate) async fn run_all(connection: &mut Connection, statement: Statement) -> Result<Vec<Answer>, StoreError> {
    match connection.driver() {
        Driver::Sqlite(driver) => {
            let arguments = arguments::<SqliteArguments>(statement.values)?;
            // This fetch is deprecated only to warn of engines that cannot run several statements with parameters.
            #[expect(deprecated, reason = "SQLite runs every statement of a text with the same parameters")]
            let steps = sqlx::query_with(statement.sql, arguments).fetch_many(driver);
            let mut answers = Vec::new();
            collect(
                steps.map_ok(|step| step.map_left(|done| done.rows_affected()).map_right(SqlRow::Sqlite)),
                &mut answers,
            )
            .await?;
            Ok(answers)
        }
        Driver::Postgres(driver) => {
            let mut answers = Vec::new();
            for Translated { sql, parameters } in dialect::postgres_statements(statement.sql.as_str()).iter() {
                let values = statement.values.iter().take(*parameters).cloned().collect();
                let arguments = arguments::<PgArguments>(values)?;
                #[expect(deprecated, reason = "one statement at a time, whose rows and count are both wanted")]
                let steps = sqlx::query_with(AssertSqlSafe(Arc::clone(sql)), arguments).fetch_many(&mut *driver);
                let steps = steps.map_ok(|step| step.map_left(|done| done.rows_affected()).map_right(SqlRow::Postgres));
                collect(steps, &mut answers).await?;
            }
            Ok(answers)
        }
    }
}

/// Adds an answer for each statement that ended.
async fn collect(
    mut steps: impl futures_util::Stream<Item = Result<Either<u64, SqlRow>, sqlx::Error>> + Unpin,
    answers: &mut Vec<Answer>,
) -> Result<(), sqlx::Error> {
    let mut rows = Vec::new();
    while let Some(step) = steps.try_next().await? {
        match step {
            Either::Right(row) => rows.push(row),
            Either::Left(changed) => answers.push(Answer { rows: std::mem::take(&mut rows), changed }),
        }
    }
    Ok(())
}

fn arguments<A>(values: Vec<Value>) -> Result<A, sqlx::Error>
where
    A: Arguments,
    for<'q> Option<String>: Encode<'q, A::Database> + Type<A::Database>,
    for<'q> Option<i64>: Encode<'q, A::Database> + Type<A::Database>,
    for<'q> Option<Vec<u8>>: Encode<'q, A::Database> + Type<A::Database>,
{
    let mut arguments = A::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        match value {
            Value::Text(text) => arguments.add(text),
            Value::Number(number) => arguments.add(number),
            Value::Bytes(bytes) => arguments.add(bytes),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}
