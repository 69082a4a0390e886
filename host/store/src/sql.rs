//! The SQL of the store, written once for every engine.

pub(crate) mod api_keys;
pub(crate) mod attempts;
pub(crate) mod audit;
pub(crate) mod cancel;
pub(crate) mod claim;
pub(crate) mod connection;
pub(crate) mod copy;
pub(crate) mod credentials;
pub(crate) mod customers;
pub(crate) mod deliveries;
pub(crate) mod destinations;
pub(crate) mod dialect;
pub(crate) mod events;
pub(crate) mod failure;
pub(crate) mod ingest;
pub(crate) mod keks;
pub(crate) mod listing;
pub(crate) mod lock;
pub(crate) mod queue;
pub(crate) mod replay;
pub(crate) mod rotation;
pub(crate) mod row;
pub(crate) mod settle;
pub(crate) mod statement;
pub(crate) mod tenants;
pub(crate) mod value;
