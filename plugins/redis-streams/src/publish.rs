//! How does a batch get into its streams, and not twice?
//!
//! Redis itself does not know an entry that is there already. So beside each stream there is a sorted set of the keys of what was
//! added, by time. Both change in one transaction, which `WATCH` lets happen only if nobody else has changed the set meanwhile:
//! whatever is in the set is in the stream, and the other way round.

use std::borrow::Cow;
use std::time::Duration;

use freehold_sdk::template::{Names, Slot};
use freehold_sdk::{Error, Event, Outcome, log};

use crate::config::Settings;
use crate::encode;
use crate::error;
use crate::resp::{Answer, Command, command};

/// How often a transaction is tried that another one got in the way of.
const TRIES: usize = 3;

/// A connection as seen from here.
pub(crate) trait Server {
    /// Sends commands, all at once, and waits for the answer to each.
    fn ask(&mut self, commands: &[Command<'_>]) -> Result<Vec<Answer>, Error>;
}

/// One stream, and what of a batch is to be added to it.
struct Part<'a> {
    stream: String,
    memory: String,
    /// The places of the events in the batch, and the events.
    events: Vec<(usize, &'a Event)>,
    customer: &'a str,
    max_length: Option<u64>,
}

/// Adds the events to their streams, each stream's in one go.
pub(crate) fn publish(
    server: &mut impl Server,
    settings: &Settings,
    names: Names<'_>,
    events: &[Event],
    now_ms: u64,
) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = vec![Ok(()); events.len()];
    let mut broken: Option<Error> = None;
    for part in parts(settings, names, events) {
        let added = match (&broken, settings.remember) {
            (Some(error), _) => Err(error.clone()),
            (None, Some(remember)) => part.add_once(server, remember, now_ms),
            (None, None) => part.add(server),
        };
        match added {
            Ok(of_part) => part.events.iter().zip(of_part).for_each(|((place, _), outcome)| outcomes[*place] = outcome),
            Err(error) => {
                part.events.iter().for_each(|(place, _)| outcomes[*place] = Err(error.clone()));
                broken = Some(error);
            }
        }
    }
    outcomes
}

/// Asks for everything that a delivery needs, without doing it.
pub(crate) fn try_out(
    server: &mut impl Server,
    settings: &Settings,
    names: Names<'_>,
    now_ms: u64,
) -> Result<(), Error> {
    if settings.stream.contains(&Slot::Type) {
        log::info!("connection and sign-in work; streams differ by the events' types, so none of them was looked at");
        return match server.ask(&[command(&["PING"])])?.pop() {
            Some(Answer::Refused(refusal)) if refusal.starts_with("NOAUTH") => Err(error::of(&refusal, "the stream")),
            _ => Ok(()),
        };
    }
    let event = Event { event_type: "freehold.test".into(), time_ms: now_ms, ..Event::default() };
    let events = [event];
    let Some(part) = parts(settings, names, &events).pop() else { return Ok(()) };
    let answers = match settings.remember {
        None => {
            // No entry can have this id: it is refused, but only after rights and the like were looked at.
            let mut xadd = command(&["XADD", &part.stream, "0-0"]);
            xadd.extend(encode::entry(part.events[0].1, names.customer));
            let answers = server.ask(&[xadd])?;
            answers.into_iter().filter(|answer| !is_about_the_id(answer)).collect()
        }
        Some(remember) => {
            let mut commands = part.questions();
            let mut transaction = part.transaction(&[true], remember, now_ms);
            transaction.pop();
            commands.push(command(&["UNWATCH"]));
            commands.extend(transaction);
            commands.push(command(&["ZREM", &part.memory, "freehold-test"]));
            commands.push(command(&["DISCARD"]));
            server.ask(&commands)?
        }
    };
    part.check(&answers)
}

fn is_about_the_id(answer: &Answer) -> bool {
    matches!(answer, Answer::Refused(refusal) if refusal.contains("must be greater than 0-0"))
}

/// The events by their streams.
fn parts<'a>(settings: &Settings, names: Names<'a>, events: &'a [Event]) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    for (place, event) in events.iter().enumerate() {
        let stream = encode::stream_of(&settings.stream, event, names);
        match parts.iter_mut().find(|part| part.stream == stream) {
            Some(part) => part.events.push((place, event)),
            None => parts.push(Part {
                memory: encode::memory_of(&stream),
                stream,
                events: vec![(place, event)],
                customer: names.customer,
                max_length: settings.max_length,
            }),
        }
    }
    parts
}

fn unanswered() -> Outcome {
    let message = "the answer does not mention the entry: is this really a Redis server?";
    Err(Error::transient("redis-answer-unreadable", message).with_request_sent(true))
}

impl<'a> Part<'a> {
    /// Adds all of it, whether or not it is there already.
    fn add(&self, server: &mut impl Server) -> Result<Vec<Outcome>, Error> {
        let commands: Vec<Command<'_>> = self.events.iter().map(|(_, event)| self.xadd(event)).collect();
        let answers = server.ask(&commands)?;
        Ok(answers.iter().map(|answer| self.judge(answer)).collect())
    }

