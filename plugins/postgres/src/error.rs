//! What does a refusal of Postgres' mean for a delivery, and what is the customer told? Pure.
//!
//! <https://www.postgresql.org/docs/current/errcodes-appendix.html>

use freehold_sdk::{Error, ErrorKind, stream};

use crate::config::Settings;
use crate::encode::{Statement, quoted};
use crate::wire::Refused;

/// Words of a server that are longer than this are cut: they may repeat what was sent.
const SAID_CHARS_MAX: usize = 300;

/// What a refusal is judged by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judge<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) statement: &'a Statement,
    pub(crate) user: &'a str,
}

impl Judge<'_> {
    /// Whether it is about the values of one row, so that the others go in without it.
    pub(crate) fn is_about_the_row(&self, refused: &Refused) -> bool {
        match refused.code.as_str() {
            NOT_NULL => refused.column.as_ref().is_none_or(|column| self.fills(column)),
            // Without the name of a constraint, there is no partition for it.
            CHECK => refused.constraint.is_some(),
            // `RAISE EXCEPTION` of a trigger, a view that does not show it, and what is too large for an index.
            code => code == "44000" || ["22", "23", "54", "P0"].iter().any(|class| code.starts_with(class)),
        }
    }

    /// The error that it is.
    pub(crate) fn error(&self, refused: &Refused) -> Error {
        let said: String = refused.message.chars().take(SAID_CHARS_MAX).collect();
        let (kind, word, message) = self.meaning(refused, &said);
        let code = match word {
            "" => format!("postgres-{}", word_of(&refused.code)),
            word => word.to_owned(),
        };
        Error::new(kind, code, message).with_request_sent(true)
    }

    /// The error that it is where no single row was being inserted: what would be said of a row, a login trigger may say of
    /// anything, and no event is given up for it.
    pub(crate) fn error_of_session(&self, refused: &Refused) -> Error {
        if !self.is_about_the_row(refused) {
            return self.error(refused);
        }
        let said: String = refused.message.chars().take(SAID_CHARS_MAX).collect();
        let message = said_then("the server refuses the session", &said, "it is tried again by itself");
        Error::transient(format!("postgres-{}", word_of(&refused.code)), message).with_request_sent(true)
    }

    fn meaning(&self, refused: &Refused, said: &str) -> (ErrorKind, &'static str, String) {
        use ErrorKind::{Auth, Config, Other, Rejected, Transient};
        let Judge { settings, statement, .. } = self;
        let (table, database) = (&statement.table, &settings.database);
        let is_of = |classes: &[&str]| classes.iter().any(|class| refused.code.starts_with(class));
        match refused.code.as_str() {
            "42501" => (Auth, "permission-denied", self.access(&refused.code, said)),
            _ if is_of(&["28"]) => (Auth, "sign-in-refused", self.access(&refused.code, said)),
            "3D000" => (
                Config,
                "database-missing",
                format!("the server has no database {database}: create it, or correct `database`"),
            ),
            "42P01" | "3F000" => (
                Config,
                "table-missing",
                format!(
                    "the database {database} has no table {table}: run {}; or correct `schema` and `table`",
                    statement.create_table
                ),
            ),
            "42P10" => (
                Config,
                "unique-missing",
                format!(
                    "{table} has nothing by which it knows a row that is there already: run {}; or correct `unique`",
                    statement.create_index
                ),
            ),
            _ if self.is_about_the_row(refused) => (Rejected, "", format!("{table} does not take this event: {said}")),
            "42703" | NOT_NULL | CHECK => shape(&refused.code, table, said),
            "25006" => (
                Transient,
                "server-read-only",
                said_then(
                    "the server takes no writes at the moment",
                    said,
                    "it is tried again by itself. If it is a standby, name the primary",
                ),
            ),
            "53300" => (
                Transient,
                "too-many-connections",
                said_then("the server has no connection left", said, "it is tried again by itself"),
            ),
            "55000" => (Config, "", format!("{table} cannot be inserted into: {said}")),
            _ if is_of(&["08", "40", "53", "55", "57", "58"]) => {
                (Transient, "", said_then("the server cannot do it at the moment", said, "it is tried again by itself"))
            }
            _ if is_of(&["0A", "42"]) => {
                (Config, "", format!("the server cannot insert into {table} as configured: {said}"))
            }
            code => (Other, "", format!("the server answered {}: {said}", word_of(code))),
        }
    }

    /// That the user may not come in, or not insert.
    fn access(&self, code: &str, said: &str) -> String {
        let Judge { settings, statement, user } = self;
        let (wrong, next) = match code {
            "28P01" => (
                "the server does not accept this user name and password".to_owned(),
                "save the right credential".to_owned(),
            ),
            "42501" => (
                format!("the user may not insert into {}", statement.table),
                format!("run {} {}", statement.grant, quoted(user)),
            ),
            _ => (
                "the server does not let this user in".to_owned(),
                format!(
                    "save the right credential, or allow the user in pg_hba.conf, as with `hostssl {} {user} all scram-sha-256`",
                    settings.database
                ),
            ),
        };
        said_then(&wrong, said, &next)
    }

    fn fills(&self, column: &str) -> bool {
        self.settings.columns.iter().any(|(_, filled)| filled == column)
    }
}

