//! What the scripted host knows, and what it has seen.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::answer::{Reply, Said, SentRequest, SentStream};
use super::manifest::Declared;
use crate::credential::Algorithm;
use crate::log::Level;

/// What the clock says at first: 2026-01-01T00:00:00Z.
pub(super) const NOW_MS: u64 = 1_767_225_600_000;

/// Signs in the place of the host: the algorithm, the key, what is signed.
pub(crate) type Signer = dyn Fn(Algorithm, &[u8], &[u8]) -> Vec<u8>;

/// The other side of a byte stream.
pub(crate) type Peer = Rc<RefCell<dyn FnMut(&[u8]) -> Said>>;

/// What answers requests that were not scripted.
type Otherwise = Box<dyn FnMut(&SentRequest) -> Reply>;

/// All of it.
pub(crate) struct State {
    pub(crate) declared: Option<Declared>,
    pub(crate) credential: Vec<(String, Vec<u8>)>,
    pub(crate) signer: Option<Rc<Signer>>,
    pub(crate) script: VecDeque<Reply>,
    pub(crate) otherwise: Option<Otherwise>,
    pub(crate) peers: Vec<(String, Peer)>,
    pub(crate) requests: Vec<SentRequest>,
    pub(crate) streams: Vec<SentStream>,
    pub(crate) logged: Vec<(Level, String)>,
    pub(crate) attempt: u32,
    pub(crate) now_ms: u64,
    pub(crate) time_left: Duration,
    pub(crate) batches: u32,
    pub(crate) drawn: u64,
}

impl State {
    pub(super) fn new(declared: Option<Declared>) -> State {
        State {
            declared,
            credential: vec![],
            signer: None,
            script: VecDeque::new(),
            otherwise: None,
            peers: vec![],
            requests: vec![],
            streams: vec![],
            logged: vec![],
            attempt: 1,
            now_ms: NOW_MS,
            // What the real host gives a call, unless its operator says otherwise.
            time_left: Duration::from_secs(60),
            batches: 0,
            drawn: 0,
        }
    }

    /// The values of this field, the newest first.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &Vec<u8>> {
        self.credential.iter().filter(move |(found, _)| found == name).map(|(_, value)| value)
    }
}
