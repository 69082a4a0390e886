//! What can go wrong at the other side, and what should become of an event then?

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    /// Nothing listens.
    Refused,
    /// The connection does not come about in time.
    ConnectTimeout,
    /// The certificate is for another name.
    Tls,
    /// The connection is reset when the request has arrived.
    Reset,
    /// The request is never answered.
    Timeout,
    /// The answer is right and comes late, in pieces.
    Slow,
    /// What comes back is not the protocol.
    Garbage,
    /// The answer breaks off.
    Truncated,
    /// A success whose body is not what the type may expect.
    OddAnswer,
    /// A status.
    Status(u16),
}

/// Seconds that a 429 asks to wait. Unlike any default.
pub(crate) const RETRY_AFTER_S: u64 = 7;

impl Fault {
    /// Every fault, in the order in which they are tried.
    pub(crate) const ALL: [Fault; 19] = [
        Fault::Refused,
        Fault::ConnectTimeout,
        Fault::Tls,
        Fault::Reset,
        Fault::Timeout,
        Fault::Slow,
        Fault::Garbage,
        Fault::Truncated,
        Fault::OddAnswer,
        Fault::Status(401),
        Fault::Status(403),
        Fault::Status(404),
        Fault::Status(409),
        Fault::Status(413),
        Fault::Status(429),
        Fault::Status(500),
        Fault::Status(502),
        Fault::Status(503),
        Fault::Status(504),
    ];

    /// Its name in scripts.
    pub(crate) fn name(self) -> &'static str {
        self.check().trim_start_matches("fault-")
    }

    /// The check that tries it.
    pub(crate) fn check(self) -> &'static str {
        match self {
            Fault::Refused => "fault-refused",
            Fault::ConnectTimeout => "fault-connect-timeout",
            Fault::Tls => "fault-tls",
            Fault::Reset => "fault-reset",
            Fault::Timeout => "fault-timeout",
            Fault::Slow => "fault-slow",
            Fault::Garbage => "fault-garbage",
            Fault::Truncated => "fault-truncated",
            Fault::OddAnswer => "fault-odd-answer",
            Fault::Status(401) => "fault-401",
            Fault::Status(403) => "fault-403",
            Fault::Status(404) => "fault-404",
            Fault::Status(409) => "fault-409",
            Fault::Status(413) => "fault-413",
            Fault::Status(429) => "fault-429",
            Fault::Status(502) => "fault-502",
            Fault::Status(503) => "fault-503",
            Fault::Status(504) => "fault-504",
            Fault::Status(_) => "fault-500",
        }
    }

    /// The fault of that name.
    pub(crate) fn named(name: &str) -> Option<Fault> {
        Fault::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// What its check asks for.
    pub(crate) fn asks(self) -> &'static str {
        match self {
            Fault::Refused => "a refused connection is an error that passes",
            Fault::ConnectTimeout => "a connection that does not come about is an error that passes",
            Fault::Tls => "a wrong certificate is an error, and nothing is sent",
            Fault::Reset => "a connection that is reset is an error that passes",
            Fault::Timeout => "an answer that does not come is an error that passes",
            Fault::Slow => "a late answer is an answer",
            Fault::Garbage => "an answer in no protocol is an error that passes",
            Fault::Truncated => "half an answer is an error that passes",
            Fault::OddAnswer => "an answer that makes no sense is no trap and no refusal",
            Fault::Status(401) => "a 401 is a refused credential",
            Fault::Status(403) => "a 403 is a credential that may not do this",
            Fault::Status(404) => "a 404 is an error that passes, or a wrong config",
            Fault::Status(409) => "a 409 is an error, unless the script says what it means",
            Fault::Status(413) => "a 413 rejects the event",
            Fault::Status(429) => "a 429 asks for less, and its retry-after is kept",
            Fault::Status(502) => "a 502 is an error that passes",
            Fault::Status(503) => "a 503 is an error that passes",
            Fault::Status(504) => "a 504 is an error that passes",
            Fault::Status(_) => "a 500 is an error that passes",
        }
    }

    /// What the other side does, for people.
    pub(crate) fn in_words(self) -> String {
        match self {
            Fault::Refused => "the connection is refused".into(),
            Fault::ConnectTimeout => "the connection does not come about in time".into(),
            Fault::Tls => "the certificate is for another name".into(),
            Fault::Reset => "the connection is reset after the request".into(),
            Fault::Timeout => "no answer comes in time".into(),
            Fault::Slow => "a good answer comes late and in pieces".into(),
            Fault::Garbage => "what comes back is not the protocol".into(),
            Fault::Truncated => "the answer breaks off in its middle".into(),
            Fault::OddAnswer => "a 200 comes with a body that makes no sense".into(),
            Fault::Status(429) => format!("the answer is 429 with retry-after: {RETRY_AFTER_S}"),
            Fault::Status(status) => format!("the answer is {status}"),
        }
    }

    /// The outcomes that are right when the script says nothing else.
    pub(crate) fn usual(self) -> &'static [&'static str] {
        match self {
            Fault::Slow => &["delivered"],
            // Who does not read answers need not notice; who does must not take it for good.
            Fault::OddAnswer => &["delivered", "transient", "config"],
            Fault::Tls => &["transient", "config"],
            Fault::Status(401 | 403) => &["auth"],
            // It may come back, or the config may lead to the wrong place.
            Fault::Status(404) => &["transient", "config"],
            // Whether what is there already is a success only the type can know: its script says so.
            Fault::Status(409) => &["transient", "throttled", "rejected", "config"],
            Fault::Status(413) => &["rejected"],
            Fault::Status(429) => &["throttled"],
            Fault::Status(500..=599) => &["transient", "throttled"],
            _ => &["transient"],
        }
    }

    /// Why that is right, for whoever has to correct something.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Fault::Slow => "wait for the answer as long as the config allows; the host bounds it in any case",
            Fault::OddAnswer => "read answers so that a strange one is an error of kind transient, never a trap",
            Fault::Status(401 | 403) => {
                "answer with an error of kind auth, so that the destination pauses until there is a new credential"
            }
            Fault::Status(404) => "answer with kind transient, or config when the config names what is missing",
            Fault::Status(409) => {
                "answer with an error; when a 409 means that the event is there already, say so in the script: faults.409"
            }
            Fault::Status(413) => "answer with kind rejected, since the same bytes will not get smaller",
            Fault::Status(429) => "answer with kind throttled, and with the retry-after that the destination asks for",
            Fault::Status(_) => "answer with kind transient or throttled, so that the events are tried again",
            _ => "pass the host's error on as it came: it has the right kind",
        }
    }

    /// Whether it happens before anything of the protocol can be said.
    pub(crate) fn is_of_the_connection(self) -> bool {
        !matches!(self, Fault::Status(_) | Fault::OddAnswer | Fault::Slow | Fault::Truncated)
    }

    /// Whether nothing can have been sent when it happens.
    pub(crate) fn is_before_the_request(self) -> bool {
        matches!(self, Fault::Refused | Fault::ConnectTimeout | Fault::Tls)
    }

    /// Whether it needs a door that loses its patience soon.
    pub(crate) fn needs_impatience(self) -> bool {
        matches!(self, Fault::ConnectTimeout | Fault::Timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_by_its_name() {
        for fault in Fault::ALL {
            assert_eq!(Fault::named(fault.name()), Some(fault));
        }
    }
}
