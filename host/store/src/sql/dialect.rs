//! Turns statements as SQLite wants them into what Postgres understands.
//!
//! Both engines run the same statements, so each is written once. What differs is little, and is told apart by its words:
//! hints for SQLite's planner are left out, and lists that come as a JSON parameter are read in Postgres' way. All else the
//! statements say in words that mean the same to both (`CASE` rather than `iif`, numbers rather than truth values).

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

/// Texts that were turned already, by what they were.
static KNOWN: LazyLock<RwLock<HashMap<String, Arc<[Translated]>>>> = LazyLock::new(RwLock::default);

/// A statement for Postgres.
pub(crate) struct Translated {
    pub(crate) sql: Arc<str>,
    /// How many of the text's parameters it may use: the others must not be sent along, so that the same statement is the
    /// same whatever text it is part of.
    pub(crate) parameters: usize,
}

/// A text of one statement, for Postgres.
pub(crate) fn postgres(sql: &str) -> Arc<str> {
    match postgres_statements(sql).as_ref() {
        [only] => Arc::clone(&only.sql),
        several => several.iter().map(|statement| &*statement.sql).collect::<Vec<_>>().join(";").into(),
    }
}

/// The statements of a text, for Postgres.
pub(crate) fn postgres_statements(sql: &str) -> Arc<[Translated]> {
    if let Some(known) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(sql) {
        return Arc::clone(known);
    }
    let translated = |statement: &str| {
        let sql: Arc<str> = translate(statement.trim()).into();
        Translated { parameters: highest_parameter(&sql), sql }
    };
    let statements: Arc<[Translated]> = sql.split(';').map(translated).collect();
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.insert(sql.to_owned(), Arc::clone(&statements));
    statements
}

fn translate(statement: &str) -> String {
    let statement = without_index_hints(statement);
    let statement = without_unary_plus(&statement);
    statement
        // In SQLite it fixes the order of the loops; Postgres does not allow it a condition.
        .replace("CROSS JOIN", "JOIN")
        // Each is an array of its own where its members are looked at, else a plain value.
        .replace("SELECT value FROM json_each(", "SELECT value #>> '{}' FROM json_each(")
}

/// The number of the last of its parameters.
fn highest_parameter(statement: &str) -> usize {
    let number = |part: &str| part[..part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len())].parse().ok();
    statement.split('$').skip(1).filter_map(number).max().unwrap_or(0)
}

/// Leaves out `INDEXED BY name`.
fn without_index_hints(statement: &str) -> String {
    let mut parts = statement.split("INDEXED BY ");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let name = part.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(part.len());
        kept.push_str(&part[name..]);
    }
    kept
}

/// Leaves out the `+` before a column that keeps SQLite from using an index for it.
fn without_unary_plus(statement: &str) -> String {
    let mut kept = String::with_capacity(statement.len());
    let mut characters = statement.chars().peekable();
    while let Some(character) = characters.next() {
        let before_name = characters.peek().is_some_and(|next| next.is_ascii_alphabetic());
        if character != '+' || !before_name {
            kept.push(character);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_for_the_other_planner_are_left_out() {
        let sql = "SELECT a + 1 FROM t INDEXED BY t_a WHERE +t.a = $1 AND b IN (SELECT value FROM json_each($2));
            UPDATE t INDEXED BY t_b SET a = 1";

        let statements = postgres_statements(sql);

        assert_eq!(statements.len(), 2);
        let expected = "SELECT a + 1 FROM t  WHERE t.a = $1 AND b IN (SELECT value #>> '{}' FROM json_each($2))";
        assert_eq!((&*statements[0].sql, statements[0].parameters), (expected, 2));
        assert_eq!((&*statements[1].sql, statements[1].parameters), ("UPDATE t  SET a = 1", 0));
    }
}
