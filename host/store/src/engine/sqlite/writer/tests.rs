//! Jobs that fail, a disk that is full, a writer that ends: who hears of it, and what is kept.

use std::sync::Arc;

use freehold_model::Timestamp;
use freehold_model::time::{Clock, Entropy, Sources};
use futures_util::future::join_all;

use crate::StoreError;
use crate::engine::Tx;
use crate::engine::sqlite::Sqlite;
use crate::sql::row::Row;
use crate::sql::statement::query;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }
}

impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// An engine with a table of its own.
async fn engine(dir: &tempfile::TempDir) -> Sqlite {
    let sources = Sources { clock: Arc::new(Fixed), entropy: Arc::new(Fixed) };
    let engine = Sqlite::open(&dir.path().join("freehold.db"), sources).await.unwrap();
    run(&engine, "CREATE TABLE notes (note INTEGER PRIMARY KEY, filler BLOB)").await.unwrap();
    engine
}

async fn run(engine: &Sqlite, sql: &'static str) -> Result<(), StoreError> {
    engine.write(move |tx| Box::pin(execute(tx, sql))).await
}

async fn execute(tx: &mut Tx, sql: &'static str) -> Result<(), StoreError> {
    query(sql).execute(&mut tx.connection).await?;
    Ok(())
}

/// Writes `note` with `bytes` of filler.
async fn note(engine: &Sqlite, note: i64, bytes: i64) -> Result<(), StoreError> {
    let insert = async move |tx: &mut Tx| {
        let sql = "INSERT INTO notes (note, filler) VALUES ($1, zeroblob($2))";
        query(sql).bind(note).bind(bytes).execute(&mut tx.connection).await?;
        Ok(())
    };
    engine.write(move |tx| Box::pin(async move { insert(tx).await })).await
}

async fn notes(engine: &Sqlite) -> Vec<i64> {
    let mut connection = engine.read().await.unwrap();
    let rows = query("SELECT note FROM notes ORDER BY note").fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| Row::new(row, "notes", "note").get("note").unwrap()).collect()
}

#[tokio::test]
async fn of_jobs_that_wait_together_one_that_fails_is_undone_alone() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(&dir).await;
    note(&engine, 7, 1).await.unwrap();
    let write_then_fail = engine.write::<(), _>(|tx| {
        Box::pin(async move {
            execute(tx, "INSERT INTO notes (note) VALUES (100)").await?;
            Err(StoreError::NotFound)
        })
    });

    // Polled in one task, so that all wait before the writer comes to the first.
    let (failed, others) = tokio::join!(write_then_fail, join_all((0..20).map(|number| note(&engine, number, 1))));

    assert_eq!(failed, Err(StoreError::NotFound));
    for (number, other) in others.into_iter().enumerate() {
        assert_eq!(other.is_err(), number == 7, "{number}: {other:?}");
    }
    assert_eq!(notes(&engine).await, (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_job_alone_that_fails_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(&dir).await;

    let failed = engine
        .write::<(), _>(|tx| {
            Box::pin(async move {
                execute(tx, "INSERT INTO notes (note) VALUES (100)").await?;
                Err(StoreError::NotFound)
            })
        })
        .await;

    assert_eq!(failed, Err(StoreError::NotFound));
    assert_eq!(notes(&engine).await, [0; 0]);
}

#[tokio::test]
async fn a_full_disk_acknowledges_nothing_and_is_got_over() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(&dir).await;
    note(&engine, 1, 1).await.unwrap();
    // The page limit stands in for the end of the disk: SQLite answers both with the same code.
    run(&engine, "PRAGMA max_page_count = 1").await.unwrap();

    let together = join_all([note(&engine, 2, 1), note(&engine, 3, 1_000_000), note(&engine, 4, 1)]).await;
    let kept = notes(&engine).await;
    run(&engine, "PRAGMA max_page_count = 1000000").await.unwrap();
    let again = note(&engine, 3, 1_000_000).await;

    assert!(together.contains(&Err(StoreError::Full)), "{together:?}");
    let acknowledged = together.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(kept.len(), 1 + acknowledged, "what is kept is what was acknowledged");
    assert_eq!(again, Ok(()));
}

#[tokio::test]
async fn a_job_that_panics_undoes_its_transaction_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(&dir).await;
    let panic = engine.write::<(), _>(|_| Box::pin(async { panic!("a broken job") }));

    let (broken, with_it) = tokio::join!(panic, note(&engine, 1, 1));
    let later = note(&engine, 2, 1).await;

    assert_eq!(broken, Err(StoreError::Closed));
    assert!(matches!(with_it, Err(StoreError::Database(_))), "{with_it:?}");
    assert_eq!(later, Ok(()));
    assert_eq!(notes(&engine).await, [2]);
}

#[tokio::test]
async fn when_the_writer_is_closed_nobody_waits_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(&dir).await;

    let (before, (), behind) = tokio::join!(note(&engine, 1, 1), engine.close(), note(&engine, 2, 1));

    assert_eq!((before, behind), (Ok(()), Ok(())), "what waited when the store was closed is still done");
    assert_eq!(note(&engine, 3, 1).await, Err(StoreError::Closed));
}
