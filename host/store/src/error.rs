//! What can go wrong in the store, by what a caller can do about it.

use freehold_model::rotation::Refused;
use thiserror::Error;

/// Why the store did not do what was asked. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// There is no such thing within the scope. Other tenants' things are not there either.
    #[error("not found")]
    NotFound,
    /// It contradicts what is already stored.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The position of a page is not one that a list gave out.
    #[error("this page position is not one that a list gave out; start again from the first page")]
    BadCursor,
    /// The disk is full. Nothing is acknowledged until there is room again.
    #[error("the disk is full; free some space and try again")]
    Full,
    /// The store was closed, or its writer ended.
    #[error("the store is closed")]
    Closed,
    /// A row does not say what its table promises.
    #[error("table {table}, column {column}, row {row}: the value does not parse")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: String,
        /// What names the row.
        row: String,
    },
    /// The database refused.
    #[error("database: {0}")]
    Database(String),
}

/// What a request contradicts.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Conflict {
    /// Something with this id is already stored.
    #[error("this id is already taken")]
    Id,
    /// Another tenant has this name.
    #[error("another tenant has this name")]
    TenantName,
    /// Another customer of the tenant has this external id.
    #[error("another customer has this external id")]
    ExternalId,
    /// The API key ended, or another took its place.
    #[error(
        "this key was revoked, has expired, or was rotated already: rotate the key that took its place, or make a new one"
    )]
    KeyEnded,
    /// A credential must carry the version after the newest stored one.
    #[error("the next credential version is {next}")]
    CredentialVersion {
        /// The version to use.
        next: u32,
    },
    /// The delivery is still queued: only one that reached a final state can be replayed.
    #[error("the delivery is still queued; it can be replayed once it is delivered, dead or cancelled")]
    StillQueued,
    /// A customer's key was wrapped by a key-encryption key that does not wrap any more.
    #[error("the deployment's key was changed meanwhile; try again")]
    KekWrapsNoMore,
    /// A retired key-encryption key was to be used again.
    #[error("this key-encryption key was retired and is never used again; make a new one")]
    KekRetired,
    /// The key-encryption key still has work to do.
    #[error("{wraps} customers' keys are wrapped under this key-encryption key")]
    KekInUse {
        /// How many sealing keys are wrapped under it.
        wraps: u64,
    },
    /// The key-encryption key is the one that wraps.
    #[error("this key-encryption key is the one that wraps")]
    KekEncrypting,
    /// A credential version cannot change in this way.
    #[error(transparent)]
    Rotation(#[from] Refused),
    /// The config is not the one that a credential version was tried with.
    #[error("the config was changed while the credential was tried: verify it again")]
    ConfigChanged,
    /// The destination's credential was revoked, and no other one took its place.
    #[error("its credential was revoked: give it a new one, which also resumes it")]
    NoCredential,
    /// The verdicts of a settlement are not one for each member of its batch.
    #[error("the verdicts do not match the members of the batch")]
    Members,
}

/// Why a publish request was not accepted. None of its events is stored.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IngestError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The idempotency key was used before, for another request.
    #[error("this idempotency key was used for another request")]
    IdempotencyMismatch,
    /// An event with this id, but other content, is already stored.
    #[error("event {index}: an event with this id and other content is already stored")]
    EventMismatch {
        /// Which event of the request, from 0.
        index: usize,
    },
    /// The event's customer is not a customer of this tenant.
    #[error("event {index}: no such customer")]
    UnknownCustomer {
        /// Which event of the request, from 0.
        index: usize,
    },
}
