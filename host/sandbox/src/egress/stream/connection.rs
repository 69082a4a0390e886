//! An open byte stream: reads and writes that end in time, and a state in which it cannot be used by mistake.

use std::io;
use std::pin::Pin;
use std::time::{Duration, Instant};

use freehold_model::outcome::{ErrorKind, Failure};
use futures_util::FutureExt as _;
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::super::Door;
use super::super::dial::Wire;
use super::super::refusal::{Unreachable, in_words};
use super::super::tls::TlsProblem;
use super::super::url::Scheme;
use super::address::StreamAddress;

/// Bytes that go each way before TLS on a stream that begins in the clear: a greeting and a command.
pub(crate) const CLEAR_BYTES_MAX: usize = 4 * 1024;
/// Bytes that one read gives at most, whatever is asked for: a few TLS records.
const READ_BYTES_MAX: usize = 64 * 1024;
/// Bytes that may lie unread after a look whether the stream is still open.
const UNREAD_BYTES_MAX: usize = 16 * 1024;

/// An open stream.
pub struct Stream {
    door: Door,
    pub(super) address: StreamAddress,
    state: State,
    /// What makes TLS of it.
    tls: Option<TlsConnector>,
    /// The part before TLS, while it lasts.
    clear: Option<Clear>,
    /// Whether it trusts roots of its own instead of the system's.
    pub(super) has_own_roots: bool,
    /// What came in while looking whether the stream is still open.
    unread: Vec<u8>,
    sent: u64,
    received: u64,
    /// Whether anything was written since the last whole read.
    unanswered: bool,
    /// Whether what was written last, or a part of it, may have arrived.
    in_doubt: bool,
    /// How long connecting, and each read and write after it, may take, if less than the door allows anyway.
    pub(super) timeout: Option<Duration>,
    last_used: Instant,
}

enum State {
    Open(Wire),
    /// The other side closed it in order.
    Ended,
    /// It failed, or was closed here.
    Closed,
}

/// How long a read may take.
#[derive(Clone, Copy)]
struct Bound {
    time_max: Duration,
    until: tokio::time::Instant,
}

impl Bound {
    fn of(time_max: Duration) -> Self {
        Bound { time_max, until: tokio::time::Instant::now() + time_max }
    }
}

/// What went over a stream before TLS.
#[derive(Default)]
struct Clear {
    sent: usize,
    received: usize,
}

impl Stream {
    /// A stream over `tcp`, which `tls` can put TLS on.
    pub(super) fn new(door: Door, address: StreamAddress, tcp: TcpStream, tls: Option<TlsConnector>) -> Self {
        Stream {
            door,
            clear: (address.scheme == Scheme::StartTls).then(Clear::default),
            address,
            state: State::Open(Wire::Plain(tcp)),
            tls,
            has_own_roots: false,
            unread: Vec::new(),
            sent: 0,
            received: 0,
            unanswered: false,
            in_doubt: false,
            timeout: None,
            last_used: Instant::now(),
        }
    }

    /// Scheme, host and port that it leads to.
    pub fn origin(&self) -> String {
        self.address.origin()
    }

    /// Bytes written so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Bytes received so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Writes all of `bytes`. With `is_secret` not in the clear part of a stream that goes over to TLS.
    ///
    /// # Errors
    /// When they cannot be written in time. The stream is then closed.
    pub async fn write(&mut self, bytes: &[u8], is_secret: bool, time_left: Duration) -> Result<(), Failure> {
        self.in_doubt = self.unanswered;
        self.check_usable()?;
        if let Some(clear) = &mut self.clear {
            if is_secret {
                return Err(self.fail("stream-secret-in-clear", "was to be sent a secret before TLS; nothing was sent"));
            }
            clear.sent += bytes.len();
            if clear.sent > CLEAR_BYTES_MAX {
                return Err(
                    self.fail("stream-clear-limit", "was to be sent more than 4 KiB before TLS; nothing was sent")
                );
            }
        }
        let time_max = self.time_max(time_left);
        let State::Open(wire) = &mut self.state else { return Err(self.closed()) };
        let mut written = 0;
        let result = tokio::time::timeout(time_max, write_all(wire, bytes, &mut written)).await;
        self.sent += written as u64;
        self.unanswered |= written > 0;
        self.in_doubt |= written > 0;
        match result {
            Ok(Ok(())) => {
                self.last_used = Instant::now();
                Ok(())
            }
            Ok(Err(error)) => Err(self.broken(&error)),
            Err(_) => Err(self.fail("timeout", &format!("did not take what was sent within {}", in_words(time_max)))),
        }
    }

