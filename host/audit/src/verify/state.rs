//! How far has an export been checked, and what must come next?

use std::collections::BTreeMap;

use freehold_model::Timestamp;
use freehold_model::audit::{Chain, Digest};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Finding, Report, Unverifiable};
use crate::canonical::canonical;
use crate::checkpoint::Checkpoint;
use crate::export::{CheckpointLine, End, EndLine, HeaderLine};
use crate::merkle::Tree;
use crate::note::PublicKey;
use crate::record::{Head, Line};

/// What was erased says so itself, in a record of this action.
const ERASE: &str = "audit.erase";

/// What an export says of itself.
pub(super) struct Opened {
    pub(super) chain: Chain,
    pub(super) keys: Vec<PublicKey>,
    complete: bool,
}

/// The header, if this line is one.
pub(super) fn header(line: &[u8]) -> Option<Opened> {
    let header: HeaderLine = read(line).ok()?;
    let keys = header.keys.iter().map(|key| key.parse().ok()).collect::<Option<Vec<PublicKey>>>()?;
    Some(Opened { chain: header.chain.parse().ok()?, keys, complete: header.complete })
}

pub(super) struct State {
    chain: Chain,
    complete: bool,
    keys: Vec<PublicKey>,
    trusted_key: bool,
    witnesses: Vec<(String, Checkpoint)>,
    agreed: u64,
    line: u64,
    head: Head,
    tree: Tree,
    records: u64,
    checkpoints: u64,
    last: Option<Checkpoint>,
    covered: Option<(u64, Timestamp)>,
    /// Records that lack their personal values: line, place, and whose they were.
    missing: Vec<(u64, u64, String)>,
    /// Whose were erased, and by which record last.
    erased: BTreeMap<String, u64>,
    /// Everything that was read so far.
    read: Sha256,
    ended: bool,
    findings: Vec<Finding>,
    untold: u64,
}

impl State {
    pub(super) fn new(
        header: Opened,
        keys: Vec<PublicKey>,
        witnesses: Vec<(String, Checkpoint)>,
        trusted_key: bool,
        first: &[u8],
    ) -> State {
        State {
            chain: header.chain,
            complete: header.complete,
            keys,
            trusted_key,
            witnesses,
            agreed: 0,
            line: 1,
            head: Head::EMPTY,
            tree: Tree::default(),
            records: 0,
            checkpoints: 0,
            last: None,
            covered: None,
            missing: Vec::new(),
            erased: BTreeMap::new(),
            read: Sha256::new_with_prefix(first),
            ended: false,
            findings: Vec::new(),
            untold: 0,
        }
    }

    /// Takes the next line.
    pub(super) fn line(&mut self, line: &[u8]) {
        self.line += 1;
        if self.ended {
            self.finding(None, "there is more after the end");
            return;
        }
        let begins = |text: &str| line.starts_with(text.as_bytes());
        if begins("{\"checkpoint\":") {
            match read::<CheckpointLine>(line) {
                Ok(read) => self.checkpoint(&read.checkpoint),
                Err(why) => self.finding(None, format!("the checkpoint cannot be read: {why}")),
            }
        } else if begins("{\"end\":") {
            match read::<EndLine>(line) {
                Ok(read) => self.end(read.end),
                Err(why) => self.finding(None, format!("the end cannot be read: {why}")),
            }
        } else {
            match read::<Line>(line) {
                Ok(read) => self.record(&read),
                Err(why) => {
                    let expected = self.head.seq + 1;
                    self.finding(None, format!("there is no record to be read, where {expected} should be: {why}"));
                }
            }
        }
        self.read.update(line);
    }

    fn record(&mut self, record: &Line) {
        self.records += 1;
        let seq = record.seq;
        if let Some(trouble) = record.trouble() {
            self.finding(Some(seq), trouble);
        }
        if record.chain != self.chain.as_str() {
            self.finding(Some(seq), format!("it is of another log, {}", record.chain));
        }
        if self.complete {
            self.place(record);
        } else if seq <= self.head.seq {
            self.finding(Some(seq), format!("it stands after record {}", self.head.seq));
        }
        if let Some(subject) = record.without_values_of() {
            self.missing.push((self.line, seq, subject.to_owned()));
        }
        if record.action == ERASE {
            self.erased.insert(record.target.id.clone(), seq);
        }
        self.head = Head { seq, hash: record.hash };
        self.tree.push(&record.hash);
        self.witness();
    }

    /// Whether a record is the one that must come next.
    fn place(&mut self, record: &Line) {
        let expected = self.head.seq + 1;
        let seq = record.seq;
        if seq > expected + 1 {
            self.finding(Some(seq), format!("records {expected} to {} before it are missing", seq - 1));
        } else if seq > expected {
            self.finding(Some(seq), format!("record {expected} before it is missing"));
        } else if seq < expected {
            self.finding(Some(seq), format!("it stands where {expected} should be: it was added, moved or repeated"));
        } else if record.prev != self.head.hash {
            self.finding(Some(seq), "it does not follow the record before it: one of the two was replaced");
        }
    }

