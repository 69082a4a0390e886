//! What follows from what a server says. The server here only says what it was told to; the real one is spoken to in the
//! project's end-to-end tests.

use std::collections::VecDeque;

use freehold_sdk::ErrorKind;

use super::*;
use crate::config::tests::settings;

const NAMES: Names<'_> = Names { batch_id: "", customer: "cus_1", destination: "dst_1" };

/// Says what it was told to, round by round, and keeps what it was sent.
#[derive(Default)]
struct Scripted {
    rounds: VecDeque<Vec<Heard>>,
    saying: VecDeque<Heard>,
    sent: Vec<String>,
    numbers: u64,
    payload_max: usize,
}

impl Server for Scripted {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.sent.push(String::from_utf8_lossy(bytes).into_owned());
        self.saying = self.rounds.pop_front().unwrap_or_default().into();
        Ok(())
    }

    fn hear(&mut self) -> Result<Heard, Error> {
        self.saying.pop_front().ok_or_else(|| Error::transient("timeout", "sent nothing").with_request_sent(true))
    }

    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn reply_to(&self, number: u64) -> String {
        format!("in.{number}")
    }

    fn payload_max(&self) -> usize {
        self.payload_max
    }

    fn wait(&self, _time: Duration) {}
}

fn says(number: u64, payload: &str) -> Heard {
    Heard::Reply { number, status: None, payload: payload.as_bytes().to_vec() }
}

fn confirmed(number: u64) -> Heard {
    says(number, r#"{"stream":"EVENTS","seq":1}"#)
}

fn nobody(number: u64) -> Heard {
    Heard::Reply { number, status: Some(503), payload: Vec::new() }
}

fn outcomes(rounds: Vec<Vec<Heard>>, count: usize) -> (Vec<Outcome>, Scripted) {
    let mut server = Scripted { rounds: rounds.into(), payload_max: 4_000, ..Scripted::default() };
    let event = |number| Event {
        id: format!("e{number}"),
        event_type: format!("t{number}"),
        data: b"{}".to_vec(),
        idempotency_key: format!("msg_{number}"),
        ..Event::default()
    };
    let events: Vec<Event> = (0..count).map(event).collect();
    let outcomes = publish(&mut server, &settings(""), NAMES, &events);
    (outcomes, server)
}

fn codes(outcomes: &[Outcome]) -> Vec<&str> {
    outcomes.iter().map(|outcome| outcome.as_ref().map_or_else(Error::code, |()| "ok")).collect()
}

#[test]
fn a_message_is_there_when_its_stream_says_so_in_whatever_order() {
    let duplicate = says(1, r#"{"stream":"EVENTS","seq":1,"duplicate":true}"#);

    let (outcomes, server) = outcomes(vec![vec![confirmed(2), Heard::Everything, duplicate]], 2);

    assert_eq!(codes(&outcomes), ["ok", "ok"]);
    assert!(server.sent[0].starts_with("HPUB events.t0 in.1 "), "{}", server.sent[0]);
    assert!(server.sent[0].ends_with("\r\nPING\r\n"));
}

#[test]
fn what_a_stream_does_not_take_fails_alone() {
    let refused = says(1, r#"{"error":{"code":400,"err_code":10054,"description":"too large"},"stream":"E","seq":0}"#);

    let (outcomes, _) = outcomes(vec![vec![refused, confirmed(2), says(3, "hello"), Heard::Everything]], 3);

    assert_eq!(codes(&outcomes), ["message-too-large", "ok", "not-a-stream"]);
}

#[test]
fn a_stream_that_is_not_heard_is_looked_for_again() {
    let rounds = vec![vec![nobody(1), confirmed(2), Heard::Everything], vec![Heard::Everything, confirmed(3)]];
    let (found, server) = outcomes(rounds, 2);
    assert_eq!(codes(&found), ["ok", "ok"]);
    assert_eq!(server.sent.len(), 2);
    assert!(!server.sent[1].contains("events.t1"));

    let never = (1..=22).map(|number| vec![nobody(number), Heard::Everything]).collect();
    let (missing, _) = outcomes(never, 1);
    let error = missing[0].as_ref().unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Config, "stream-missing"));
    assert!(error.message().contains("nats stream add"), "{error}");
}

#[test]
fn subjects_that_may_not_be_published_to_are_told_by_name() {
    let denied = Heard::Refused("Permissions Violation for Publish to \"events.t1\"".into());

    let (outcomes, _) = outcomes(vec![vec![confirmed(1), denied, Heard::Everything]], 2);

    assert_eq!(codes(&outcomes), ["ok", "permission-denied"]);
}

#[test]
fn what_was_not_confirmed_may_have_arrived() {
    let (outcomes, _) = outcomes(vec![vec![Heard::Everything, confirmed(1)]], 2);

    assert_eq!(codes(&outcomes), ["ok", "timeout"]);
    assert!(outcomes[1].as_ref().unwrap_err().request_sent());
}

#[test]
fn what_the_server_would_not_take_is_not_sent() {
    let mut server = Scripted { payload_max: 10, ..Scripted::default() };
    let event = Event { data: vec![b'1'; 11], ..Event::default() };

    let outcomes = publish(&mut server, &settings(""), NAMES, &[event]);

    assert_eq!(outcomes[0].as_ref().unwrap_err().kind(), ErrorKind::Rejected);
    assert!(server.sent.is_empty());
}

#[test]
fn a_test_leaves_nothing_behind() {
    let refused =
        says(1, r#"{"error":{"code":400,"err_code":10070,"description":"wrong last msg ID: "},"stream":"E","seq":0}"#);
    let mut server = Scripted { rounds: vec![vec![Heard::Everything, refused]].into(), ..Scripted::default() };

    let tried = try_out(&mut server, &settings(r#","subject":"events""#), NAMES, 0);

    assert_eq!(tried, Ok(()));
    assert!(server.sent[0].contains("Nats-Expected-Last-Msg-Id: freehold-test-dst_1\r\n"), "{}", server.sent[0]);
}
