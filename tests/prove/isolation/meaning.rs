//! What does a name in the OpenAPI document stand for, and what is put there? The one table of the matrix that is written by
//! hand: by the names of parameters and fields, never by route. A name that could carry an id and is not here is "not covered".

use serde_json::{Value, json};

use super::estate::Estate;

/// What belongs to somebody and has a name of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Noun {
    Customer,
    Destination,
    /// A destination type that a tenant installed for itself.
    Type,
    /// A version of a destination's credential: a number within the destination.
    Version,
    Event,
    Delivery,
    Attempt,
    ApiKey,
    PortalSession,
    /// A place in a list.
    Cursor,
    /// The publisher's name for a request.
    IdempotencyKey,
}

/// What stands in a place of a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meaning {
    /// The name of something that is there.
    Refers(Noun),
    /// The name of something that is there, without which the request is not complete, though the document leaves open which
    /// one of several fields there is.
    Chooses(Noun),
    /// The name of something of one's own: no other is tried here.
    Own(Noun),
    /// A name that something is to have from now on.
    Claims(Noun),
    /// Nothing that belongs to anybody.
    Plain(fn(&Estate) -> Value),
    /// Nothing that belongs to anybody, and the request is complete without it.
    LeftOut,
}

impl Meaning {
    /// The same where only what is right is filled in.
    pub(super) fn own(self) -> Meaning {
        match self {
            Meaning::Refers(noun) | Meaning::Chooses(noun) => Meaning::Own(noun),
            other => other,
        }
    }

    /// Whether an id can stand here.
    pub(super) fn is_of_somebody(self) -> bool {
        matches!(self, Meaning::Refers(_) | Meaning::Chooses(_) | Meaning::Claims(_))
    }
}

/// Where something stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
    Header,
    Body,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    place: Place,
    /// The last word of the path before it: the folder that an id in a path stands in, or what is done. Empty: any.
    of: &'static str,
    name: &'static str,
    meaning: Meaning,
}

impl Entry {
    pub(super) fn meaning(&self) -> Meaning {
        self.meaning
    }

    pub(super) fn is_for(&self, place: Place, of: &str, name: &str) -> bool {
        self.place == place && self.name == name && (self.of.is_empty() || self.of == of)
    }
}

impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}/{}", self.place, self.of, self.name)
    }
}

const fn entry(place: Place, of: &'static str, name: &'static str, meaning: Meaning) -> Entry {
    Entry { place, of, name, meaning }
}

/// The table.
pub(super) fn table() -> Vec<Entry> {
    use Meaning::{Chooses, Claims, LeftOut, Plain, Refers};
    use Place::{Body, Header, Path, Query};
    vec![
        entry(Path, "customers", "customer", Refers(Noun::Customer)),
        entry(Path, "destinations", "id", Refers(Noun::Destination)),
        entry(Path, "credentials", "version", Refers(Noun::Version)),
        entry(Path, "events", "id", Refers(Noun::Event)),
        entry(Path, "deliveries", "id", Refers(Noun::Delivery)),
        entry(Path, "attempts", "id", Refers(Noun::Attempt)),
        entry(Path, "api-keys", "id", Refers(Noun::ApiKey)),
        entry(Path, "portal-sessions", "id", Refers(Noun::PortalSession)),
        entry(Path, "destination-types", "name", Refers(Noun::Type)),
        entry(Query, "", "customer", Refers(Noun::Customer)),
        entry(Query, "", "destination", Refers(Noun::Destination)),
        entry(Query, "", "event", Refers(Noun::Event)),
        entry(Query, "", "delivery", Refers(Noun::Delivery)),
        entry(Query, "", "cursor", Refers(Noun::Cursor)),
        entry(Query, "events", "type", LeftOut),
        entry(Query, "", "action", LeftOut),
        entry(Header, "", "Idempotency-Key", Claims(Noun::IdempotencyKey)),
        entry(Body, "customers", "external_id", Claims(Noun::Customer)),
        entry(Body, "events", "id", Claims(Noun::Event)),
        entry(Body, "", "customer", Refers(Noun::Customer)),
        entry(Body, "", "name", Plain(|_| json!("a name"))),
        entry(Body, "", "scopes", Plain(|_| json!(["read"]))),
        entry(Body, "", "origin", LeftOut),
        // Whoever has one of these secrets is whom it was made for.
        entry(Body, "exchange", "code", Plain(|own| json!(own.code))),
        entry(Body, "report-leak", "key", Plain(|own| json!(own.key))),
        entry(Body, "", "message", Plain(|_| json!("a while"))),
        entry(Body, "events", "type", Plain(|_| json!("order.made"))),
        entry(Body, "events", "data", Plain(|_| json!({ "total": 1 }))),
        entry(Body, "events", "metadata", LeftOut),
        entry(Body, "destinations", "type", Refers(Noun::Type)),
        entry(Body, "", "config", Plain(|own| json!({ "url": own.url }))),
        entry(Body, "", "credential", Plain(|own| json!({ "secret": own.secret }))),
        entry(Body, "credentials", "fields", Plain(|own| json!({ "secret": own.secret }))),
        // Nothing that is made here takes part in deliveries.
        entry(Body, "", "subscription", Plain(|_| json!(["none.such"]))),
        entry(Body, "upgrade", "destination", Chooses(Noun::Destination)),
        entry(Body, "upgrade", "to", LeftOut),
        entry(Body, "rollback", "from", LeftOut),
        entry(Body, "destination-types", "component", Plain(|own| json!(own.component))),
        entry(Body, "destination-types", "signature", LeftOut),
        entry(Body, "replay", "dead_letters", Plain(|_| json!(true))),
        entry(Body, "cut-over", "force", Plain(|_| json!(true))),
    ]
}
