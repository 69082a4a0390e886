//! How does a batch get into a stream? All messages are sent, and each is there when the stream has confirmed it.

use std::time::Duration;

use freehold_sdk::template::{Names, Slot};
use freehold_sdk::{Error, Event, Outcome, log};

use crate::config::Settings;
use crate::encode::{Around, Message};
use crate::error;
use crate::wire::{self, Confirmation};

/// How often it is tried to find a stream. One whose leader is being elected is not heard of for 4 to 9 seconds
/// (`minElectionTimeoutDefault` and `maxElectionTimeoutDefault` of nats-server), and its destination must not pause for that.
const TRIES: usize = 22;
/// As often in a test, which somebody waits for.
const TRIES_OF_A_TEST: usize = 4;
const BETWEEN_TRIES: Duration = Duration::from_millis(700);
/// What a server says in place of a stream when there is none.
const NO_RESPONDERS: u16 = 503;
/// What a stream says to a message that must come after one that there is not.
const WRONG_LAST_MESSAGE: u32 = 10_070;

/// A connection as seen from here.
pub(crate) trait Server {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Error>;
    fn hear(&mut self) -> Result<Heard, Error>;
    /// A number for the next message, which no other over this connection has.
    fn next_number(&mut self) -> u64;
    /// Where the confirmation of that message is to be sent to.
    fn reply_to(&self, number: u64) -> String;
    /// How many bytes a message may have, if the server told.
    fn payload_max(&self) -> usize;
    fn wait(&self, time: Duration);
}

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It has heard everything that was sent before the last question.
    Everything,
    /// It refuses something.
    Refused(String),
    /// The answer to the message of that number.
    Reply { number: u64, status: Option<u16>, payload: Vec<u8> },
}

/// What became of a message so far.
enum State {
    /// It was not sent, or nobody heard it.
    Unheard,
    /// It waits for its confirmation.
    Sent(u64),
    Done(Outcome),
}

/// Publishes the events and waits for the confirmations.
pub(crate) fn publish(
    server: &mut impl Server,
    settings: &Settings,
    names: Names<'_>,
    events: &[Event],
) -> Vec<Outcome> {
    let around = around(settings, names);
    let messages: Vec<Message<'_>> = events.iter().map(|event| around.message(event)).collect();
    send_all(server, &messages, TRIES)
}

/// Asks for everything that a delivery needs, by a message that no stream keeps.
pub(crate) fn try_out(
    server: &mut impl Server,
    settings: &Settings,
    names: Names<'_>,
    now_ms: u64,
) -> Result<(), Error> {
    if settings.subject.contains(&Slot::Type) {
        log::info!("connection and sign-in work; subjects differ by the events' types, so none of them was tried");
        return Ok(());
    }
    let data = br#"{"test":true,"message":"Freehold checked that it can write here."}"#.to_vec();
    let event = Event { event_type: "freehold.test".into(), time_ms: now_ms, data, ..Event::default() };
    let probe = [around(settings, names).probe(&event)];
    match send_all(server, &probe, TRIES_OF_A_TEST).pop() {
        Some(Err(error)) if error.code() != wrong_last_message() => Err(error),
        _ => Ok(()),
    }
}

fn wrong_last_message() -> String {
    format!("nats-{WRONG_LAST_MESSAGE}")
}

fn around<'a>(settings: &'a Settings, names: Names<'a>) -> Around<'a> {
    Around { subject: &settings.subject, stream: settings.stream.as_deref(), source: &settings.source, names }
}

fn send_all(server: &mut impl Server, messages: &[Message<'_>], tries: usize) -> Vec<Outcome> {
    let max = server.payload_max();
    let mut states: Vec<State> = messages
        .iter()
        .map(|message| match message.headers.len() + message.payload.len() {
            bytes if max > 0 && bytes > max => State::Done(Err(error::too_large(bytes, max))),
            _ => State::Unheard,
        })
        .collect();
    for attempt in 0..tries {
        if !states.iter().any(|state| matches!(state, State::Unheard)) {
            break;
        }
        if attempt > 0 {
            server.wait(BETWEEN_TRIES);
        }
        if let Err(error) = round(server, messages, &mut states) {
            fail_rest(&mut states, &error);
        }
    }
    let outcome = |(state, message): (State, &Message<'_>)| match state {
        State::Done(outcome) => outcome,
        State::Unheard | State::Sent(_) => Err(error::no_stream(&message.subject)),
    };
    states.into_iter().zip(messages).map(outcome).collect()
}

/// Sends what nobody has heard yet, and listens until all of it was answered.
fn round(server: &mut impl Server, messages: &[Message<'_>], states: &mut [State]) -> Result<(), Error> {
    let mut bytes = Vec::new();
    for (state, message) in states.iter_mut().zip(messages).filter(|(state, _)| matches!(state, State::Unheard)) {
        let number = server.next_number();
        wire::put_publish(&mut bytes, message, &server.reply_to(number));
        *state = State::Sent(number);
    }
    // What it answers to this, it answers after all that it has to say about the messages themselves.
    bytes.extend(b"PING\r\n");
    server.send(&bytes)?;
    let mut is_heard = false;
    while !is_heard || states.iter().any(|state| matches!(state, State::Sent(_))) {
        match server.hear()? {
            Heard::Everything => is_heard = true,
            Heard::Refused(said) => match error::denied_subject(&said) {
                Some(subject) => deny(states, messages, subject, &error::of_server(&said)),
                None => return Err(error::of_server(&said)),
            },
            Heard::Reply { number, status, payload } => {
                let place = states.iter().position(|state| matches!(state, State::Sent(sent) if *sent == number));
                if let Some(place) = place {
                    states[place] = judge(status, &payload, &messages[place].subject);
                }
            }
        }
    }
    Ok(())
}

fn judge(status: Option<u16>, payload: &[u8], subject: &str) -> State {
    if status == Some(NO_RESPONDERS) {
        return State::Unheard;
    }
    match serde_json::from_slice::<Confirmation>(payload) {
        Ok(Confirmation { error: Some(error), .. }) => State::Done(Err(error::of_stream(&error, subject))),
        Ok(Confirmation { error: None, stream }) if !stream.is_empty() => State::Done(Ok(())),
        _ => {
            let message = format!("what answers on {subject} is no stream, but something else: correct `subject`");
            State::Done(Err(Error::config("not-a-stream", message).with_request_sent(true)))
        }
    }
}

/// The server drops messages that the user may not publish.
fn deny(states: &mut [State], messages: &[Message<'_>], subject: &str, error: &Error) {
    for (state, _) in states.iter_mut().zip(messages).filter(|(_, message)| message.subject == subject) {
        if matches!(state, State::Sent(_)) {
            *state = State::Done(Err(error.clone()));
        }
    }
}

fn fail_rest(states: &mut [State], error: &Error) {
    for state in states.iter_mut().filter(|state| !matches!(state, State::Done(_))) {
        *state = State::Done(Err(error.clone()));
    }
}

#[cfg(test)]
mod tests;
