//! A connection to one broker: opened, signed in, and spoken over. All that touches the SDK's streams.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use freehold_sdk::credential::Secret;
use freehold_sdk::stream::{Stream, Target};
use freehold_sdk::{Error, context};
use kafka_protocol::messages::{ApiVersionsRequest, SaslAuthenticateRequest, SaslAuthenticateResponse};
use kafka_protocol::protocol::{Request, StrBytes};

use crate::config::Settings;
use crate::sasl::Access;
use crate::wire::{self, CLIENT, Versions};

/// Bytes asked for at once: more than any answer to a produce request has.
const READ_BYTES: u32 = 16 * 1024;
/// The newest `ApiVersionsRequest` that is tried, and the one that every broker answers.
const VERSIONS_NEWEST: i16 = 3;
const VERSIONS_OLDEST: i16 = 0;
/// Later versions have something after the message, where a secret is to be the last but known bytes.
const AUTHENTICATE_NEWEST: i16 = 1;

/// A request that was sent and not yet answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pending {
    correlation: i32,
    version: i16,
}

/// An open connection, signed in.
pub(crate) struct Session {
    stream: Stream,
    unread: BytesMut,
    last_correlation: i32,
    versions: Versions,
    /// How long the broker may take to answer.
    pub(crate) patience: Duration,
    /// When the broker stops to accept the sign-in.
    signed_in_until_ms: Option<u64>,
}

impl Session {
    /// Connects, learns what the broker speaks, and signs in.
    pub(crate) fn open(
        address: &str,
        settings: &Settings,
        access: &mut Access,
        patience: Duration,
    ) -> Result<Self, Error> {
        let mut target = Target::new(&settings.endpoint(address)).timeout(patience);
        if let Some(pem) = &settings.ca_certificate {
            target = target.roots(pem);
        }
        if let Some((chain, key)) = &access.certificate {
            target = target.client_certificate(chain, key);
        }
        let mut session = Session {
            stream: target.connect()?,
            unread: BytesMut::new(),
            last_correlation: 0,
            versions: Versions::default(),
            patience,
            signed_in_until_ms: None,
        };
        session.learn_versions()?;
        if let Some(lifetime) = access.sign_in(&mut session, settings)? {
            // Anew before the broker insists on it.
            let good_for = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX) / 5 * 4;
            session.signed_in_until_ms = Some(context::now_ms().saturating_add(good_for));
        }
        Ok(session)
    }

    /// Whether it can be used once more.
    pub(crate) fn is_good(&self) -> bool {
        self.stream.is_open() && self.signed_in_until_ms.is_none_or(|until| context::now_ms() < until)
    }

    pub(crate) fn versions(&self) -> &Versions {
        &self.versions
    }

    /// Sends a request, in the newest version up to `newest` that the broker speaks.
    pub(crate) fn send<R: Request>(&mut self, newest: i16, body: &R) -> Result<Pending, Error> {
        let version = self.versions.choose::<R>(newest)?;
        self.send_version(version, body)
    }

    /// Waits for the answer to a request. Answers come in the order of the requests.
    pub(crate) fn receive<R: Request>(&mut self, pending: Pending) -> Result<R::Response, Error> {
        let frame = self.frame()?;
        wire::answer::<R>(frame, pending.correlation, pending.version)
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn ask<R: Request>(&mut self, newest: i16, body: &R) -> Result<R::Response, Error> {
        let pending = self.send(newest, body)?;
        self.receive::<R>(pending)
    }

    /// Sends one message of the sign-in and waits for the answer.
    pub(crate) fn authenticate(&mut self, message: Vec<u8>) -> Result<SaslAuthenticateResponse, Error> {
        let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from(message));
        self.ask(AUTHENTICATE_NEWEST, &request)
    }

    /// The same with a message that is `before`, a secret and `after`.
    pub(crate) fn authenticate_with_secret(
        &mut self,
        before: &[u8],
        secret: &Secret,
        after: &[u8],
    ) -> Result<SaslAuthenticateResponse, Error> {
        let version = self.versions.choose::<SaslAuthenticateRequest>(AUTHENTICATE_NEWEST)?;
        let pending = self.next(version);
        let head = wire::request_before_secret(pending.correlation, version, before, secret.length(), after.len())?;
        self.stream.write_secret(&head, secret, after)?;
        self.receive::<SaslAuthenticateRequest>(pending)
    }

    fn learn_versions(&mut self) -> Result<(), Error> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str(CLIENT))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let pending = self.send_version(VERSIONS_NEWEST, &request)?;
        let frame = self.frame()?;
        // A broker that does not know this version says so in the oldest one.
        let is_old = frame.get(4..6) == Some(&35_i16.to_be_bytes()[..]);
        let version = if is_old { VERSIONS_OLDEST } else { VERSIONS_NEWEST };
        let answer = wire::answer::<ApiVersionsRequest>(frame, pending.correlation, version)?;
        self.versions = match Versions::learn(&answer)? {
            Some(versions) => versions,
            None => {
                let pending = self.send_version(VERSIONS_OLDEST, &ApiVersionsRequest::default())?;
                let answer = self.receive::<ApiVersionsRequest>(pending)?;
                Versions::learn(&answer)?.unwrap_or_default()
            }
        };
        Ok(())
    }

    fn send_version<R: Request>(&mut self, version: i16, body: &R) -> Result<Pending, Error> {
        let pending = self.next(version);
        let frame = wire::request(pending.correlation, version, body)?;
        self.stream.write(&frame)?;
        Ok(pending)
    }

    fn next(&mut self, version: i16) -> Pending {
        self.last_correlation = self.last_correlation.wrapping_add(1);
        Pending { correlation: self.last_correlation, version }
    }

    fn frame(&mut self) -> Result<Bytes, Error> {
        loop {
            if let Some(frame) = wire::take_frame(&mut self.unread)? {
                return Ok(frame);
            }
            let bytes = self.stream.read(READ_BYTES)?;
            if bytes.is_empty() {
                let message = "the broker closed the connection instead of answering (does the listener ask for another sign-in, or for TLS?)";
                return Err(Error::transient("broker-closed", message).with_request_sent(true));
            }
            self.unread.extend_from_slice(&bytes);
        }
    }
}
