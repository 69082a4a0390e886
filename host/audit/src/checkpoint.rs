//! What does a checkpoint say? How long a chain was at a moment, and the root of the tree over all its hashes.
//!
//! The text is that of <https://c2sp.org/tlog-checkpoint>: origin, size, root, and two lines of our own.
//!
//! ```text
//! freehold/audit/CHAIN
//! SIZE
//! BASE64 OF THE ROOT
//! at 2026-11-24T10:00:00.000Z
//! previous HASH
//! ```
//!
//! `previous` is SHA-256 over the text of the checkpoint before it, zeros for the first.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use freehold_model::Timestamp;
use freehold_model::audit::{Chain, Digest};
use sha2::{Digest as _, Sha256};

use crate::note::{self, NoteError, PublicKey};

const ORIGIN: &str = "freehold/audit/";

/// What a chain was at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The chain.
    pub chain: Chain,
    /// How many records it had.
    pub size: u64,
    /// The root of the tree over their hashes.
    pub root: Digest,
    /// When.
    pub at: Timestamp,
    /// [`Self::digest`] of the checkpoint before; zeros for the first.
    pub previous: Digest,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let Checkpoint { chain, size, root, at, previous } = self;
        let root = STANDARD.encode(root.0);
        format!("{ORIGIN}{chain}\n{size}\n{root}\nat {at}\nprevious {previous}\n")
    }

    /// By which the next checkpoint names this one.
    pub fn digest(&self) -> Digest {
        Digest(Sha256::digest(self.text()).into())
    }

    /// What `note` says, if one of `keys` signed it.
    ///
    /// # Errors
    /// When it is no checkpoint or no signature of these keys holds.
    pub fn open(note: &str, keys: &[PublicKey]) -> Result<Checkpoint, NoteError> {
        Checkpoint::parse(note::open(note, keys)?).ok_or(NoteError::Malformed)
    }

    /// What `note` says, whoever signed it.
    pub fn read_unchecked(note: &str) -> Option<Checkpoint> {
        Checkpoint::parse(note::text(note)?)
    }

    fn parse(text: &str) -> Option<Checkpoint> {
        let mut lines = text.lines();
        let chain = lines.next()?.strip_prefix(ORIGIN)?.parse().ok()?;
        let size = lines.next()?.parse().ok()?;
        let root = Digest(STANDARD.decode(lines.next()?).ok()?.try_into().ok()?);
        let at = Timestamp::parse(lines.next()?.strip_prefix("at ")?).ok()?;
        let previous = lines.next()?.strip_prefix("previous ")?.parse().ok()?;
        let checkpoint = Checkpoint { chain, size, root, at, previous };
        // There is one way to write each: a note that says the same otherwise is not ours.
        (checkpoint.text() == text).then_some(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_and_no_other_text_does() {
        let checkpoint = Checkpoint {
            chain: Chain::Deployment,
            size: 12,
            root: Digest([7; 32]),
            at: Timestamp::from_millis(1_795_000_000_000),
            previous: Digest::ZERO,
        };
        let text = checkpoint.text();

        assert_eq!(Checkpoint::parse(&text), Some(checkpoint));
        for other in [text.replace("\n12\n", "\n012\n"), text.replace("at ", "At "), format!("{text}more\n")] {
            assert_eq!(Checkpoint::parse(&other), None, "{other}");
        }
    }
}
