//! Which events of a batch are those that the destination will never take? Found by halving what it refuses as a whole. Pure.

use std::ops::Range;

use crate::{Error, ErrorKind, Outcome};

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
    each_by_halves(count, |piece| {
        let members = piece.len();
        send(piece).map(|()| vec![Ok(()); members])
    })
}

/// As [`by_halves`], for destinations that answer for each member of a request that they take: `send` returns an outcome for
/// each member of the piece, or the error of a request that was refused as a whole.
pub fn each_by_halves(count: usize, mut send: impl FnMut(Range<usize>) -> Result<Vec<Outcome>, Error>) -> Vec<Outcome> {
    let mut outcomes = vec![Ok(()); count];
    // The last one is next.
    let mut waiting: Vec<Range<usize>> = std::iter::once(0..count).collect();
    while let Some(piece) = waiting.pop() {
        match send(piece.clone()) {
            Ok(found) => {
                let found = found.into_iter().chain(std::iter::repeat_with(unanswered));
                piece.zip(found).for_each(|(member, outcome)| outcomes[member] = outcome);
            }
            Err(error) if error.kind() != ErrorKind::Rejected => {
                for left in waiting.drain(..).chain([piece]) {
                    outcomes[left].fill(Err(error.clone()));
                }
            }
            Err(error) if piece.len() < 2 => outcomes[piece].fill(Err(error)),
            Err(_) => {
                let middle = piece.start + piece.len() / 2;
                waiting.extend([middle..piece.end, piece.start..middle]);
            }
        }
    }
    outcomes
}

fn unanswered() -> Outcome {
    Err(Error::other("not-answered", "the answer does not mention the event; it is tried again")
        .with_request_sent(true))
}

/// What names a piece of a batch of `count` members: the batch's own id where it is all of it, else with the place of the piece,
/// so that no two are taken for the same. The same piece has the same name each time.
///
/// ```
/// use freehold_sdk::isolate;
///
/// assert_eq!(isolate::name("bat_1", 8, &(0..8)), "bat_1");
/// assert_eq!(isolate::name("bat_1", 8, &(4..6)), "bat_1-4-6");
/// ```
pub fn name(batch_id: &str, count: usize, piece: &Range<usize>) -> String {
    if piece.len() == count { batch_id.to_owned() } else { format!("{batch_id}-{}-{}", piece.start, piece.end) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn members_of_a_piece_that_is_taken_have_outcomes_of_their_own() {
        let throttled = || Err(Error::new(ErrorKind::Throttled, "throttled", "later"));

        let outcomes = each_by_halves(4, |piece| match piece.contains(&3) {
            true => Err(Error::rejected("bad", "does not fit")),
            false if piece.len() == 2 => Ok(vec![Ok(()), throttled()]),
            false => Ok(vec![]),
        });

        assert_eq!(codes(&outcomes), ["ok", "throttled", "not-answered", "bad"]);
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
