//! What became of each event of a batch, while it is being found out.

use freehold_sdk::{Error, Outcome};

/// One place for each event.
#[derive(Debug)]
pub(crate) struct Outcomes(Vec<Option<Outcome>>);

impl Outcomes {
    pub(crate) fn new(events: usize) -> Self {
        Outcomes((0..events).map(|_| None).collect())
    }

    pub(crate) fn deliver(&mut self, event: usize) {
        self.set(event, Ok(()));
    }

    pub(crate) fn fail(&mut self, event: usize, error: Error) {
        self.set(event, Err(error));
    }

    fn set(&mut self, event: usize, outcome: Outcome) {
        if let Some(place) = self.0.get_mut(event) {
            *place = Some(outcome);
        }
    }

    /// In the order of the events. One that nothing was found out about is tried again.
    pub(crate) fn into_vec(self) -> Vec<Outcome> {
        let unknown = || Err(Error::transient("not-sent", "the event was not sent in this attempt; it is tried again"));
        self.0.into_iter().map(|outcome| outcome.unwrap_or_else(unknown)).collect()
    }
}
