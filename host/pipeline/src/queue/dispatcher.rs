//! Runs the lanes: claims for those whose turn it is, hands batches to their plugins, hears how they fared.

use std::sync::Arc;
use std::time::Duration;

use freehold_model::delivery::ClaimedBatch;
use freehold_model::lane::{Lane, LaneListener};
use freehold_model::{DestinationId, Scope, Timestamp};
use freehold_store::StoreError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use crate::credentials;
use crate::queue::lanes::{Fared, Lanes, Turn};
use crate::send::Sender;

/// The longest sleep: a clock that was set forward is noticed after this at the latest.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// How long to wait before a lane is claimed again after the store failed.
const STORE_PAUSE_MS: u64 = 1_000;
/// How often idle instances are swept and gauges are set.
const HOUSEKEEPING: Duration = Duration::from_secs(5);

/// Speaks to the loop that runs the lanes. Clones speak to the same loop.
#[derive(Clone)]
pub(crate) struct Dispatcher {
    news: mpsc::UnboundedSender<News>,
    sender: Arc<Sender>,
}

enum News {
    Wake(Lane),
    Forgive(DestinationId),
    Claimed { destination: DestinationId, reserved: u32, batches: Vec<ClaimedBatch>, next_at: Option<Timestamp> },
    Finished { destination: DestinationId, fared: Fared, next_at: Option<Timestamp> },
    ResumeWaiting,
    Stop(oneshot::Sender<()>),
}

impl Dispatcher {
    /// Starts the loop, beginning with the lanes that a former process left work in.
    pub(crate) async fn start(sender: Arc<Sender>) -> Result<Dispatcher, StoreError> {
        let (news, inbox) = mpsc::unbounded_channel();
        let dispatcher = Dispatcher { news, sender: sender.clone() };
        for lane in sender.store.lanes_with_work_across_tenants().await? {
            dispatcher.wake(&lane);
        }
        tokio::spawn(dispatcher.clone().run(inbox));
        tokio::spawn(keep_house(sender.clone()));
        tokio::spawn(credentials::watch(sender.clone()));
        if sender.store.is_shared() {
            tokio::spawn(dispatcher.clone().look_around());
        }
        Ok(dispatcher)
    }

    pub(crate) fn wake(&self, lane: &Lane) {
        self.tell(News::Wake(lane.clone()));
    }

    pub(crate) fn resume_waiting(&self) {
        self.tell(News::ResumeWaiting);
    }

    pub(crate) async fn shutdown(&self, deadline: Duration) -> bool {
        let (done, stopped) = oneshot::channel();
        self.tell(News::Stop(done));
        tokio::time::timeout(deadline, stopped).await.is_ok()
    }

    fn tell(&self, news: News) {
        // The loop ends only with the runtime; then nobody is left who would want to know.
        let _ = self.news.send(news);
    }

    async fn run(self, mut inbox: mpsc::UnboundedReceiver<News>) {
        let mut lanes = Lanes::new(&self.sender.config);
        let mut stop: Option<oneshot::Sender<()>> = None;
        loop {
            let now = self.sender.sources.now();
            let next_timer = lanes.fire_timers(now);
            while stop.is_none()
                && let Some(turn) = lanes.next_turn()
            {
                tokio::spawn(self.clone().claim(turn));
            }
            self.sender.metrics.running(lanes.running());
            if lanes.running() == 0
                && let Some(done) = stop.take()
            {
                // Whoever waits may have given up; that changes nothing here.
                let _ = done.send(());
                return;
            }
            let sleep = next_timer.map_or(SLEEP_MAX, |at| Duration::from_millis(at.millis_since(now)).min(SLEEP_MAX));
            let first = tokio::select! {
                news = inbox.recv() => news,
                () = tokio::time::sleep(sleep) => continue,
            };
            let Some(first) = first else { return };
            self.hear(first, &mut lanes, &mut stop);
            while let Ok(news) = inbox.try_recv() {
                self.hear(news, &mut lanes, &mut stop);
            }
        }
    }

