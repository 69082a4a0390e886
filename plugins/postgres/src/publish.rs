//! How does a batch get into the table? As one transaction, which leaves out rows that the table does not take.

use std::borrow::Cow;
use std::time::Duration;

use freehold_sdk::{Error, Outcome};

use crate::encode::Row;
use crate::error::Judge;
use crate::wire::Refused;

/// With less time than this left for the call, what is there is committed.
const TIME_TO_COMMIT: Duration = Duration::from_secs(5);

/// A connection as seen from here.
pub(crate) trait Table {
    /// Runs statements without parameters.
    fn run(&mut self, sql: &str) -> Result<Option<Refused>, Error>;
    /// Inserts rows, as one transaction unless one is under way. After an error, none of them is there.
    fn insert(&mut self, rows: &[Vec<Cow<'_, [u8]>>]) -> Result<Inserted, Error>;
    /// How much time is left for the call.
    fn time_left(&self) -> Duration;
}

/// What came of inserting rows.
#[derive(Debug)]
pub(crate) struct Inserted {
    /// How many of them the table took, before it refused one.
    pub(crate) done: usize,
    pub(crate) refused: Option<Refused>,
}

/// Brings the rows into the table, all in one go. Only when it does not take one of them does finding out which take longer.
pub(crate) fn publish(table: &mut impl Table, judge: Judge<'_>, rows: &[Row<'_>]) -> Result<Vec<Outcome>, Error> {
    match table.insert(rows)?.refused {
        None => Ok(vec![Ok(()); rows.len()]),
        Some(refused) if judge.is_about_the_row(&refused) && rows.len() > 1 => without_refused(table, judge, rows),
        Some(refused) => Err(judge.error(&refused)),
    }
}

/// Inserts a row and takes it back.
pub(crate) fn try_out(table: &mut impl Table, judge: Judge<'_>, row: Row<'_>) -> Result<(), Error> {
    expect(judge, table.run("BEGIN")?)?;
    if let Some(refused) = table.insert(&[row])?.refused {
        return Err(judge.error(&refused));
    }
    expect(judge, table.run("ROLLBACK")?)
}

/// Inserts all rows but those that the table refuses. An error on the way ends the connection, and with it the transaction.
fn without_refused(table: &mut impl Table, judge: Judge<'_>, rows: &[Row<'_>]) -> Result<Vec<Outcome>, Error> {
    expect(judge, table.run("BEGIN")?)?;
    // What a table checks only when a transaction ends would not be said of a row.
    expect(judge, table.run("SET CONSTRAINTS ALL IMMEDIATE")?)?;
    expect(judge, table.run("SAVEPOINT freehold")?)?;
    let mut outcomes: Vec<Outcome> = vec![Ok(()); rows.len()];
    let mut next = 0;
    while next < rows.len() {
        if table.time_left() < TIME_TO_COMMIT {
            outcomes[next..].fill(Err(later()));
            break;
        }
        let Inserted { done, refused } = table.insert(&rows[next..])?;
        let Some(refused) = refused else { break };
        let bad = next + done;
        if !judge.is_about_the_row(&refused) || bad >= rows.len() {
            return Err(judge.error(&refused));
        }
        outcomes[bad] = Err(judge.error(&refused));
        expect(judge, table.run("ROLLBACK TO SAVEPOINT freehold")?)?;
        if bad > next {
            expect(judge, table.insert(&rows[next..bad])?.refused)?;
            expect(judge, table.run("RELEASE SAVEPOINT freehold; SAVEPOINT freehold")?)?;
        }
        next = bad + 1;
    }
    expect(judge, table.run("COMMIT")?)?;
    Ok(outcomes)
}

fn expect(judge: Judge<'_>, refused: Option<Refused>) -> Result<(), Error> {
    refused.map_or(Ok(()), |refused| Err(judge.error_of_session(&refused)))
}

