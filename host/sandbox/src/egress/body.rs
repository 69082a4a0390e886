//! Bodies: tells when a request has been taken up for sending, and reads answers within bounds.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use flate2::write::MultiGzDecoder;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// How far an exchange has come: what is known of it when it is cut off.
#[derive(Default)]
pub(crate) struct Progress {
    taken: AtomicBool,
    status: AtomicU16,
    bytes_read: AtomicU64,
}

impl Progress {
    /// Whether any of the request may have gone out.
    pub(crate) fn is_sent(&self) -> bool {
        self.taken.load(Ordering::Acquire)
    }

    /// The answer's status, once it is there.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        StatusCode::from_u16(self.status.load(Ordering::Acquire)).ok()
    }

    /// Bytes of the answer's body read so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Acquire)
    }

    pub(crate) fn answered(&self, status: StatusCode) {
        self.status.store(status.as_u16(), Ordering::Release);
    }
}

/// A request's body. The HTTP library asks a body about its length only when a live connection takes the request up.
pub(crate) struct RequestBody {
    bytes: Bytes,
    progress: Arc<Progress>,
}

impl RequestBody {
    pub(crate) fn new(bytes: Bytes, progress: Arc<Progress>) -> Self {
        RequestBody { bytes, progress }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::convert::Infallible>>> {
        let bytes = std::mem::take(&mut self.get_mut().bytes);
        Poll::Ready(if bytes.is_empty() { None } else { Some(Ok(Frame::data(bytes))) })
    }

    fn is_end_stream(&self) -> bool {
        self.progress.taken.store(true, Ordering::Release);
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}

/// How an answer's body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As it is.
    Identity,
    /// By gzip.
    Gzip,
}

/// Why an answer's body was not read to its end.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// It is longer than allowed.
    TooLarge,
    /// What follows it is longer than allowed.
    TrailersTooLarge,
    /// It is not the gzip that it claims to be.
    Encoding,
    /// The connection broke.
    Broken(hyper::Error),
}

/// How much of an answer is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes of the body, on the wire and decoded.
    pub(crate) body: u64,
    /// Bytes of the names and values that follow it.
    pub(crate) trailers: u32,
}

/// What followed the headers of an answer.
pub(crate) struct Whole {
    /// The body, decoded.
    pub(crate) body: Bytes,
    /// What followed the body.
    pub(crate) trailers: HeaderMap,
    /// Whether the answer ended with its headers.
    pub(crate) is_only_headers: bool,
}

/// Reads `body` to its end, decoded, unless it grows beyond its bounds.
pub(crate) async fn read(
    mut body: Incoming,
    encoding: Encoding,
    bounds: Bounds,
    progress: &Progress,
) -> Result<Whole, ReadError> {
    if body.size_hint().lower() > bounds.body {
        return Err(ReadError::TooLarge);
    }
    let is_only_headers = body.is_end_stream();
    let mut collected = match encoding {
        Encoding::Identity => Collected::Nothing,
        Encoding::Gzip => Collected::decoder(bounds.body),
    };
    let mut trailers = HeaderMap::new();
    let mut bytes_read = 0;
    while let Some(frame) = body.frame().await {
        match frame.map_err(ReadError::Broken)?.into_data() {
            Ok(data) => {
                bytes_read += data.len() as u64;
                progress.bytes_read.store(bytes_read, Ordering::Release);
                if bytes_read > bounds.body {
                    return Err(ReadError::TooLarge);
                }
                collected = collected.push(data)?;
            }
            Err(frame) => trailers = bounded(frame.into_trailers().unwrap_or_default(), bounds.trailers)?,
        }
    }
    Ok(Whole { body: collected.finish(bytes_read)?, trailers, is_only_headers })
}

fn bounded(trailers: HeaderMap, bytes_max: u32) -> Result<HeaderMap, ReadError> {
    let bytes: usize = trailers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes as u64 > u64::from(bytes_max) { Err(ReadError::TrailersTooLarge) } else { Ok(trailers) }
}

/// What has been read so far. An answer in one piece, the usual case, is never copied.
enum Collected {
    Nothing,
    One(Bytes),
    Many(BytesMut),
    Gzip(Box<MultiGzDecoder<Capped>>),
}

impl Collected {
    fn decoder(bytes_max: u64) -> Self {
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        Collected::Gzip(Box::new(MultiGzDecoder::new(Capped { bytes: Vec::new(), bytes_max, is_full: false })))
    }

    fn push(self, data: Bytes) -> Result<Self, ReadError> {
        match self {
            Collected::Nothing => Ok(Collected::One(data)),
            Collected::One(first) => {
                let mut all = BytesMut::with_capacity((first.len() + data.len()) * 2);
                all.extend_from_slice(&first);
                all.extend_from_slice(&data);
                Ok(Collected::Many(all))
            }
            Collected::Many(mut all) => {
                all.extend_from_slice(&data);
                Ok(Collected::Many(all))
            }
            Collected::Gzip(mut decoder) => match io::Write::write_all(&mut *decoder, &data) {
                Ok(()) => Ok(Collected::Gzip(decoder)),
                Err(_) => Err(decoder.get_ref().reason()),
            },
        }
    }

    fn finish(self, bytes_read: u64) -> Result<Bytes, ReadError> {
        match self {
            Collected::Nothing => Ok(Bytes::new()),
            Collected::One(bytes) => Ok(bytes),
            Collected::Many(bytes) => Ok(bytes.freeze()),
            // An answer to HEAD, or one without content, may name an encoding all the same.
            Collected::Gzip(_) if bytes_read == 0 => Ok(Bytes::new()),
            Collected::Gzip(mut decoder) => match decoder.try_finish() {
                Ok(()) => Ok(Bytes::from(std::mem::take(&mut decoder.get_mut().bytes))),
                Err(_) => Err(decoder.get_ref().reason()),
            },
        }
    }
}

/// Takes decoded bytes up to a bound.
struct Capped {
    bytes: Vec<u8>,
    bytes_max: usize,
    is_full: bool,
}

impl Capped {
    fn reason(&self) -> ReadError {
        if self.is_full { ReadError::TooLarge } else { ReadError::Encoding }
    }
}

impl io::Write for Capped {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > self.bytes_max {
            self.is_full = true;
            return Err(io::Error::other("longer than allowed"));
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
