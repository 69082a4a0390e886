//! What is asked of a server, and what follows from its answers. The server here only says what it was told to; the real one is
//! spoken to in the project's end-to-end tests.

use std::collections::VecDeque;

use freehold_sdk::ErrorKind;

use super::*;
use crate::config::tests::settings;

const NAMES: Names<'_> = Names { batch_id: "", customer: "cus_1", destination: "dst_1" };

/// Answers as it was told to, and keeps the names of the commands.
struct Scripted {
    answers: VecDeque<Vec<Answer>>,
    asked: Vec<Vec<String>>,
}

impl Scripted {
    fn new(answers: impl IntoIterator<Item = Vec<Answer>>) -> Self {
        Scripted { answers: answers.into_iter().collect(), asked: Vec::new() }
    }

    fn names(&self) -> Vec<String> {
        self.asked
            .iter()
            .map(|commands| commands.iter().map(|it| it.split(' ').next().unwrap()).collect::<Vec<_>>().join(" "))
            .collect()
    }
}

impl Server for Scripted {
    fn ask(&mut self, commands: &[Command<'_>]) -> Result<Vec<Answer>, Error> {
        let text = |command: &Command<'_>| {
            command.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect::<Vec<_>>().join(" ")
        };
        self.asked.push(commands.iter().map(text).collect());
        let broken = || Error::transient("stream-closed", "closed the connection");
        self.answers.pop_front().filter(|answers| answers.len() == commands.len()).ok_or_else(broken)
    }
}

fn events(count: usize) -> Vec<Event> {
    let event = |number| Event {
        id: format!("e{number}"),
        event_type: format!("t{}", number % 2),
        idempotency_key: format!("msg_{number}"),
        ..Event::default()
    };
    (0..count).map(event).collect()
}

fn ok() -> Answer {
    Answer::Word("OK".into())
}

fn queued(count: usize) -> Vec<Answer> {
    vec![Answer::Word("QUEUED".into()); count]
}

fn questions_answered(known: &[bool]) -> Vec<Answer> {
    let mut answers = vec![ok(), Answer::Word("stream".into())];
    answers.extend(known.iter().map(|known| if *known { Answer::Text } else { Answer::Nothing }));
    answers
}

fn executed(new: usize, exec: Answer) -> Vec<Answer> {
    [vec![ok()], queued(new + 3), vec![exec]].concat()
}

#[test]
fn only_what_is_new_is_added_and_remembered() {
    let done = Answer::List(vec![Answer::Text, Answer::Number, Answer::Number, Answer::Number]);
    let mut server = Scripted::new([questions_answered(&[true, false]), executed(1, done)]);

    let outcomes = publish(&mut server, &settings(r#","max_length":1000"#), NAMES, &events(2), 100_000_000);

    assert_eq!(outcomes, [Ok(()), Ok(())]);
    assert_eq!(server.asked[0][2], "ZSCORE {events}:freehold msg_0");
    assert!(server.asked[1][1].starts_with("XADD events MAXLEN ~ 1000 * id e1 type t1 "), "{:?}", server.asked[1]);
    assert_eq!(
        server.asked[1][2..],
        [
            "ZADD {events}:freehold 100000000 msg_1",
            "ZREMRANGEBYSCORE {events}:freehold -inf (13600000",
            "EXPIRE {events}:freehold 86400",
            "EXEC",
        ]
    );
}

#[test]
fn nothing_is_written_when_all_of_it_is_there() {
    let mut server = Scripted::new([questions_answered(&[true, true]), vec![ok()]]);

    let outcomes = publish(&mut server, &settings(""), NAMES, &events(2), 0);

    assert_eq!(outcomes, [Ok(()), Ok(())]);
    assert_eq!(server.names(), ["WATCH TYPE ZSCORE ZSCORE", "UNWATCH"]);
}

#[test]
fn a_transaction_that_another_got_in_the_way_of_is_tried_again() {
    let done = Answer::List(vec![Answer::Text; 4]);
    let mut server = Scripted::new([
        questions_answered(&[false]),
        executed(1, Answer::Nothing),
        questions_answered(&[false]),
        executed(1, done),
    ]);
    assert_eq!(publish(&mut server, &settings(""), NAMES, &events(1), 0), [Ok(())]);

    let always = (0..TRIES).flat_map(|_| [questions_answered(&[false]), executed(1, Answer::Nothing)]);
    let outcomes = publish(&mut Scripted::new(always), &settings(""), NAMES, &events(1), 0);
    assert_eq!(outcomes[0].as_ref().unwrap_err().code(), "redis-contended");
}

#[test]
fn an_entry_that_failed_inside_a_transaction_is_not_remembered() {
    let failed = Answer::Refused("WRONGTYPE Operation against a key".into());
    let done = Answer::List(vec![Answer::Text, failed, Answer::Number, Answer::Number, Answer::Number]);
    let mut server = Scripted::new([questions_answered(&[false, false]), executed(2, done), vec![Answer::Number]]);

    let outcomes = publish(&mut server, &settings(""), NAMES, &events(2), 0);

    assert!(outcomes[0].is_ok());
    assert_eq!(outcomes[1].as_ref().unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(server.asked[2], ["ZREM {events}:freehold msg_1"]);
}

#[test]
fn what_is_refused_before_a_transaction_is_why_it_failed() {
    let mut answers = executed(1, Answer::Refused("EXECABORT Transaction discarded".into()));
    answers[1] = Answer::Refused("OOM command not allowed".into());
    let mut server = Scripted::new([questions_answered(&[false]), answers]);

    let outcomes = publish(&mut server, &settings(""), NAMES, &events(1), 0);

    assert_eq!(outcomes[0].as_ref().unwrap_err().code(), "redis-oom");
}

#[test]
fn each_stream_is_written_by_itself_until_the_connection_breaks() {
    let by_type = settings(r#","stream":"events:{type}","remember_s":0"#);
    let mut server = Scripted::new([vec![Answer::Text, Answer::Text]]);

    let outcomes = publish(&mut server, &by_type, NAMES, &events(4), 0);

    assert_eq!(server.names(), ["XADD XADD", "XADD XADD"]);
    let codes: Vec<&str> = outcomes.iter().map(|it| it.as_ref().map_or_else(Error::code, |()| "ok")).collect();
    assert_eq!(codes, ["ok", "stream-closed", "ok", "stream-closed"]);
}

#[test]
fn a_key_that_is_no_stream_is_told_by_its_kind() {
    let answers = vec![ok(), Answer::Word("hash".into()), Answer::Nothing];

    let outcomes = publish(&mut Scripted::new([answers]), &settings(""), NAMES, &events(1), 0);

    let error = outcomes[0].as_ref().unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Config, "not-a-stream"));
    assert!(error.message().contains("a hash"), "{error}");
}
