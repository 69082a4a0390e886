//! A connection to a server: opened, signed in, and spoken over. All that touches the SDK's streams.

use std::time::Duration;

use freehold_sdk::stream::{Buffered, Target};
use freehold_sdk::{Error, ErrorKind, context, random};

use crate::access::Access;
use crate::config::{Security, Settings};
use crate::error;
use crate::publish::{Heard, Server};
use crate::wire::{self, Info, LINE_BYTES_MAX, Said};

const INBOX_BYTES: usize = 12;

/// An open connection, signed in, that hears what is sent to its inbox.
pub(crate) struct Session {
    stream: Buffered,
    info: Info,
    /// What the subjects of confirmations begin with.
    inbox: String,
    sent: u64,
}

impl Session {
    /// Connects to the first server that is there, and signs in.
    pub(crate) fn open(settings: &Settings, access: &Access) -> Result<Self, Error> {
        let mut first = None;
        for server in &settings.servers {
            match Session::connect(server, settings, access) {
                // Another server would say the same.
                Err(error) if matches!(error.kind(), ErrorKind::Auth | ErrorKind::Config) => return Err(error),
                Err(error) => first = first.or(Some(error)),
                Ok(session) => return Ok(session),
            }
        }
        Err(first.unwrap_or_else(|| Error::config("servers-missing", "servers names none")))
    }

    fn connect(server: &str, settings: &Settings, access: &Access) -> Result<Self, Error> {
        let mut target = Target::new(&settings.endpoint(server)).timeout(settings.timeout);
        if let Some(pem) = &settings.ca_certificate {
            target = target.roots(pem);
        }
        if let Some((chain, key)) = &access.certificate {
            target = target.client_certificate(chain, key);
        }
        let mut inbox = [0; INBOX_BYTES];
        random::fill(&mut inbox);
        let inbox: String = inbox.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut session = Session {
            stream: Buffered::new(target.connect()?),
            info: Info::default(),
            inbox: format!("{}.{inbox}", settings.inbox_prefix),
            sent: 0,
        };
        session.info = session.first_line()?;
        session.secure(settings.security)?;
        let (nonce, with_tls) = (session.info.nonce.clone(), settings.security != Security::Plaintext);
        access.introduce(session.stream.stream(), nonce.as_deref(), with_tls)?;
        session.until_heard()?;
        let subscribe = format!("SUB {}.* 1\r\nPING\r\n", session.inbox);
        session.stream.write(subscribe.as_bytes())?;
        session.until_heard()?;
        Ok(session)
    }

    /// Whether it can be used once more.
    pub(crate) fn is_good(&self) -> bool {
        self.stream.is_open()
    }

    fn first_line(&mut self) -> Result<Info, Error> {
        match wire::read(&self.stream.line(LINE_BYTES_MAX)?)? {
            Said::Info(json) => serde_json::from_str(&json).map_err(|_| wire::unreadable()),
            Said::Refused(said) => Err(error::of_server(&said)),
            _ => Err(wire::unreadable()),
        }
    }

    fn secure(&mut self, security: Security) -> Result<(), Error> {
        let info = &self.info;
        match security {
            Security::Tls if info.tls_required || info.tls_available => self.stream.start_tls()?,
            Security::Tls => {
                let message =
                    "the server has no TLS: switch it on there (tls in its configuration), or connect to one that has";
                return Err(Error::config("tls-not-offered", message).with_request_sent(true));
            }
            Security::Plaintext if info.tls_required => {
                let message = "the server wants TLS: set `security` to tls";
                return Err(Error::config("tls-wanted", message).with_request_sent(true));
            }
            Security::TlsFirst | Security::Plaintext => {}
        }
        if self.info.headers {
            return Ok(());
        }
        let message = "the server takes no headers, by which a stream knows a message: NATS 2.2 or newer is needed";
        Err(Error::config("nats-too-old", message).with_request_sent(true))
    }

    /// Listens until the server has heard everything that was said.
    fn until_heard(&mut self) -> Result<(), Error> {
        loop {
            match self.hear()? {
                Heard::Everything => return Ok(()),
                Heard::Refused(said) => return Err(error::of_server(&said)),
                Heard::Reply { .. } => {}
            }
        }
    }
}

impl Server for Session {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.stream.write(bytes)
    }

    fn hear(&mut self) -> Result<Heard, Error> {
        loop {
            match wire::read(&self.stream.line(LINE_BYTES_MAX)?)? {
                Said::Ping => self.stream.write(b"PONG\r\n")?,
                Said::Pong => return Ok(Heard::Everything),
                Said::Refused(said) => return Ok(Heard::Refused(said)),
                Said::Message { subject, header_bytes, bytes } => {
                    let mut headers = self.stream.exact(bytes + 2)?;
                    headers.truncate(bytes);
                    let payload = headers.split_off(header_bytes);
                    let number =
                        subject.strip_prefix(&self.inbox).and_then(|rest| rest.strip_prefix('.')?.parse().ok());
                    if let Some(number) = number {
                        return Ok(Heard::Reply { number, status: wire::status(&headers), payload });
                    }
                }
                // A server knows a user's own limit only after the sign-in, and tells it then.
                Said::Info(json) => {
                    let news: Info = serde_json::from_str(&json).map_err(|_| wire::unreadable())?;
                    self.info.max_payload = news.max_payload;
                }
                Said::Other => {}
            }
        }
    }

    fn next_number(&mut self) -> u64 {
        self.sent += 1;
        self.sent
    }

    fn reply_to(&self, number: u64) -> String {
        format!("{}.{number}", self.inbox)
    }

    fn payload_max(&self) -> usize {
        usize::try_from(self.info.max_payload).unwrap_or(0)
    }

    fn wait(&self, time: Duration) {
        context::wait(time.min(context::time_left() / 4));
    }
}

#[cfg(test)]
mod tests {
    use freehold_sdk::Sink as _;
    use freehold_sdk::testing::{Host, Said, event};
    use serde_json::json;

    use crate::Nats;

    #[test]
    fn the_limit_that_a_server_tells_after_the_sign_in_counts() {
        let host = Host::with_manifest(include_str!("../manifest.json")).credential("username", "freehold");
        let host = host.credential("password", "correct-horse-battery");
        let mut pings = 0;
        host.listen("tls://nats.acme.example:4222", move |written| {
            let asks = written.windows(4).any(|word| word == b"PING");
            pings += usize::from(asks);
            match (written, pings) {
                (b"", _) => Said::bytes("INFO {\"headers\":true,\"max_payload\":1000000}\r\n"),
                (_, 2) => Said::bytes("INFO {\"headers\":true,\"max_payload\":500}\r\nPONG\r\n"),
                _ if asks => Said::bytes("PONG\r\n"),
                _ => Said::nothing(),
            }
        });
        let config = json!({ "servers": ["nats.acme.example:4222"], "security": "tls-first" });
        let mut nats: Nats = host.open(config).unwrap();

        let outcomes = nats.deliver(host.batch([event("large", json!("x".repeat(1_000)))])).unwrap();

        assert_eq!(outcomes[0].as_ref().unwrap_err().code(), "message-too-large");
    }
}
