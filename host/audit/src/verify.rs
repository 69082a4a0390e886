//! Is this export what was recorded? Checks every line of it, and names each that is not as it was.
//!
//! Until the last checkpoint nothing can be changed, left out, added, moved or cut off unnoticed by who has the public
//! key from elsewhere. What comes after it is only chained: somebody with the whole log could write another end.

mod report;
mod state;

use std::io::{self, BufRead};

use freehold_model::audit::Chain;

pub use report::{Finding, Report};

use crate::checkpoint::Checkpoint;
use crate::note::PublicKey;
use state::State;

/// The longest line that is read: far longer than any record.
const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Why an export cannot be checked at all.
#[derive(Debug, thiserror::Error)]
pub enum Unverifiable {
    /// It cannot be read.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// Not an export.
    #[error(
        "it is not an export that can be verified: it does not begin with a header; export it with the format `jsonl`"
    )]
    NoExport,
    /// A given checkpoint is none.
    #[error("the checkpoint {name} cannot be used: {why}")]
    Checkpoint {
        /// Which.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing in it is signed.
    #[error(
        "no checkpoint covers it, so nothing in it is signed; make one with `freehold audit checkpoint`, and export again"
    )]
    NothingSigned,
    /// Records were left out on purpose.
    #[error(
        "it was exported with a filter, so nobody can tell what is missing; each of its records is as it was recorded; export without a filter"
    )]
    Filtered,
}

/// Checks exports with what whoever doubts them has from elsewhere.
#[derive(Debug, Default)]
pub struct Verifier {
    /// Keys that are trusted. When there are none, those in the export are used.
    pub keys: Vec<PublicKey>,
    /// Checkpoints that were kept elsewhere: a name for each, and the note. Those of other chains are passed over.
    pub checkpoints: Vec<(String, String)>,
}

impl Verifier {
    /// Reads an export to its end and tells what is wrong with it.
    ///
    /// # Errors
    /// When it cannot be judged, which says nothing good about it either.
    pub fn verify(&self, mut export: impl BufRead) -> Result<Report, Unverifiable> {
        let first = next_line(&mut export)?;
        let first = first.ok_or(Unverifiable::NoExport)?;
        let header = state::header(&first).ok_or(Unverifiable::NoExport)?;
        let keys = if self.keys.is_empty() { header.keys.clone() } else { self.keys.clone() };
        let witnesses = self.witnesses(&header.chain, &keys)?;
        let mut state = State::new(header, keys, witnesses, !self.keys.is_empty(), &first);
        while let Some(line) = next_line(&mut export)? {
            state.line(&line);
        }
        state.finish()
    }

    fn witnesses(&self, chain: &Chain, keys: &[PublicKey]) -> Result<Vec<(String, Checkpoint)>, Unverifiable> {
        let refused = |name: &String, why: String| Unverifiable::Checkpoint { name: name.clone(), why };
        let mut witnesses = Vec::new();
        for (name, note) in &self.checkpoints {
            let told = Checkpoint::read_unchecked(note);
            let told = told.ok_or_else(|| refused(name, "it is not a checkpoint of an audit log".to_owned()))?;
            if told.chain == *chain {
                let opened = Checkpoint::open(note, keys).map_err(|error| refused(name, error.to_string()))?;
                witnesses.push((name.clone(), opened));
            }
        }
        if witnesses.is_empty() && !self.checkpoints.is_empty() {
            let names: Vec<&str> = self.checkpoints.iter().map(|(name, _)| name.as_str()).collect();
            let why = format!("it is of another log than {chain}");
            return Err(Unverifiable::Checkpoint { name: names.join(", "), why });
        }
        Ok(witnesses)
    }
}

/// The next line without its line break; what follows the last line break is a line too, if it is not empty.
fn next_line(export: &mut impl BufRead) -> Result<Option<Vec<u8>>, Unverifiable> {
    let mut line = Vec::new();
    let mut bounded = io::Read::take(&mut *export, LINE_BYTES_MAX);
    if bounded.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests;
