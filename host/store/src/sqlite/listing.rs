//! Lists in pages: newest first, continued after the last row that was shown.

use freehold_model::limits::PAGE_ROWS_MAX;
use freehold_model::page::{Page, PageRequest};
use freehold_model::{Scope, Timestamp};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Sqlite};

use crate::StoreError;
use crate::cursor::Position;
use crate::sqlite::row::Row;

/// A list under construction.
pub(crate) struct Listing {
    sql: QueryBuilder<Sqlite>,
    /// The columns that the list is ordered by: a moment, then `seq`.
    moment: &'static str,
    seq: &'static str,
    limit: u32,
    after: Option<Position>,
}

impl Listing {
    /// A list of what `select` selects. It ends with `tenant_id = `, so that the scope's tenant is its first filter.
    ///
    /// `moment` and `seq` name the columns it is ordered by, as the statement must write them.
    pub(crate) fn new(
        select: &str,
        scope: &Scope,
        (moment, seq): (&'static str, &'static str),
        page: &PageRequest,
    ) -> Result<Self, StoreError> {
        let after = page.after.as_deref().map(Position::parse).transpose()?;
        let mut sql = QueryBuilder::new(select);
        sql.push_bind(scope.tenant().as_str());
        Ok(Listing { sql, moment, seq, limit: page.limit.clamp(1, PAGE_ROWS_MAX), after })
    }

    /// Keeps rows where `condition`, which ends with its operator, holds for `value`; all rows when there is none.
    pub(crate) fn filter(mut self, condition: &'static str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.sql.push(condition).push_bind(value);
        }
        self
    }

    /// Keeps rows within a set that is looked up in the scope's tenant by `value`; all rows when there is none.
    pub(crate) fn within(
        mut self,
        set_of_tenant: &'static str,
        scope: &Scope,
        and_value: &'static str,
        value: Option<&str>,
        end: &'static str,
    ) -> Self {
        if let Some(value) = value {
            self.sql.push(set_of_tenant).push_bind(scope.tenant().as_str());
            self.sql.push(and_value).push_bind(value).push(end);
        }
        self
    }

    /// Keeps rows that fulfil `condition`.
    pub(crate) fn only(mut self, condition: &'static str) -> Self {
        self.sql.push(condition);
        self
    }

    /// Keeps rows of `from..to`.
    pub(crate) fn between(mut self, from: Option<Timestamp>, to: Option<Timestamp>) -> Self {
        if let Some(from) = from {
            self.sql.push(format_args!(" AND {} >= ", self.moment)).push_bind(from.millis());
        }
        if let Some(to) = to {
            self.sql.push(format_args!(" AND {} < ", self.moment)).push_bind(to.millis());
        }
        self
    }

    /// Reads the page. Rows carry the two columns they are ordered by as `page_moment` and `page_seq`.
    pub(crate) async fn fetch<T>(
        mut self,
        connection: &mut SqliteConnection,
        read: impl Fn(&SqliteRow) -> Result<T, StoreError>,
    ) -> Result<Page<T>, StoreError> {
        let (moment, seq) = (self.moment, self.seq);
        if let Some(after) = self.after {
            self.sql.push(format_args!(" AND ({moment}, {seq}) < (")).push_bind(after.at);
            self.sql.push(", ").push_bind(after.seq).push(")");
        }
        self.sql.push(format_args!(" ORDER BY {moment} DESC, {seq} DESC LIMIT ")).push_bind(i64::from(self.limit) + 1);
        let rows = self.sql.build().fetch_all(connection).await?;
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let shown = &rows[..rows.len().min(limit)];
        let next = match shown.last() {
            Some(last) if rows.len() > limit => {
                let last = Row::new(last, "page", "page_seq");
                Some(Position { at: last.get("page_moment")?, seq: last.get("page_seq")? }.encode())
            }
            _ => None,
        };
        Ok(Page { items: shown.iter().map(read).collect::<Result<_, _>>()?, next })
    }
}
