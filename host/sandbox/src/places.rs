//! Room for so many instances at a time. Those who wait for it come before those that only stay warm.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places, and how many wait for some.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Places {
    pub(crate) fn new(count: u32) -> Self {
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Places { free: Arc::new(Semaphore::new(count)), waiting: AtomicUsize::new(0) }
    }

    /// Takes `wanted` places. While they are not free, ends idle instances with `end_idle`, which tells whether there was
    /// one, and then waits for its turn. None when there will be no place any more.
    pub(crate) async fn take(&self, wanted: u32, end_idle: impl Fn() -> bool) -> Option<OwnedSemaphorePermit> {
        // In line first, so that nobody else takes what is freed. Tokio's budget of a task must not look like a full house.
        let mut taking = pin!(tokio::task::unconstrained(self.free.clone().acquire_many_owned(wanted)));
        if let Some(taken) = taking.as_mut().now_or_never() {
            return taken.ok();
        }
        // From now on whoever puts an instance back sees that somebody waits.
        let _waiting = Waiting::count(&self.waiting);
        while end_idle() {
            if let Some(taken) = taking.as_mut().now_or_never() {
                return taken.ok();
            }
        }
        taking.await.ok()
    }

    /// Whether somebody waits. To be asked after an instance was put where [`Self::take`] finds idle ones, never before: then
    /// either this one sees who waits, or who waits sees the instance.
    pub(crate) fn are_wanted(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }
}

/// Somebody waits for as long as this lives.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn count(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::SeqCst);
        Waiting(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Instances that wait for work, each with its place, as the pool has them.
    #[derive(Default)]
    struct Idle(Mutex<Vec<OwnedSemaphorePermit>>);

    impl Idle {
        fn end_one(&self) -> bool {
            self.0.lock().unwrap().pop().is_some()
        }

        fn put(&self, place: OwnedSemaphorePermit, places: &Places) {
            self.0.lock().unwrap().push(place);
            if places.are_wanted() {
                self.end_one();
            }
        }
    }

    #[tokio::test]
    async fn what_is_idle_makes_room_until_there_is_enough() {
        let (places, idle) = (Places::new(4), Idle::default());
        for _ in 0..4 {
            idle.put(places.take(1, || idle.end_one()).await.unwrap(), &places);
        }
        assert_eq!(idle.0.lock().unwrap().len(), 4, "free places are taken first");

        let large = places.take(3, || idle.end_one()).await.unwrap();

        assert_eq!((large.num_permits(), idle.0.lock().unwrap().len()), (3, 1));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nobody_waits_while_something_is_idle() {
        let (places, idle) = (Arc::new(Places::new(3)), Arc::new(Idle::default()));
        let mut working = tokio::task::JoinSet::new();
        for number in 0..16 {
            let (places, idle) = (places.clone(), idle.clone());
            working.spawn(async move {
                for _ in 0..2_000 {
                    let place = places.take(1 + number % 2, || idle.end_one()).await.unwrap();
                    tokio::task::yield_now().await;
                    idle.put(place, &places);
                }
            });
        }

        // With one that waits beside something idle, nothing would ever wake it: nobody ends idle ones after a time here.
        let all = tokio::time::timeout(std::time::Duration::from_secs(60), working.join_all());
        assert_eq!(all.await.map(|ended| ended.len()), Ok(16));
        assert!(!places.are_wanted());
    }
}