    fn hear(&self, news: News, lanes: &mut Lanes, stop: &mut Option<oneshot::Sender<()>>) {
        let now = self.sender.sources.now();
        match news {
            News::Wake(lane) => lanes.wake(lane, now),
            News::Forgive(destination) => lanes.forgive(&destination),
            News::Claimed { destination, reserved, batches, next_at } => {
                let claimed = u32::try_from(batches.len()).unwrap_or(u32::MAX);
                lanes.claimed(&destination, reserved, claimed, next_at, now);
                for batch in batches {
                    tokio::spawn(self.clone().attempt(batch));
                }
            }
            News::Finished { destination, fared, next_at } => lanes.finished(&destination, fared, next_at, now),
            News::ResumeWaiting => lanes.resume_waiting(now),
            News::Stop(done) => *stop = Some(done),
        }
    }

    /// Wakes the lanes that have something to do now: other hosts tell this one of nothing.
    async fn look_around(self) {
        let mut interval = tokio::time::interval(Duration::from_millis(self.sender.config.look_around_ms.max(1)));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            match self.sender.store.due_lanes_across_tenants().await {
                Ok(lanes) => lanes.iter().for_each(|lane| self.wake(lane)),
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the queue could not be looked at")
                }
            }
        }
    }

    async fn claim(self, turn: Turn) {
        let Turn { lane, batches_max } = turn;
        let scope = Scope::dispatched(lane.tenant.clone(), lane.customer.clone());
        let (batches, next_at) = match self.sender.claim(&scope, &lane.destination, batches_max).await {
            Ok(claim) => (claim.batches, claim.next_at),
            Err(error) => {
                tracing::error!(destination.id = %lane.destination, error = &error as &dyn std::error::Error, "claiming failed");
                (Vec::new(), Some(self.sender.sources.now().plus_millis(STORE_PAUSE_MS)))
            }
        };
        self.tell(News::Claimed { destination: lane.destination, reserved: batches_max, batches, next_at });
    }

    async fn attempt(self, batch: ClaimedBatch) {
        // Tells the loop even when the attempt panics: the lane must not lose the place.
        let mut ending = Ending {
            destination: batch.destination.id.clone(),
            fared: Fared::Badly,
            next_at: Some(self.sender.sources.now().plus_millis(self.sender.config.lease_ms)),
            dispatcher: self.clone(),
        };
        let (fared, next_at) = self.sender.attempt(batch).await;
        ending.fared = fared;
        ending.next_at = next_at;
    }
}

/// Reports the end of an attempt when it is dropped.
struct Ending {
    dispatcher: Dispatcher,
    destination: DestinationId,
    fared: Fared,
    next_at: Option<Timestamp>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let news = News::Finished { destination: self.destination.clone(), fared: self.fared, next_at: self.next_at };
        self.dispatcher.tell(news);
    }
}

impl LaneListener for Dispatcher {
    fn wake(&self, lane: &Lane) {
        self.tell(News::Forgive(lane.destination.clone()));
        Dispatcher::wake(self, lane);
    }

    fn retire(&self, lane: &Lane) {
        self.sender.sandbox.retire(&lane.destination);
        self.tell(News::Forgive(lane.destination.clone()));
    }

    fn revoke(&self, lane: &Lane, version: u32) {
        self.sender.sandbox.revoke(&lane.destination, version);
    }
}

/// What must be done every few seconds, whatever the lanes do.
async fn keep_house(sender: Arc<Sender>) {
    let mut interval = tokio::time::interval(HOUSEKEEPING);
    loop {
        interval.tick().await;
        sender.sandbox.sweep();
        sender.metrics.warm(sender.sandbox.warm());
        match sender.store.queued_across_tenants().await {
            Ok(queued) => sender.metrics.queued(queued),
            Err(StoreError::Closed) => return,
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "the queue could not be counted"),
        }
        if let Err(error) = sender.store.expire_idempotency_across_tenants().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "old idempotency keys could not be forgotten");
        }
    }
}
