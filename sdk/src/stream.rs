//! Byte streams to this destination's endpoints, and to no others, for protocols that are not HTTP.
//!
//! TLS ends in the host: certificates are verified, always, for the endpoint's own name. Calls block the plugin, not the host.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use freehold_sdk::{Error, credential, stream::Target};
//!
//! fn log_in() -> Result<Vec<u8>, Error> {
//!     let mut stream = Target::new("tls://broker.example.com:9093").timeout(Duration::from_secs(10)).connect()?;
//!     stream.write_secret(b"user\0", &credential::field("password")?, b"\n")?;
//!     let length = stream.read_exact(4)?;
//!     stream.read_exact(u32::from_be_bytes([length[0], length[1], length[2], length[3]]))
//! }
//! ```

use std::fmt;
use std::time::Duration;

use crate::Error;
use crate::credential::Secret;
use crate::host::stream as wit;

mod buffered;

pub use buffered::Buffered;

/// Where a stream leads and how it is secured. What the host cannot accept is reported by [`connect`](Target::connect), as an
/// error of kind [`Config`](crate::ErrorKind::Config).
pub struct Target(wit::Target);

impl Target {
    /// A target with the host's own trust and no client certificate. `endpoint` is `tls://host:port` (TLS from the first
    /// byte), `starttls://host:port` (a few bytes in the clear, then [`start_tls`](Stream::start_tls)) or `tcp://host:port`
    /// (never TLS; needs the operator's leave), and must be one of the destination's endpoints under that scheme.
    pub fn new(endpoint: &str) -> Self {
        Target(wit::Target::new(endpoint))
    }

    /// Trusts only certificates that lead to these roots (PEM), instead of the system's: a private CA from the config.
    #[must_use]
    pub fn roots(self, pem: &str) -> Self {
        self.0.roots(pem);
        self
    }

    /// Shows this certificate when the other side asks for one (mutual TLS): `chain` in PEM, leaf first, and its private key
    /// in PEM.
    ///
    /// ```no_run
    /// # use freehold_sdk::{credential, stream::Target};
    /// # fn connect(chain: &str) -> Result<(), freehold_sdk::Error> {
    /// let key = credential::field("client_key")?;
    /// let stream = Target::new("tls://broker.example.com:9093").client_certificate(chain, &key).connect()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn client_certificate(self, chain: &str, key: &Secret) -> Self {
        self.0.client_certificate(chain, key.handle());
        self
    }

    /// Limits connecting, and each read and write after it. The host's own limits hold as well.
    #[must_use]
    pub fn timeout(self, limit: Duration) -> Self {
        self.0.timeout_ms(u32::try_from(limit.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// Opens the stream.
    ///
    /// # Errors
    /// When no connection comes about. Pass the error on as it came: its kind says what to do.
    pub fn connect(self) -> Result<Stream, Error> {
        Ok(Stream(wit::connect(self.0)?))
    }
}

/// An open stream. It closes when dropped. After any error it is closed: connect anew.
pub struct Stream(wit::Connection);

impl Stream {
    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// When they cannot be written in time.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        Ok(self.0.write(bytes)?)
    }

    /// Writes `before`, the secret and `after` as one write, so that the secret goes over the wire without being read.
    ///
    /// # Errors
    /// As [`write`](Self::write), and in the clear part of a `starttls` stream.
    pub fn write_secret(&mut self, before: &[u8], value: &Secret, after: &[u8]) -> Result<(), Error> {
        Ok(self.0.write_secret(before, value.handle(), after)?)
    }

    /// Waits for bytes and gives at most `max` of them. Empty when the other side has closed the stream in order.
    ///
    /// # Errors
    /// When nothing comes in time, or the connection breaks.
    pub fn read(&mut self, max: u32) -> Result<Vec<u8>, Error> {
        Ok(self.0.read(max)?)
    }

    /// Waits for exactly `length` bytes.
    ///
    /// # Errors
    /// As [`read`](Self::read), when the other side closes the stream before, and when `length` is above the host's limit
    /// (16 MiB by default).
    pub fn read_exact(&mut self, length: u32) -> Result<Vec<u8>, Error> {
        Ok(self.0.read_exact(length)?)
    }

    /// Goes over to TLS, on a `starttls` stream. Until then no more than 4 KiB may be written and read in the clear.
    ///
    /// # Errors
    /// When TLS does not come about.
    pub fn start_tls(&mut self) -> Result<(), Error> {
        Ok(self.0.start_tls()?)
    }

    /// Whether the stream can still be used, as far as is known without waiting: false once either side has closed it. Worth
    /// asking before a stream that was kept from an earlier batch is used again.
    pub fn is_open(&self) -> bool {
        self.0.is_open()
    }
}

/// Whether the error says that the connection itself has ended, as one that was kept may have while nobody used it: worth
/// another try over a new one, if sending the same again does no harm.
///
/// ```
/// use freehold_sdk::{Error, stream};
///
/// assert!(stream::has_ended(&Error::transient("connection-reset", "db.example.com:5432 reset the connection")));
/// assert!(!stream::has_ended(&Error::transient("timeout", "db.example.com:5432 sent nothing within 10 s")));
/// ```
pub fn has_ended(error: &Error) -> bool {
    ["stream-closed", "stream-idle", "stream-failed", "connection-reset"].contains(&error.code())
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}
