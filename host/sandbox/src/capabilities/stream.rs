//! `stream`: byte streams to this destination's endpoints, through the egress door.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use freehold_model::attempt::Exchange;
use freehold_model::{ErrorKind, Failure};
use wasmtime::component::Resource;
use zeroize::Zeroizing;

use crate::capabilities::credential::SecretHandle;
use crate::egress::{self, ClientCertificate, Stream};
use crate::interface::destination_0_1::error;
use crate::interface::destination_0_1::freehold::destination::{stream as contract, types};
use crate::state::HostState;

/// A target that a guest is putting together.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct PendingTarget(egress::Target);

/// What a guest holds of a stream: its place among [`OpenStreams`].
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct StreamHandle(u32);

/// The streams of one instance, and what is to be written down of them.
#[derive(Default)]
pub(crate) struct OpenStreams {
    streams: BTreeMap<u32, Stream>,
    next: u32,
    /// What each stream did in this call; those that were not used are not here.
    uses: BTreeMap<u32, Use>,
}

/// What one stream did in one call.
struct Use {
    origin: String,
    began: Instant,
    took: Duration,
    /// What had gone over it before this call.
    before: (u64, u64),
    /// What has gone over it by now.
    by_now: (u64, u64),
    error: Option<String>,
}

impl Use {
    fn new(origin: String, before: (u64, u64)) -> Self {
        Use { origin, began: Instant::now(), took: Duration::ZERO, before, by_now: before, error: None }
    }

    fn exchange(self) -> Exchange {
        Exchange {
            method: "STREAM".to_owned(),
            origin: self.origin,
            status: None,
            duration_ms: u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            request_bytes: self.by_now.0.saturating_sub(self.before.0),
            response_bytes: self.by_now.1.saturating_sub(self.before.1),
            excerpt: String::new(),
            error: self.error,
        }
    }
}

fn traffic(stream: &Stream) -> (u64, u64) {
    (stream.sent(), stream.received())
}

impl OpenStreams {
    fn next(&mut self) -> u32 {
        self.next = self.next.wrapping_add(1);
        self.next
    }

    /// The stream of that number, whose use in this call is taken note of from now on.
    fn used(&mut self, number: u32) -> wasmtime::Result<&mut Stream> {
        let stream = self.streams.get_mut(&number).ok_or_else(|| wasmtime::format_err!("unknown stream"))?;
        self.uses.entry(number).or_insert_with(|| Use::new(stream.origin(), traffic(stream)));
        Ok(stream)
    }

    /// Takes note of how far a stream has come, and of what ended it.
    fn note(&mut self, number: u32, failure: Option<&Failure>) {
        let Some(noted) = self.uses.get_mut(&number) else { return };
        if let Some(stream) = self.streams.get(&number) {
            noted.by_now = traffic(stream);
        }
        noted.took = noted.began.elapsed();
        if let Some(failure) = failure {
            noted.error.get_or_insert_with(|| failure.message.clone());
        }
    }

    /// Closes those that were not used for too long.
    pub(crate) fn close_idle(&mut self) {
        self.streams.values_mut().for_each(Stream::close_if_idle);
    }

    /// What the streams did since this was last asked, in the order in which they were opened.
    pub(crate) fn take_uses(&mut self) -> Vec<Exchange> {
        // A call that was broken off has noted nothing after its last whole read or write.
        let cut_off: Vec<u32> = self.uses.keys().copied().collect();
        cut_off.into_iter().for_each(|number| self.note(number, None));
        std::mem::take(&mut self.uses).into_values().map(Use::exchange).collect()
    }
}

/// What a host function answers with.
type Answered<T> = wasmtime::Result<Result<T, types::Error>>;

impl HostState {
    /// Notes what came of a use of a stream, and words a failure.
    fn answer<T>(&mut self, number: u32, result: Result<T, Failure>) -> Answered<T> {
        self.streams.note(number, result.as_ref().err());
        Ok(result.map_err(error))
    }

    fn number(&self, handle: &Resource<StreamHandle>) -> wasmtime::Result<u32> {
        Ok(self.table.get(handle)?.0)
    }

    async fn send(&mut self, handle: &Resource<StreamHandle>, bytes: &[u8], is_secret: bool) -> Answered<()> {
        self.check_revoked()?;
        let (number, time_left) = (self.number(handle)?, self.call.time_left());
        let written = self.streams.used(number)?.write(bytes, is_secret, time_left).await;
        self.answer(number, written)
    }

    async fn open(&mut self, target: egress::Target) -> Result<Stream, egress::StreamError> {
        let max = self.limits.streams;
        if self.streams.streams.len() >= max {
            let message = format!("{max} connections are open, which is the most for one destination at a time");
            let failure = Failure::new(ErrorKind::Transient, "stream-limit", message);
            return Err(egress::StreamError { failure, origin: None });
        }
        self.dials.open(target, self.call.time_left()).await
    }
}