    /// Holds the tree to the checkpoints from elsewhere that are of just this size.
    fn witness(&mut self) {
        let size = self.tree.size();
        let of_this_size = |(_, witness): &&(String, Checkpoint)| self.complete && witness.size == size;
        for (name, checkpoint) in self.witnesses.iter().filter(of_this_size).cloned().collect::<Vec<_>>() {
            if checkpoint.root == self.tree.root() {
                self.agreed += 1;
                self.cover(&checkpoint);
            } else {
                self.finding(None, format!("records 1 to {size} are not those that the checkpoint {name} was made of"));
            }
        }
    }

    fn cover(&mut self, checkpoint: &Checkpoint) {
        if self.covered.is_none_or(|(size, _)| size <= checkpoint.size) {
            self.covered = Some((checkpoint.size, checkpoint.at));
        }
    }

    fn checkpoint(&mut self, note: &str) {
        self.checkpoints += 1;
        let checkpoint = match Checkpoint::open(note, &self.keys) {
            Ok(checkpoint) => checkpoint,
            Err(why) => return self.finding(None, format!("a checkpoint is not to be trusted: {why}")),
        };
        let previous = self.last.as_ref().map_or(Digest::ZERO, Checkpoint::digest);
        let size = checkpoint.size;
        if checkpoint.chain != self.chain {
            self.finding(None, format!("a checkpoint of another log, {}", checkpoint.chain));
        } else if checkpoint.previous != previous {
            self.finding(None, "a checkpoint does not follow the one before it: one is missing or was replaced");
        } else if size != self.tree.size() {
            let found = self.tree.size();
            self.finding(None, format!("a checkpoint was made of {size} records, and {found} stand before it"));
        } else if checkpoint.root != self.tree.root() {
            self.finding(None, format!("records 1 to {size} are not those that their checkpoint was made of"));
        } else {
            self.cover(&checkpoint);
        }
        self.last = Some(checkpoint);
    }

    fn end(&mut self, end: End) {
        let (records, checkpoints) = (self.records, self.checkpoints);
        if (end.records, end.checkpoints) != (records, checkpoints) {
            let told = format!(
                "the export ended with {} records and {} checkpoints, and has {records} and {checkpoints}",
                end.records, end.checkpoints
            );
            self.finding(None, told);
        } else if end.digest.0 != <[u8; 32]>::from(self.read.clone().finalize()) {
            self.finding(
                None,
                "the export is not as it was written: its bytes do not have the digest that it ends with",
            );
        }
        self.ended = true;
    }

    pub(super) fn finish(mut self) -> Result<Report, Unverifiable> {
        if !self.ended {
            self.finding(None, "the export is cut off: its end is missing");
        }
        for (name, witness) in std::mem::take(&mut self.witnesses) {
            if self.complete && witness.size > self.tree.size() {
                let (size, found) = (witness.size, self.tree.size());
                self.finding(
                    None,
                    format!("records are missing at the end: {name} covers {size}, and {found} are here"),
                );
            }
        }
        for (line, seq, subject) in std::mem::take(&mut self.missing) {
            if self.complete && self.erased.get(&subject).is_none_or(|erasure| *erasure < seq) {
                let what = format!(
                    "its personal values are missing, and no later record says that those of {subject} were erased"
                );
                self.finding_at(line, Some(seq), what);
            } else {
                self.missing.push((line, seq, subject));
            }
        }
        if self.findings.is_empty() && !self.complete {
            return Err(Unverifiable::Filtered);
        }
        if self.findings.is_empty() && self.covered.is_none() {
            return Err(Unverifiable::NothingSigned);
        }
        self.findings.sort_by_key(|finding| finding.line);
        Ok(Report {
            chain: self.chain.to_string(),
            records: self.records,
            erased: u64::try_from(self.missing.len()).unwrap_or(u64::MAX),
            checkpoints: self.checkpoints,
            covered: self.covered,
            witnesses: self.agreed,
            trusted_key: self.trusted_key,
            findings: self.findings,
            untold: self.untold,
        })
    }

    fn finding(&mut self, seq: Option<u64>, what: impl Into<String>) {
        self.finding_at(self.line, seq, what.into());
    }

    fn finding_at(&mut self, line: u64, seq: Option<u64>, what: String) {
        if self.findings.len() < Report::FINDINGS_MAX {
            self.findings.push(Finding { line, seq, what });
        } else {
            self.untold += 1;
        }
    }
}

/// A line as a `T`, if it is written as exports write it, to the byte.
fn read<T: DeserializeOwned>(line: &[u8]) -> Result<T, &'static str> {
    let line = line.strip_suffix(b"\n").ok_or("it has no line break")?;
    let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8")?;
    let value: Value = serde_json::from_str(text).map_err(|_| "it is not JSON")?;
    if canonical(&value) != text {
        return Err("it is not written as it was exported");
    }
    serde_json::from_value(value).map_err(|_| "its fields are not those of an export")
}