    /// Waits for bytes and gives at most `max` of them; none when the other side has closed the stream in order.
    ///
    /// # Errors
    /// When nothing comes in time, or the connection breaks. The stream is then closed.
    pub async fn read(&mut self, max: usize, time_left: Duration) -> Result<Vec<u8>, Failure> {
        if max == 0 {
            return Err(self.fail("stream-read-empty", "was to be read from, but no bytes were asked for"));
        }
        let mut bytes = Vec::new();
        self.fill(&mut bytes, max, Bound::of(self.time_max(time_left))).await?;
        self.unanswered = false;
        Ok(bytes)
    }

    /// Waits for exactly `length` bytes, unless that is more than `length_max`.
    ///
    /// # Errors
    /// As [`Self::read`], and when the other side closes the stream before.
    pub async fn read_exact(
        &mut self,
        length: usize,
        length_max: usize,
        time_left: Duration,
    ) -> Result<Vec<u8>, Failure> {
        if length > length_max {
            let what = format!("announced {length} bytes at once, and {length_max} are the most that is read");
            return Err(self.fail("stream-read-too-large", &what));
        }
        let bound = Bound::of(self.time_max(time_left));
        // Memory is given out as bytes arrive, not as they are announced.
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let missing = length - bytes.len();
            if self.fill(&mut bytes, missing, bound).await? == 0 {
                return Err(self.fail("stream-closed", "closed the connection before its answer was whole"));
            }
        }
        self.unanswered = false;
        Ok(bytes)
    }

    /// Goes over to TLS.
    ///
    /// # Errors
    /// When TLS does not come about, or something came in before it that nobody read. The stream is then closed.
    pub async fn start_tls(&mut self, time_left: Duration) -> Result<(), Failure> {
        self.check_usable()?;
        if self.clear.is_none() {
            return Err(
                self.fail("stream-not-starttls", "cannot go over to TLS: only a starttls stream does, and once")
            );
        }
        // Whatever lies here was not said under TLS, and must not be taken as if it were.
        if !self.unread.is_empty() {
            return Err(self.fail("stream-starttls-injected", "sent more than it was asked before TLS began"));
        }
        let time_max = self.time_max(time_left);
        match tokio::time::timeout(time_max, self.secure()).await {
            Ok(Ok(())) => {
                self.clear = None;
                self.last_used = Instant::now();
                Ok(())
            }
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(self.tls_failed(TlsProblem::TimedOut)),
        }
    }

    /// Whether it can still be used, as far as is known without waiting.
    pub async fn is_open(&mut self) -> bool {
        self.close_if_idle();
        // Gives the system's news of this connection a chance to be heard.
        tokio::task::yield_now().await;
        self.look();
        matches!(self.state, State::Open(_))
    }

    /// Closes it if it has not been used for longer than the door allows.
    pub fn close_if_idle(&mut self) {
        if self.last_used.elapsed() > self.door.config().timeouts.stream_idle {
            self.close();
        }
    }

    /// Closes it, and tells the other side if that takes no waiting.
    pub fn close(&mut self) {
        if let State::Open(mut wire) = std::mem::replace(&mut self.state, State::Closed) {
            // Whether it is heard does not matter any more.
            let _ = wire.shutdown().now_or_never();
        }
        self.unread = Vec::new();
    }

    /// Appends what has come in to `bytes`, no more than `max`; waits if that is nothing. 0 at the end of the stream.
    async fn fill(&mut self, bytes: &mut Vec<u8>, max: usize, bound: Bound) -> Result<usize, Failure> {
        if !self.unread.is_empty() {
            let taken = max.min(self.unread.len());
            bytes.extend(self.unread.drain(..taken));
            self.last_used = Instant::now();
            return Ok(taken);
        }
        if matches!(self.state, State::Ended) {
            return Ok(0);
        }
        self.check_usable()?;
        let room = match &self.clear {
            Some(clear) if clear.received >= CLEAR_BYTES_MAX => {
                return Err(self.fail("stream-clear-limit", "sent more than 4 KiB before TLS"));
            }
            Some(clear) => CLEAR_BYTES_MAX - clear.received,
            None => READ_BYTES_MAX,
        };
        let State::Open(wire) = &mut self.state else { return Err(self.closed()) };
        let max = max.min(room);
        bytes.reserve(max);
        let read = async { (&mut *wire).take(max as u64).read_buf(bytes).await };
        match tokio::time::timeout_at(bound.until, read).await {
            Ok(Ok(count)) => {
                self.came_in(count);
                Ok(count)
            }
            Ok(Err(error)) => Err(self.broken(&error)),
            Err(_) => {
                let what = if bytes.is_empty() { "sent nothing" } else { "did not send the rest of its answer" };
                Err(self.fail("timeout", &format!("{what} within {}", in_words(bound.time_max))))
            }
        }
    }

    /// Takes in what is there, without waiting.
    fn look(&mut self) {
        while let State::Open(wire) = &mut self.state {
            let room = match &self.clear {
                Some(clear) => CLEAR_BYTES_MAX.saturating_sub(clear.received),
                None => UNREAD_BYTES_MAX - self.unread.len().min(UNREAD_BYTES_MAX),
            };
            let mut buffer = [0; 4 * 1024];
            let mut buffer = ReadBuf::new(&mut buffer[..room.min(4 * 1024)]);
            if room == 0 {
                return;
            }
            let looked =
                std::future::poll_fn(|context| Pin::new(&mut *wire).poll_read(context, &mut buffer)).now_or_never();
            match looked {
                None => return,
                Some(Ok(())) => {
                    self.unread.extend_from_slice(buffer.filled());
                    let count = buffer.filled().len();
                    self.came_in(count);
                }
                Some(Err(_)) => self.close(),
            }
        }
    }

    fn came_in(&mut self, count: usize) {
        self.received += count as u64;
        if let Some(clear) = &mut self.clear {
            clear.received += count;
        }
        if count == 0 {
            self.state = State::Ended;
        } else {
            self.last_used = Instant::now();
        }
    }

    /// Puts TLS on the connection.
    pub(super) async fn secure(&mut self) -> Result<(), Failure> {
        let plain = std::mem::replace(&mut self.state, State::Closed);
        let (State::Open(Wire::Plain(tcp)), Some(connector)) = (plain, self.tls.take()) else {
            return Err(self.closed());
        };
        match self.door.secure(&connector, &self.address.host, tcp).await {
            Ok(secured) => {
                self.state = State::Open(Wire::Tls(secured));
                Ok(())
            }
            Err(problem) => Err(self.tls_failed(problem)),
        }
    }

    fn time_max(&self, time_left: Duration) -> Duration {
        let own = self.door.config().timeouts.stream;
        self.timeout.map_or(own, |wanted| wanted.min(own)).min(time_left)
    }

    fn check_usable(&mut self) -> Result<(), Failure> {
        if matches!(self.state, State::Open(_)) && self.last_used.elapsed() > self.door.config().timeouts.stream_idle {
            let what = format!(
                "was not used for longer than {}; the connection was closed",
                in_words(self.door.config().timeouts.stream_idle)
            );
            return Err(self.fail("stream-idle", &what));
        }
        if matches!(self.state, State::Open(_)) { Ok(()) } else { Err(self.closed()) }
    }

    fn closed(&self) -> Failure {
        self.failure(ErrorKind::Transient, "stream-closed", "is not connected any more")
    }

    /// Ends the stream with a failure. `what` reads on from host and port.
    fn fail(&mut self, code: &str, what: &str) -> Failure {
        self.close();
        self.failure(ErrorKind::Transient, code, what)
    }

    fn broken(&mut self, error: &io::Error) -> Failure {
        if let Some(problem) = TlsProblem::find(error) {
            return self.tls_failed(problem);
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::WriteZero => {
                self.fail("stream-closed", "closed the connection without a word")
            }
            _ => match Unreachable::from_io(error) {
                Unreachable::Reset => self.fail("connection-reset", "reset the connection"),
                Unreachable::TimedOut => self.fail("timeout", "is not there any more"),
                _ if error.kind() == io::ErrorKind::BrokenPipe => self.fail("connection-reset", "reset the connection"),
                _ => self.fail("stream-failed", "broke off the connection"),
            },
        }
    }

    fn tls_failed(&mut self, problem: TlsProblem) -> Failure {
        self.close();
        let problem = match problem {
            TlsProblem::UnknownIssuer if self.has_own_roots => TlsProblem::OtherIssuer,
            other => other,
        };
        // A certificate of ours is a credential: without the right one, trying again helps nobody.
        let kind = match problem {
            TlsProblem::ClientCertificateWanted | TlsProblem::ClientCertificateRefused => ErrorKind::Auth,
            _ => ErrorKind::Transient,
        };
        self.failure(kind, problem.code(), &problem.to_string())
    }

    fn failure(&self, kind: ErrorKind, code: &str, what: &str) -> Failure {
        let message = format!("{} {what}", self.address.authority());
        Failure { request_sent: self.in_doubt, ..Failure::new(kind, code, message) }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.close();
    }
}

/// Writes all of `bytes`; `written` tells how far that came.
async fn write_all(wire: &mut Wire, bytes: &[u8], written: &mut usize) -> io::Result<()> {
    while *written < bytes.len() {
        match wire.write(&bytes[*written..]).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => *written += count,
        }
    }
    wire.flush().await
}