impl contract::Host for HostState {
    async fn connect(&mut self, target: Resource<PendingTarget>) -> Answered<Resource<StreamHandle>> {
        self.count_requests(1)?;
        let PendingTarget(target) = self.table.delete(target)?;
        let mut used = Use::new(String::new(), (0, 0));
        let opened = self.open(target).await;
        used.took = used.began.elapsed();
        let number = self.streams.next();
        match opened {
            Ok(stream) => {
                used.origin = stream.origin();
                let handle = self.table.push(StreamHandle(number))?;
                self.streams.streams.insert(number, stream);
                self.streams.uses.insert(number, used);
                Ok(Ok(handle))
            }
            Err(egress::StreamError { failure, origin }) => {
                used.origin = origin.unwrap_or_default();
                used.error = Some(failure.message.clone());
                self.streams.uses.insert(number, used);
                Ok(Err(error(failure)))
            }
        }
    }
}

impl contract::HostTarget for HostState {
    fn new(&mut self, endpoint: String) -> wasmtime::Result<Resource<PendingTarget>> {
        let target = egress::Target { endpoint, roots: None, client_certificate: None, timeout: None };
        Ok(self.table.push(PendingTarget(target))?)
    }

    fn roots(&mut self, target: Resource<PendingTarget>, pem: String) -> wasmtime::Result<()> {
        self.table.get_mut(&target)?.0.roots = Some(pem);
        Ok(())
    }

    fn client_certificate(
        &mut self,
        target: Resource<PendingTarget>,
        chain: String,
        key: Resource<SecretHandle>,
    ) -> wasmtime::Result<()> {
        let key = Zeroizing::new(self.table.get(&key)?.secret.expose().to_vec());
        self.table.get_mut(&target)?.0.client_certificate = Some(ClientCertificate { chain, key });
        Ok(())
    }

    fn timeout_ms(&mut self, target: Resource<PendingTarget>, ms: u32) -> wasmtime::Result<()> {
        self.table.get_mut(&target)?.0.timeout = Some(Duration::from_millis(ms.into()));
        Ok(())
    }

    fn drop(&mut self, target: Resource<PendingTarget>) -> wasmtime::Result<()> {
        self.table.delete(target)?;
        Ok(())
    }
}

impl contract::HostConnection for HostState {
    async fn write(&mut self, handle: Resource<StreamHandle>, bytes: Vec<u8>) -> Answered<()> {
        self.send(&handle, &bytes, false).await
    }

    async fn write_secret(
        &mut self,
        handle: Resource<StreamHandle>,
        before: Vec<u8>,
        secret: Resource<SecretHandle>,
        after: Vec<u8>,
    ) -> Answered<()> {
        let secret = self.table.get(&secret)?.secret.expose();
        let bytes = Zeroizing::new([before.as_slice(), secret, after.as_slice()].concat());
        self.send(&handle, &bytes, true).await
    }

    async fn read(&mut self, handle: Resource<StreamHandle>, max: u32) -> Answered<Vec<u8>> {
        self.check_revoked()?;
        let (number, time_left) = (self.number(&handle)?, self.call.time_left());
        let read = self.streams.used(number)?.read(usize::try_from(max)?, time_left).await;
        self.answer(number, read)
    }

    async fn read_exact(&mut self, handle: Resource<StreamHandle>, length: u32) -> Answered<Vec<u8>> {
        self.check_revoked()?;
        let (number, time_left) = (self.number(&handle)?, self.call.time_left());
        let max = self.limits.stream_read_bytes;
        let read = self.streams.used(number)?.read_exact(usize::try_from(length)?, max, time_left).await;
        self.answer(number, read)
    }

    async fn start_tls(&mut self, handle: Resource<StreamHandle>) -> Answered<()> {
        self.check_revoked()?;
        let (number, time_left) = (self.number(&handle)?, self.call.time_left());
        let started = self.streams.used(number)?.start_tls(time_left).await;
        self.answer(number, started)
    }

    async fn is_open(&mut self, handle: Resource<StreamHandle>) -> wasmtime::Result<bool> {
        let number = self.number(&handle)?;
        // Looking is no use: a stream that was found closed and dropped did nothing in this call.
        let stream = self.streams.streams.get_mut(&number).ok_or_else(|| wasmtime::format_err!("unknown stream"))?;
        Ok(stream.is_open().await)
    }

    fn drop(&mut self, handle: Resource<StreamHandle>) -> wasmtime::Result<()> {
        let StreamHandle(number) = self.table.delete(handle)?;
        self.streams.note(number, None);
        self.streams.streams.remove(&number);
        Ok(())
    }
}
