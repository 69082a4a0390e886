//! Positions in lists: opaque to callers, the sort key of the last row to us.

use crate::StoreError;

/// The sort key of a row: lists are ordered by it, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// The moment that the list is sorted by.
    pub(crate) at: i64,
    /// What tells rows of the same moment apart.
    pub(crate) seq: i64,
}

impl Position {
    pub(crate) fn encode(self) -> String {
        format!("{:x}-{:x}", self.at, self.seq)
    }

    /// Reads what [`Self::encode`] writes, and nothing else.
    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        let read = |text| i64::from_str_radix(text, 16).ok().filter(|number| *number >= 0);
        let position = text.split_once('-').and_then(|(at, seq)| Some(Position { at: read(at)?, seq: read(seq)? }));
        position.filter(|position| position.encode() == text).ok_or(StoreError::BadCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_back_and_anything_else_is_refused() {
        let position = Position { at: 1_795_471_200_123, seq: 42 };

        assert_eq!(Position::parse(&position.encode()), Ok(position));
        for text in ["", "-", "1", "1-", "-1-2", "+1-2", "01-2", "1-2-3", "g-1", "ffffffffffffffff-1", "1-2 "] {
            assert_eq!(Position::parse(text), Err(StoreError::BadCursor), "{text:?}");
        }
    }
}
