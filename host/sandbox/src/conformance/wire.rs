//! How is a connection spoilt, whatever is spoken over it? A stream that breaks what its server writes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is written in the place of an answer. Neither HTTP nor anything else.
pub(crate) const GARBAGE: &[u8] = b"\x00\xff\x13garbage, and no protocol at all\r\n\r\n\x7f\x00\xfe";

/// How what is written is spoilt. Unless told, it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Spoil {
    /// [`GARBAGE`] arrives instead, and then the end.
    Garble = 1,
    /// Nothing more arrives: the connection breaks.
    Cut = 2,
}

/// Says to a [`Wire`] what to do, from beside it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handle(Arc<AtomicU8>);

impl Handle {
    pub(crate) fn spoil(&self, how: Spoil) {
        self.0.store(how as u8, Ordering::SeqCst);
    }

    fn is(&self, how: Spoil) -> bool {
        self.0.load(Ordering::SeqCst) == how as u8
    }
}

/// A stream that can be spoilt.
pub(crate) struct Wire<S> {
    inner: S,
    handle: Handle,
    /// How much of the garbage is out.
    garbage: usize,
}

impl<S> Wire<S> {
    pub(crate) fn new(inner: S) -> (Wire<S>, Handle) {
        let handle = Handle::default();
        (Wire { inner, handle: handle.clone(), garbage: 0 }, handle)
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    /// Writes garbage until all of it is out.
    fn garble(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.garbage < GARBAGE.len() {
            match Pin::new(&mut self.inner).poll_write(cx, &GARBAGE[self.garbage..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.garbage += written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.handle.is(Spoil::Cut) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if !this.handle.is(Spoil::Garble) {
            return Pin::new(&mut this.inner).poll_write(cx, bytes);
        }
        match this.garble(cx) {
            // The server believes that it has answered.
            Poll::Ready(Ok(())) => Poll::Ready(Ok(bytes.len())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}