/// What the table has too little or too much of.
fn shape(code: &str, table: &str, said: &str) -> (ErrorKind, &'static str, String) {
    let (word, what, next) = match code {
        NOT_NULL => (
            "column-not-filled",
            "has a column that must not be null and that nothing fills",
            "give it a default, or let it be null",
        ),
        CHECK => ("partition-missing", "has no partition for the event", "create it, or a default partition"),
        _ => (
            "column-missing",
            "lacks a column",
            "add it with ALTER TABLE, or name another one in `columns`, where an empty name leaves a column out",
        ),
    };
    (ErrorKind::Config, word, said_then(&format!("{table} {what}"), said, next))
}

/// What is wrong, in whose words, and what to do next.
fn said_then(wrong: &str, said: &str, next: &str) -> String {
    format!("{wrong} ({said}): {next}")
}

const NOT_NULL: &str = "23502";
const CHECK: &str = "23514";

/// Whether the connection may have ended while nobody used it.
pub(crate) fn may_be_the_connection(error: &Error) -> bool {
    stream::has_ended(error) || error.code() == "postgres-57p01"
}

fn word_of(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).take(5).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::settings;

    fn refused(code: &str) -> Refused {
        Refused { code: code.into(), message: "no".into(), column: None, constraint: None }
    }

    #[test]
    fn codes_decide_what_is_done() {
        use ErrorKind::{Auth, Config, Other, Rejected, Transient};
        let settings = settings("");
        let statement = Statement::new(&settings);
        let judge = Judge { settings: &settings, statement: &statement, user: "freehold" };
        let in_constraint = |code| Refused { constraint: Some("positive".into()), ..refused(code) };
        let in_column = |column: &str| Refused { column: Some(column.into()), ..refused(NOT_NULL) };
        for (refused, kind, word) in [
            (refused("28P01"), Auth, "sign-in-refused"),
            (refused("28000"), Auth, "sign-in-refused"),
            (refused("42501"), Auth, "permission-denied"),
            (refused("3D000"), Config, "database-missing"),
            (refused("42P01"), Config, "table-missing"),
            (refused("42703"), Config, "column-missing"),
            (refused("42P10"), Config, "unique-missing"),
            (refused("42601"), Config, "postgres-42601"),
            (refused("0A000"), Config, "postgres-0a000"),
            (refused("55000"), Config, "postgres-55000"),
            (refused("53300"), Transient, "too-many-connections"),
            (refused("53100"), Transient, "postgres-53100"),
            (refused("57P03"), Transient, "postgres-57p03"),
            (refused("57P01"), Transient, "postgres-57p01"),
            (refused("40001"), Transient, "postgres-40001"),
            (refused("40P01"), Transient, "postgres-40p01"),
            (refused("55P03"), Transient, "postgres-55p03"),
            (refused("25006"), Transient, "server-read-only"),
            (refused("22P02"), Rejected, "postgres-22p02"),
            (refused("22P05"), Rejected, "postgres-22p05"),
            (refused("23503"), Rejected, "postgres-23503"),
            (refused("54000"), Rejected, "postgres-54000"),
            (refused("P0001"), Rejected, "postgres-p0001"),
            (in_constraint("23514"), Rejected, "postgres-23514"),
            (refused("23514"), Config, "partition-missing"),
            (in_column("data"), Rejected, "postgres-23502"),
            (in_column("tenant"), Config, "column-not-filled"),
            (refused("XX000"), Other, "postgres-xx000"),
            (refused("%s\n../"), Other, "postgres-s"),
        ] {
            let error = judge.error(&refused);

            assert_eq!((error.kind(), error.code()), (kind, word), "{refused:?}");
            assert_eq!(judge.is_about_the_row(&refused), kind == Rejected, "{refused:?}");
            assert!(error.request_sent());
        }
    }

    #[test]
    fn messages_say_what_to_run() {
        let settings = settings(r#","table":"log""#);
        let statement = Statement::new(&settings);
        let judge = Judge { settings: &settings, statement: &statement, user: "free\"hold" };
        for (code, says) in [
            ("42P01", "run CREATE TABLE \"public\".\"log\" (\"idempotency_key\" text NOT NULL, "),
            ("42P10", "run CREATE UNIQUE INDEX ON \"public\".\"log\" (\"idempotency_key\")"),
            ("42501", "GRANT INSERT, SELECT (\"idempotency_key\") ON \"public\".\"log\" TO \"free\"\"hold\""),
        ] {
            let error = judge.error(&refused(code));

            assert!(error.message().contains(says), "{error}");
        }
    }

    #[test]
    fn long_words_of_the_server_are_cut() {
        let settings = settings("");
        let statement = Statement::new(&settings);
        let judge = Judge { settings: &settings, statement: &statement, user: "freehold" };

        let error = judge.error(&Refused { message: "é".repeat(5000), ..refused("22P02") });

        assert!(error.message().len() < 800);
    }

    #[test]
    fn what_a_session_is_refused_for_gives_up_on_no_event() {
        let settings = settings("");
        let statement = Statement::new(&settings);
        let judge = Judge { settings: &settings, statement: &statement, user: "freehold" };

        for code in ["P0001", "23503", "22P02"] {
            let error = judge.error_of_session(&refused(code));
            assert_eq!(error.kind(), ErrorKind::Transient, "{error}");
        }
        assert_eq!(judge.error_of_session(&refused("28P01")).kind(), ErrorKind::Auth);
    }
}
