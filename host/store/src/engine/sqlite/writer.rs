//! The writer: takes what waits, does it in one transaction, commits once, and only then answers everyone.
//!
//! Steps of a group: begin, all publish requests together, every other job inside its own savepoint, commit, answer.
//! A job that fails is undone alone. When the disk or the commit fails, everyone in the group hears of it.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;

use freehold_model::time::Sources;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::Connection as _;
use tokio::sync::{mpsc, oneshot};

use crate::engine::Tx;
use crate::sql::connection::Connection;
use crate::sql::failure;
use crate::sql::ingest::{self, Prepared};
use crate::sql::statement::query;
use crate::{IngestError, Ingested, StoreError};

/// Jobs that may wait; more callers wait for a place in the line.
const WAITING_JOBS_MAX: usize = 1_024;
/// Jobs in one transaction: enough to share one flush among all who wait, few enough that none waits long.
const GROUP_JOBS_MAX: usize = 256;
/// Events in one transaction: bounds how long it takes and what it holds in memory. A larger request goes alone.
const GROUP_EVENTS_MAX: usize = 4_000;

/// Hands jobs to the writer. Clones share it.
#[derive(Clone)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
}

enum Job {
    Ingest(Box<Prepared>, oneshot::Sender<Result<Ingested, IngestError>>),
    Other(Box<dyn Work>),
    Close(oneshot::Sender<()>),
}

/// A job with its caller.
trait Work: Send {
    /// Does the job.
    fn run<'t>(self: Box<Self>, tx: &'t mut Tx) -> BoxFuture<'t, Done>;
    /// Tells the caller that the job was not begun.
    fn refuse(self: Box<Self>, error: StoreError);
}

struct Done {
    failure: Option<StoreError>,
    answer: AnswerCaller,
}

/// Answers the caller: with the job's own result after a commit, with the commit's error otherwise.
type AnswerCaller = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

struct Call<T, F> {
    job: F,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Work for Call<T, F>
where
    T: Send + 'static,
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
{
    fn run<'t>(self: Box<Self>, tx: &'t mut Tx) -> BoxFuture<'t, Done> {
        Box::pin(async move {
            let Call { job, reply } = *self;
            let result = job(tx).await;
            let failure = result.as_ref().err().cloned();
            // A caller that went away does not need its answer.
            Done { failure, answer: Box::new(move |committed| drop(reply.send(committed.and(result)))) }
        })
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        drop(self.reply.send(Err(error)));
    }
}

impl Writer {
    /// Starts the writer on its connection. It ends when it is closed or every handle is gone.
    pub(crate) fn start(connection: Connection, sources: Sources) -> Writer {
        let (jobs, waiting) = mpsc::channel(WAITING_JOBS_MAX);
        tokio::spawn(serve(Tx { connection, sources, host: None }, waiting));
        Writer { jobs }
    }

    pub(crate) async fn run<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job::Other(Box::new(Call { job, reply }))).await.map_err(|_| StoreError::Closed)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    pub(crate) async fn ingest(&self, prepared: Prepared) -> Result<Ingested, IngestError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job::Ingest(Box::new(prepared), reply)).await.map_err(|_| StoreError::Closed)?;
        answer.await.unwrap_or(Err(IngestError::Store(StoreError::Closed)))
    }

    pub(crate) async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.jobs.send(Job::Close(reply)).await.is_ok() {
            // An error means that the writer ended before it came to this: closed as well.
            closed.await.unwrap_or(());
        }
    }
}

async fn serve(mut tx: Tx, mut jobs: mpsc::Receiver<Job>) {
    let mut waiting = Vec::with_capacity(GROUP_JOBS_MAX);
    let mut closing = Vec::new();
    while jobs.recv_many(&mut waiting, GROUP_JOBS_MAX).await > 0 {
        let mut group = Group::default();
        for job in waiting.drain(..) {
            match job {
                Job::Ingest(prepared, reply) => {
                    if group.events > 0 && group.events + prepared.events.len() > GROUP_EVENTS_MAX {
                        std::mem::take(&mut group).commit(&mut tx).await;
                    }
                    group.events += prepared.events.len();
                    group.requests.push(*prepared);
                    group.replies.push(reply);
                }
                Job::Other(work) => group.works.push_back(work),
                Job::Close(reply) => {
                    jobs.close();
                    closing.push(reply);
                }
            }
        }
        group.commit(&mut tx).await;
        // Those who were just answered get to run first: what they ask for next shares one flush.
        tokio::task::yield_now().await;
    }
    if let Connection::Sqlite(connection) = tx.connection
        && let Err(error) = connection.close().await
    {
        tracing::warn!(%error, "the database was not closed cleanly; it recovers when it is next opened");
    }
    for reply in closing {
        // A caller that went away does not need to know.
        reply.send(()).unwrap_or(());
    }
}

/// What is done in one transaction.
#[derive(Default)]
struct Group {
    events: usize,
    requests: Vec<Prepared>,
    replies: Vec<oneshot::Sender<Result<Ingested, IngestError>>>,
    works: VecDeque<Box<dyn Work>>,
    ingested: Vec<Result<Ingested, IngestError>>,
    answers: Vec<AnswerCaller>,
}

impl Group {
    async fn commit(mut self, tx: &mut Tx) {
        if self.replies.is_empty() && self.works.is_empty() {
            return;
        }
        // A job that panics must not take the writer, and with it everyone, along.
        let done = AssertUnwindSafe(self.transact(tx)).catch_unwind().await;
        let done = done.unwrap_or_else(|_| Err(StoreError::Database("a job of the same transaction panicked".into())));
        if let Err(error) = &done {
            tracing::error!(%error, "a write transaction failed; nothing of it was acknowledged");
            // SQLite may have rolled back by itself; then this is refused, and rightly.
            drop(execute(tx, "ROLLBACK").await);
        }
        let mut ingested = self.ingested.into_iter();
        for reply in self.replies {
            let result = ingested.next().unwrap_or(Err(IngestError::Store(StoreError::Closed)));
            drop(reply.send(done.clone().map_err(IngestError::Store).and(result)));
        }
        for answer in self.answers {
            answer(done.clone());
        }
        for work in self.works {
            work.refuse(done.clone().err().unwrap_or(StoreError::Closed));
        }
    }

    async fn transact(&mut self, tx: &mut Tx) -> Result<(), StoreError> {
        execute(tx, "BEGIN IMMEDIATE").await?;
        if !self.requests.is_empty() {
            self.ingested = ingest::run(tx, std::mem::take(&mut self.requests)).await?;
        }
        let alone = self.works.len() == 1 && self.replies.is_empty();
        while let Some(work) = self.works.pop_front() {
            if !alone {
                // Releases the savepoint of the job before it: one round trip for both.
                execute(tx, if self.answers.is_empty() { "SAVEPOINT job" } else { "RELEASE job; SAVEPOINT job" })
                    .await?;
            }
            let Done { failure, answer } = work.run(tx).await;
            self.answers.push(answer);
            match failure {
                Some(failure) if failure::ends_transaction(&failure) => return Err(failure),
                Some(_) => execute(tx, if alone { "ROLLBACK; BEGIN IMMEDIATE" } else { "ROLLBACK TO job" }).await?,
                None => {}
            }
        }
        execute(tx, "COMMIT").await
    }
}

async fn execute(tx: &mut Tx, sql: &'static str) -> Result<(), StoreError> {
    query(sql).execute(&mut tx.connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
