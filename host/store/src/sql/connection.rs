//! A connection to either engine, and a row of either.

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgRow, PgTransaction};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

/// A connection, or what stands for one.
pub(crate) enum Connection {
    /// The writer's own.
    Sqlite(SqliteConnection),
    /// A reader out of the pool.
    SqliteReader(PoolConnection<sqlx::Sqlite>),
    /// An open transaction, in which the role and the tenant are set.
    Postgres(PgTransaction<'static>),
}

/// The driver's connection behind a [`Connection`].
pub(crate) enum Driver<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Connection {
    pub(crate) fn driver(&mut self) -> Driver<'_> {
        match self {
            Connection::Sqlite(connection) => Driver::Sqlite(connection),
            Connection::SqliteReader(connection) => Driver::Sqlite(connection),
            Connection::Postgres(transaction) => Driver::Postgres(transaction),
        }
    }

    /// Whether others write to the database as well, so that what must not change has to be locked.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Connection::Postgres(_))
    }
}

/// A row.
pub(crate) enum SqlRow {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}
