//! Lists in pages: newest first, continued after the last row that was shown.

use freehold_model::limits::PAGE_ROWS_MAX;
use freehold_model::page::{Page, PageRequest};
use freehold_model::{Scope, Timestamp};
use sqlx::AssertSqlSafe;

use crate::StoreError;
use crate::cursor::Position;
use crate::sql::connection::{Connection, SqlRow};
use crate::sql::row::Row;
use crate::sql::statement::query;
use crate::sql::value::Value;

/// A list under construction.
pub(crate) struct Listing {
    sql: String,
    values: Vec<Value>,
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
        let limit = page.limit.clamp(1, PAGE_ROWS_MAX);
        let mut listing = Listing { sql: select.to_owned(), values: Vec::new(), moment, seq, limit, after };
        listing.bind(scope.tenant().as_str());
        Ok(listing)
    }

    fn push(&mut self, text: &str) -> &mut Self {
        self.sql.push_str(text);
        self
    }

    fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        self.sql.push_str(&format!("${}", self.values.len()));
        self
    }

    /// Keeps rows where `condition`, which ends with its operator, holds for `value`; all rows when there is none.
    pub(crate) fn filter(mut self, condition: &'static str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.push(condition).bind(value);
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
            self.push(set_of_tenant).bind(scope.tenant().as_str()).push(and_value).bind(value).push(end);
        }
        self
    }

    /// Keeps rows where `condition`, which ends with `LIKE lower(`, holds for a pattern in which `\` escapes.
    pub(crate) fn containing(mut self, condition: &'static str, pattern: &str) -> Self {
        self.push(condition).bind(pattern).push(") ESCAPE '\\'");
        self
    }

    /// Keeps rows that fulfil `condition`.
    pub(crate) fn only(mut self, condition: &'static str) -> Self {
        self.push(condition);
        self
    }

    /// Keeps rows of `from..to`.
    pub(crate) fn between(mut self, from: Option<Timestamp>, to: Option<Timestamp>) -> Self {
        if let Some(from) = from {
            self.push(&format!(" AND {} >= ", self.moment)).bind(from.millis());
        }
        if let Some(to) = to {
            self.push(&format!(" AND {} < ", self.moment)).bind(to.millis());
        }
        self
    }

    /// Reads the page. Rows carry the two columns they are ordered by as `page_moment` and `page_seq`.
    pub(crate) async fn fetch<T>(
        mut self,
        connection: &mut Connection,
        read: impl Fn(&SqlRow) -> Result<T, StoreError>,
    ) -> Result<Page<T>, StoreError> {
        let (moment, seq) = (self.moment, self.seq);
        if let Some(after) = self.after {
            self.push(&format!(" AND ({moment}, {seq}) < (")).bind(after.at).push(", ").bind(after.seq).push(")");
        }
        let rows_max = i64::from(self.limit) + 1;
        self.push(&format!(" ORDER BY {moment} DESC, {seq} DESC LIMIT ")).bind(rows_max);
        let statement =
            self.values.into_iter().fold(query(AssertSqlSafe(self.sql)), |statement, value| statement.bind(value));
        let rows = statement.fetch_all(connection).await?;
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
