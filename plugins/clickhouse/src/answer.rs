//! Judges what the server answered, by the code of its exception and then by the status. Pure.

use freehold_sdk::{Error, ErrorKind};

use crate::config::Target;

/// Characters kept of the server's own words.
const WORDS_CHARS_MAX: usize = 300;

/// What an answer that is a refusal says.
pub(crate) struct Answer<'a> {
    pub(crate) body: &'a str,
    /// The header `x-clickhouse-exception-code`, which servers before 2019 do not send.
    pub(crate) code: Option<&'a str>,
    /// What the status alone means.
    pub(crate) by_status: Error,
}

pub(crate) fn judge(answer: Answer<'_>, target: &Target) -> Error {
    let Some(code) = answer
        .code
        .and_then(|code| code.trim().parse().ok())
        .filter(|code| *code != 0)
        .or_else(|| code_in(answer.body))
    else {
        return unnamed(answer.by_status);
    };
    let (kind, advice) = match is_of_a_view(answer.body) {
        // Whether the rows themselves were written is not known: in halves they would be written again.
        true => (ErrorKind::Config, "a materialized view of the table fails: mend or drop it".to_owned()),
        false => meaning(code, target),
    };
    let words: String = words(answer.body).chars().take(WORDS_CHARS_MAX).collect();
    Error::new(kind, format!("clickhouse-{code}"), format!("{advice} (code {code}): {words}"))
        .with_retry_after(answer.by_status.retry_after())
        .with_request_sent(true)
}

/// An answer that is not ClickHouse's: a proxy's, say. It gives up on no event, unless it is too large.
fn unnamed(by_status: Error) -> Error {
    match by_status.kind() {
        ErrorKind::Rejected if by_status.code() != "http-413" => by_status.with_kind(ErrorKind::Transient),
        _ => by_status,
    }
}

/// `src/Common/ErrorCodes.cpp` of ClickHouse has the list of codes.
fn meaning(code: u32, target: &Target) -> (ErrorKind, String) {
    use ErrorKind::{Auth, Config, Rejected, Throttled, Transient};
    let table = format!("{}.{}", target.database, target.table);
    match code {
        // WRONG_PASSWORD, UNKNOWN_USER, REQUIRED_PASSWORD, AUTHENTICATION_FAILED
        192..=194 | 516 => (Auth, "the server does not accept the user and the password: save both again".to_owned()),
        // IP_ADDRESS_NOT_ALLOWED
        195 => (Auth, "the user may not come from this address: allow it, or save another user".to_owned()),
        // ACCESS_DENIED, READONLY, DATABASE_ACCESS_DENIED
        497 | 164 | 291 => {
            (Auth, format!("the user may not write here: GRANT INSERT ON {table} to it, and let it change settings"))
        }
        // UNKNOWN_TABLE, UNKNOWN_DATABASE
        60 => (Config, format!("there is no table {table}: create it, or correct the name")),
        81 => (Config, format!("there is no database {}: create it, or correct the name", target.database)),
        // NO_SUCH_COLUMN_IN_TABLE, UNKNOWN_IDENTIFIER
        16 | 47 => (Config, format!("{table} lacks a column that row has: add it, or correct row")),
        // UNKNOWN_SETTING
        115 => (
            Config,
            "the server does not know a setting: it is older than 22.2, so set deduplicate to false, or upgrade it"
                .to_owned(),
        ),
        // NOT_IMPLEMENTED, SYNTAX_ERROR, UNKNOWN_FORMAT, ILLEGAL_COLUMN, READONLY tables of other engines
        48 | 62 | 73 | 44 => {
            (Config, format!("{table} cannot be written to in this way: it has to be a table for inserts"))
        }
        // INCORRECT_DATA with an unknown field, the CANNOT_PARSE_… family, TYPE_MISMATCH, CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN,
        // VIOLATED_CONSTRAINT, UNKNOWN_ELEMENT_OF_ENUM and others about what is in a row.
        6
        | 25..=27
        | 33
        | 38
        | 41
        | 53
        | 69
        | 70
        | 72
        | 117
        | 130
        | 131
        | 190
        | 321
        | 349
        | 376
        | 407
        | 441
        | 467
        | 469
        | 636
        | 675
        | 676
        | 691 => (Rejected, format!("the row does not fit {table}")),
        // QUOTA_EXCEEDED, TOO_MANY_SIMULTANEOUS_QUERIES, TOO_MANY_PARTS
        201 | 202 | 252 => {
            (Throttled, format!("the server wants {table} to be written to less for now; it is tried again"))
        }
        // TIMEOUT_EXCEEDED, SOCKET_TIMEOUT, NETWORK_ERROR, MEMORY_LIMIT_EXCEEDED, TABLE_IS_READ_ONLY, KEEPER_EXCEPTION and all
        // the others: not about these events.
        _ => (Transient, "the server could not take the rows; it is tried again".to_owned()),
    }
}