fn later() -> Error {
    let message =
        "the table refused so many events that there was no time left for this one; it is tried again by itself";
    Error::transient("no-time-left", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::settings;
    use crate::encode::Statement;

    /// A table in memory that does not take rows whose text begins with a minus.
    #[derive(Default)]
    struct Pretended {
        committed: Vec<String>,
        /// Rows of the transaction under way, and how many of them came before the savepoint.
        pending: Option<(Vec<String>, usize)>,
        calls: usize,
        /// What it says after so many calls.
        breaks: Option<(usize, &'static str)>,
        seconds_left: Option<u64>,
    }

    impl Table for Pretended {
        fn run(&mut self, sql: &str) -> Result<Option<Refused>, Error> {
            self.calls += 1;
            match (sql, &mut self.pending) {
                ("BEGIN", pending @ None) => *pending = Some((Vec::new(), 0)),
                ("SET CONSTRAINTS ALL IMMEDIATE", Some(_)) => {}
                ("ROLLBACK TO SAVEPOINT freehold", Some((rows, saved))) => rows.truncate(*saved),
                ("SAVEPOINT freehold" | "RELEASE SAVEPOINT freehold; SAVEPOINT freehold", Some((rows, saved))) => {
                    *saved = rows.len();
                }
                ("ROLLBACK", pending @ Some(_)) => *pending = None,
                ("COMMIT", _) => self.committed.extend(self.pending.take().unwrap().0),
                (other, _) => panic!("{other}"),
            }
            Ok(None)
        }

        fn insert(&mut self, rows: &[Vec<Cow<'_, [u8]>>]) -> Result<Inserted, Error> {
            self.calls += 1;
            if let Some((_, code)) = self.breaks.filter(|(calls, _)| *calls < self.calls) {
                return Ok(Inserted { done: 0, refused: Some(Refused { code: code.into(), ..Refused::default() }) });
            }
            let texts: Vec<String> = rows.iter().map(|row| String::from_utf8(row[0].to_vec()).unwrap()).collect();
            let bad = texts.iter().position(|text| text.starts_with('-'));
            match (bad, &mut self.pending) {
                (None, Some((pending, _))) => pending.extend(texts),
                (None, None) => self.committed.extend(texts),
                (Some(_), _) => {}
            }
            let refused = bad.map(|_| Refused { code: "22P02".into(), ..Refused::default() });
            Ok(Inserted { done: bad.unwrap_or(rows.len()), refused })
        }

        fn time_left(&self) -> Duration {
            Duration::from_secs(self.seconds_left.unwrap_or(60))
        }
    }

    fn outcomes(table: &mut Pretended, texts: &[&'static str]) -> Result<Vec<Outcome>, Error> {
        let settings = settings("");
        let statement = Statement::new(&settings);
        let judge = Judge { settings: &settings, statement: &statement, user: "freehold" };
        let rows: Vec<Row<'_>> = texts.iter().map(|text| vec![Cow::Borrowed(text.as_bytes())]).collect();
        publish(table, judge, &rows)
    }

    #[test]
    fn a_good_batch_takes_one_call() {
        let mut table = Pretended::default();

        let outcomes = outcomes(&mut table, &["a", "b", "c"]).unwrap();

        assert_eq!(outcomes, [Ok(()), Ok(()), Ok(())]);
        assert_eq!((table.committed, table.calls), (vec!["a".into(), "b".into(), "c".into()], 1));
    }

    #[test]
    fn whatever_is_bad_is_refused_alone_and_the_rest_is_there_once() {
        for texts in [
            &["-", "b"][..],
            &["a", "-"],
            &["a", "-", "c", "d", "-", "-", "g"],
            &["-", "-", "-"],
            &["a", "b", "-", "d", "e", "f", "-"],
        ] {
            let mut table = Pretended::default();

            let outcomes = outcomes(&mut table, texts).unwrap();

            let good: Vec<&str> = texts.iter().copied().filter(|text| *text != "-").collect();
            assert_eq!(table.committed, good, "{texts:?}");
            let taken: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
            assert_eq!(taken, texts.iter().map(|text| *text != "-").collect::<Vec<bool>>(), "{texts:?}");
        }
    }

    #[test]
    fn what_is_not_about_a_row_stands_for_all() {
        let mut missing = Pretended { breaks: Some((0, "42P01")), ..Pretended::default() };
        let mut deadlock = Pretended { breaks: Some((4, "40P01")), ..Pretended::default() };

        assert_eq!(outcomes(&mut missing, &["a", "b"]).unwrap_err().code(), "table-missing");
        assert_eq!(outcomes(&mut deadlock, &["a", "-", "c"]).unwrap_err().code(), "postgres-40p01");
        assert!(missing.committed.is_empty() && deadlock.committed.is_empty());
    }

    #[test]
    fn when_time_runs_out_the_rest_comes_later() {
        let mut table = Pretended { seconds_left: Some(2), ..Pretended::default() };

        let outcomes = outcomes(&mut table, &["a", "-", "c"]).unwrap();

        assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_err_and(|error| error.code() == "no-time-left")));
    }
}
