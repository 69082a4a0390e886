//! Which events of a batch are those that the destination will never take? Found by halving what it refuses as a whole. Pure.

use std::ops::Range;

use crate::{ErrorKind, Outcome};

/// Sends `count` events, by their places, as one piece. A piece that is [rejected](ErrorKind::Rejected) is sent again in two
/// halves, and so on, until only those events are refused that cannot be accepted alone. After any other error nothing more
/// is sent: it stands for everything that is left.
///
/// For destinations that take all of a request or nothing. `send` is asked for the same pieces in the same order each time, so
/// that a piece can be named after its place in the batch.
///
/// ```
/// use freehold_sdk::{Error, isolate};
///
/// let bad = 2;
/// let outcomes = isolate::by_halves(4, |piece| {
///     if piece.contains(&bad) { Err(Error::rejected("bad-row", "a row does not fit")) } else { Ok(()) }
/// });
/// assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false, true]);
/// ```
pub fn by_halves(count: usize, mut send: impl FnMut(Range<usize>) -> Outcome) -> Vec<Outcome> {
    let mut outcomes = vec![Ok(()); count];
    // The last one is next.
    let mut waiting: Vec<Range<usize>> = std::iter::once(0..count).collect();
    while let Some(piece) = waiting.pop() {
        let Err(error) = send(piece.clone()) else { continue };
        if error.kind() != ErrorKind::Rejected {
            for left in waiting.drain(..).chain([piece]) {
                outcomes[left].fill(Err(error.clone()));
            }
        } else if piece.len() < 2 {
            outcomes[piece].fill(Err(error));
        } else {
            let middle = piece.start + piece.len() / 2;
            waiting.extend([middle..piece.end, piece.start..middle]);
        }
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    fn codes(outcomes: &[Outcome]) -> Vec<&str> {
        outcomes.iter().map(|outcome| outcome.as_ref().map_or_else(Error::code, |()| "ok")).collect()
    }

    #[test]
    fn a_piece_that_is_accepted_is_sent_once() {
        let mut sent = Vec::new();

        let outcomes = by_halves(3, |piece| {
            sent.push(piece);
            Ok(())
        });

        assert_eq!((sent.len(), &sent[0]), (1, &(0..3)));
        assert_eq!(codes(&outcomes), ["ok", "ok", "ok"]);
    }

    #[test]
    fn only_those_are_refused_that_cannot_be_accepted_alone() {
        let bad = [1, 6];
        let mut accepted = Vec::new();

        let outcomes = by_halves(8, |piece| {
            if bad.iter().any(|bad| piece.contains(bad)) {
                return Err(Error::rejected("bad", "a row does not fit"));
            }
            accepted.extend(piece);
            Ok(())
        });

        assert_eq!(codes(&outcomes), ["ok", "bad", "ok", "ok", "ok", "ok", "bad", "ok"]);
        assert_eq!(accepted, [0, 2, 3, 4, 5, 7], "in their order, each once");
    }

    #[test]
    fn another_error_stands_for_all_that_is_left() {
        let mut sent = 0;

        let outcomes = by_halves(4, |piece| {
            sent += 1;
            match (sent, piece.start) {
                (1, _) => Err(Error::rejected("bad", "a row does not fit")),
                (2, 0) => Ok(()),
                _ => Err(Error::transient("away", "it is away")),
            }
        });

        assert_eq!(codes(&outcomes), ["ok", "ok", "away", "away"]);
        assert_eq!(sent, 3);
    }

    #[test]
    fn nothing_is_sent_for_no_events() {
        assert!(by_halves(0, |_| Err(Error::rejected("bad", "x"))).is_empty());
    }
}