/// Whether the server's words are those of an exception, wherever in them it begins.
pub(crate) fn is_exception(body: &str) -> bool {
    body.contains("DB::Exception") || code_in(body).is_some()
}

/// What the server adds to an exception of a view that the rows were pushed to.
fn is_of_a_view(body: &str) -> bool {
    body.contains("while pushing to view")
}

/// `Code: 60, e.displayText() = …` or, since 2021, `Code: 60. DB::Exception: …`; what was answered before it may stand in front.
fn code_in(body: &str) -> Option<u32> {
    let (_, digits) = body.split_once("Code: ")?;
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The server's words, without what stands around them.
fn words(body: &str) -> &str {
    let line = body.trim().lines().next().unwrap_or_default();
    let text = line.split_once("DB::Exception: ").map_or(line, |(_, text)| text);
    text.split(", e.what()").next().unwrap_or(text).trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::target;

    fn judged(code: Option<&str>, body: &str) -> Error {
        let by_status = Error::rejected("http-400", "by its status").with_request_sent(true);
        judge(Answer { body, code, by_status }, &target(r#"{"url":"https://x","table":"events"}"#).unwrap())
    }

    #[test]
    fn the_code_decides_the_kind() {
        use ErrorKind::{Auth, Config, Rejected, Throttled, Transient};
        for (code, kind) in [
            (516, Auth),
            (194, Auth),
            (192, Auth),
            (193, Auth),
            (497, Auth),
            (60, Config),
            (81, Config),
            (16, Config),
            (115, Config),
            (27, Rejected),
            (117, Rejected),
            (26, Rejected),
            (41, Rejected),
            (159, Transient),
            (202, Throttled),
            (209, Transient),
            (241, Transient),
            (252, Throttled),
            (999, Transient),
            (12345, Transient),
        ] {
            assert_eq!(judged(Some(&code.to_string()), "x").kind(), kind, "{code}");
        }
    }

    #[test]
    fn the_code_is_read_from_old_and_new_bodies() {
        let old =
            "Code: 60, e.displayText() = DB::Exception: Table default.events doesn't exist., e.what() = DB::Exception";
        let new = "Code: 60. DB::Exception: Table default.events does not exist. (UNKNOWN_TABLE) (version 25.3)\n";

        for (body, words) in [(old, "Table default.events doesn't exist."), (new, "(UNKNOWN_TABLE)")] {
            let error = judged(None, body);

            assert_eq!((error.kind(), error.code()), (ErrorKind::Config, "clickhouse-60"));
            assert!(error.message().contains(words) && !error.message().contains("e.what"), "{error}");
            assert!(error.message().starts_with("there is no table default.events: create it"), "{error}");
        }
    }

    #[test]
    fn an_exception_is_known_wherever_it_stands() {
        let late = "\r\n__exception__\r\nCode: 27. DB::Exception: Cannot parse input\n";

        assert!(is_exception(late));
        assert_eq!(judged(Some("0"), late).kind(), ErrorKind::Rejected);
        assert!(!is_exception(""));
    }

    #[test]
    fn a_view_that_fails_is_nothing_that_is_found_by_halves() {
        let said = "Code: 6. DB::Exception: Cannot parse string: while pushing to view default.v. (CANNOT_PARSE_TEXT)";

        let error = judged(Some("6"), said);

        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains("materialized view"), "{error}");
    }

    #[test]
    fn what_is_not_clickhouse_gives_up_on_no_event() {
        let error = judged(None, "<html>Bad Request</html>");

        assert_eq!((error.kind(), error.code()), (ErrorKind::Transient, "http-400"));
    }
}
