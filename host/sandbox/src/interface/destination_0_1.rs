//! `freehold:destination@0.1`: generated bindings, and the translation between its words and the model's.

use freehold_model::delivery::ClaimedDelivery;
use freehold_model::event::idempotency_key;
use freehold_model::{DestinationId, ErrorKind, Failure};

wasmtime::component::bindgen!({
    path: "../../wit/destination-0.1",
    world: "freehold:destination/destination",
    imports: {
        "freehold:destination/context.wait": async | trappable,
        "freehold:destination/credential.[method]secret.derive-pbkdf2": async | trappable,
        "freehold:destination/http.send": async | trappable,
        "freehold:destination/http.send-all": async | trappable,
        "freehold:destination/http.send-alike": async | trappable,
        "freehold:destination/stream.connect": async | trappable,
        "freehold:destination/stream.[method]connection.write": async | trappable,
        "freehold:destination/stream.[method]connection.write-secret": async | trappable,
        "freehold:destination/stream.[method]connection.read": async | trappable,
        "freehold:destination/stream.[method]connection.read-exact": async | trappable,
        "freehold:destination/stream.[method]connection.start-tls": async | trappable,
        "freehold:destination/stream.[method]connection.is-open": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "freehold:destination/credential.secret": crate::capabilities::credential::SecretHandle,
        "freehold:destination/http.request": crate::capabilities::http::PendingRequest,
        "freehold:destination/http.response": crate::capabilities::http::Answer,
        "freehold:destination/stream.target": crate::capabilities::stream::PendingTarget,
        "freehold:destination/stream.connection": crate::capabilities::stream::StreamHandle,
    },
    // An event's data is lowered from where it lies, not from a copy.
    ownership: Borrowing { duplicate_if_necessary: true },
    require_store_data_send: true,
});

use freehold::destination::types;

/// The package whose interfaces a component may import, and the versions of it.
pub(crate) const PACKAGE: &str = "freehold:destination/";

/// The interfaces that exist, and that a component may therefore import.
pub(crate) const INTERFACES: [&str; 8] =
    ["types", "credential", "reveal", "http", "stream", "context", "log", "random"];

/// Members and what of them has to be made before the contract's words can borrow the rest.
pub(crate) struct Wording<'a> {
    members: &'a [ClaimedDelivery],
    idempotency_keys: Vec<String>,
    attributes: Vec<Vec<(&'a str, &'a str)>>,
}

impl<'a> Wording<'a> {
    /// `idempotency_keys` has one for each of `members`.
    pub(crate) fn of(members: &'a [ClaimedDelivery], idempotency_keys: Vec<String>) -> Self {
        let attributes = |member: &'a ClaimedDelivery| {
            member.event.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
        };
        Wording { members, idempotency_keys, attributes: members.iter().map(attributes).collect() }
    }

    /// The members in the contract's words.
    pub(crate) fn events(&self) -> Vec<types::Event<'_>> {
        let made = self.idempotency_keys.iter().zip(&self.attributes);
        self.members.iter().zip(made).map(|(member, (key, attributes))| event(member, key, attributes)).collect()
    }
}

fn event<'e>(member: &'e ClaimedDelivery, key: &'e str, attributes: &'e [(&'e str, &'e str)]) -> types::Event<'e> {
    types::Event {
        id: member.event.id.as_str(),
        type_: member.event.event_type.as_str(),
        time_ms: u64::try_from(member.event.time.millis()).unwrap_or(0),
        data: &member.event.data,
        attributes,
        idempotency_key: key,
    }
}

/// The idempotency key of each member.
pub(crate) fn idempotency_keys(destination: &DestinationId, members: &[ClaimedDelivery]) -> Vec<String> {
    members.iter().map(|member| idempotency_key(destination, &member.event.id)).collect()
}

/// A guest's error in the model's words.
pub(crate) fn failure(error: types::Error) -> Failure {
    let kind = match error.kind {
        types::ErrorKind::Transient | types::ErrorKind::Other => ErrorKind::Transient,
        types::ErrorKind::Throttled => ErrorKind::Throttled,
        types::ErrorKind::Auth => ErrorKind::Auth,
        types::ErrorKind::Config => ErrorKind::Config,
        types::ErrorKind::Rejected => ErrorKind::Rejected,
        types::ErrorKind::EgressDenied => ErrorKind::EgressDenied,
    };
    Failure {
        kind,
        code: error.code,
        message: error.message,
        retry_after_ms: error.retry_after_ms,
        request_sent: error.request_sent,
    }
}

/// A failure of the host's own making in the contract's words.
pub(crate) fn error(failure: Failure) -> types::Error {
    let kind = match failure.kind {
        ErrorKind::Transient | ErrorKind::Plugin => types::ErrorKind::Transient,
        ErrorKind::Throttled => types::ErrorKind::Throttled,
        ErrorKind::Auth => types::ErrorKind::Auth,
        ErrorKind::Config => types::ErrorKind::Config,
        ErrorKind::Rejected => types::ErrorKind::Rejected,
        ErrorKind::EgressDenied => types::ErrorKind::EgressDenied,
    };
    types::Error {
        kind,
        code: failure.code,
        message: failure.message,
        retry_after_ms: failure.retry_after_ms,
        request_sent: failure.request_sent,
    }
}