    /// Adds what is not there already. The outer error means that the connection is of no more use.
    fn add_once(&self, server: &mut impl Server, remember: Duration, now_ms: u64) -> Result<Vec<Outcome>, Error> {
        for _ in 0..TRIES {
            let answers = server.ask(&self.questions())?;
            if let Err(error) = self.check(&answers) {
                return Ok(vec![Err(error); self.events.len()]);
            }
            // The first two answers are about the set and the stream.
            let is_new: Vec<bool> = answers.iter().skip(2).map(|answer| *answer == Answer::Nothing).collect();
            if !is_new.contains(&true) {
                server.ask(&[command(&["UNWATCH"])])?;
                return Ok(vec![Ok(()); self.events.len()]);
            }
            let mut answers = server.ask(&self.transaction(&is_new, remember, now_ms))?;
            let executed = answers.pop();
            if let Err(error) = self.check(&answers) {
                return Ok(vec![Err(error); self.events.len()]);
            }
            match executed {
                Some(Answer::List(done)) => return self.settle(server, &is_new, &done),
                // Somebody else has changed the set meanwhile.
                Some(Answer::Nothing) | None => {}
                Some(other) => return Ok(vec![self.judge(&other); self.events.len()]),
            }
        }
        let message = format!("others write to {} at the same time; it is tried again by itself", self.memory);
        Ok(vec![Err(Error::transient("redis-contended", message)); self.events.len()])
    }

    /// Looks whether each entry of a transaction was added. Redis goes on after a command that fails, so what the set says of
    /// such an entry is taken back.
    fn settle(&self, server: &mut impl Server, is_new: &[bool], done: &[Answer]) -> Result<Vec<Outcome>, Error> {
        let mut added = done.iter();
        let judged = is_new
            .iter()
            .map(|is_new| if *is_new { added.next().map_or_else(unanswered, |it| self.judge(it)) } else { Ok(()) });
        let outcomes: Vec<Outcome> = judged.collect();
        let failed = self.events.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_err());
        let keys: Vec<&str> = failed.map(|((_, event), _)| event.idempotency_key.as_str()).collect();
        if !keys.is_empty() {
            let words: Vec<&str> = ["ZREM", &self.memory].into_iter().chain(keys).collect();
            let answers = server.ask(&[command(&words)])?;
            self.check(&answers)?;
        }
        Ok(outcomes)
    }

    /// What is there already, and whether the stream is one.
    fn questions(&self) -> Vec<Command<'_>> {
        let mut commands = vec![command(&["WATCH", &self.memory]), command(&["TYPE", &self.stream])];
        commands
            .extend(self.events.iter().map(|(_, event)| command(&["ZSCORE", &self.memory, &event.idempotency_key])));
        commands
    }

    /// Adds what is new, and remembers it.
    fn transaction(&self, is_new: &[bool], remember: Duration, now_ms: u64) -> Vec<Command<'_>> {
        let new = || self.events.iter().zip(is_new).filter(|(_, is_new)| **is_new).map(|((_, event), _)| *event);
        let now = || Cow::Owned(now_ms.to_string().into_bytes());
        let mut commands = vec![command(&["MULTI"])];
        commands.extend(new().map(|event| self.xadd(event)));
        let mut zadd = command(&["ZADD", &self.memory]);
        zadd.extend(new().flat_map(|event| [now(), Cow::Borrowed(event.idempotency_key.as_bytes())]));
        commands.push(zadd);
        let forgotten = now_ms.saturating_sub(u64::try_from(remember.as_millis()).unwrap_or(u64::MAX));
        let mut forget = command(&["ZREMRANGEBYSCORE", &self.memory, "-inf"]);
        forget.push(Cow::Owned(format!("({forgotten}").into_bytes()));
        commands.push(forget);
        let mut expire = command(&["EXPIRE", &self.memory]);
        expire.push(Cow::Owned(remember.as_secs().to_string().into_bytes()));
        commands.push(expire);
        commands.push(command(&["EXEC"]));
        commands
    }

    fn xadd(&self, event: &'a Event) -> Command<'_> {
        let mut xadd = command(&["XADD", &self.stream]);
        if let Some(max) = self.max_length {
            xadd.extend(command(&["MAXLEN", "~"]));
            xadd.push(Cow::Owned(max.to_string().into_bytes()));
        }
        xadd.extend(command(&["*"]));
        xadd.extend(encode::entry(event, self.customer));
        xadd
    }

    /// The first refusal among these answers, if there is one; and whether the stream is one.
    fn check(&self, answers: &[Answer]) -> Result<(), Error> {
        answers.iter().try_for_each(|answer| match answer {
            Answer::Word(word) if !["OK", "QUEUED", "stream", "none"].contains(&word.as_str()) => {
                Err(error::no_stream(&self.stream, word))
            }
            answer => self.judge(answer),
        })
    }

    fn judge(&self, answer: &Answer) -> Outcome {
        match answer {
            Answer::Refused(refusal) => Err(error::of(refusal, &self.stream)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
