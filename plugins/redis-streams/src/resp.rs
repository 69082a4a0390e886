//! Redis' protocol (RESP, version 2) as bytes. Pure.
//!
//! <https://redis.io/docs/latest/develop/reference/protocol-spec/>

use std::borrow::Cow;

use freehold_sdk::Error;
use freehold_sdk::stream::Buffered;

/// Longer lines and texts are not of this protocol: nothing long is ever asked for.
const LINE_BYTES_MAX: usize = 16 * 1024;
const TEXT_BYTES_MAX: i64 = 1024 * 1024;
const ITEMS_MAX: i64 = 100_000;
/// `EXEC` answers with a list of answers; nothing goes deeper.
const DEPTH_MAX: usize = 3;

/// A command: its name and its arguments.
pub(crate) type Command<'a> = Vec<Cow<'a, [u8]>>;

/// A command of these words.
pub(crate) fn command<'a>(words: &[&'a str]) -> Command<'a> {
    words.iter().map(|word| Cow::Borrowed(word.as_bytes())).collect()
}

/// The bytes of commands.
pub(crate) fn bytes_of(commands: &[Command<'_>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(commands.iter().flatten().map(|argument| argument.len() + 12).sum());
    for command in commands {
        put_count(&mut bytes, b'*', command.len());
        put_arguments(&mut bytes, command);
    }
    bytes
}

/// A command whose last argument is a secret of that length: what goes before it. A line's end goes after it.
pub(crate) fn before_secret(command: &Command<'_>, secret_bytes: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_count(&mut bytes, b'*', command.len() + 1);
    put_arguments(&mut bytes, command);
    put_count(&mut bytes, b'$', secret_bytes);
    bytes
}

fn put_arguments(into: &mut Vec<u8>, command: &Command<'_>) {
    for argument in command {
        put_count(into, b'$', argument.len());
        into.extend(argument.iter());
        into.extend(b"\r\n");
    }
}

fn put_count(into: &mut Vec<u8>, kind: u8, count: usize) {
    into.push(kind);
    into.extend(count.to_string().bytes());
    into.extend(b"\r\n");
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A short word, such as `OK`.
    Word(String),
    /// A refusal, whose first word says of what kind.
    Refused(String),
    Number,
    Text,
    /// Nothing: what was asked for is not there, or did not happen.
    Nothing,
    List(Vec<Answer>),
}

/// What answers are read from.
pub(crate) trait Input {
    fn line(&mut self, max: usize) -> Result<Vec<u8>, Error>;
    fn exact(&mut self, length: usize) -> Result<Vec<u8>, Error>;
}

impl Input for Buffered {
    fn line(&mut self, max: usize) -> Result<Vec<u8>, Error> {
        Buffered::line(self, max)
    }

    fn exact(&mut self, length: usize) -> Result<Vec<u8>, Error> {
        Buffered::exact(self, length)
    }
}

/// Reads an answer.
pub(crate) fn read(from: &mut impl Input) -> Result<Answer, Error> {
    read_at(from, 0)
}

fn read_at(from: &mut impl Input, depth: usize) -> Result<Answer, Error> {
    let line = from.line(LINE_BYTES_MAX)?;
    let (kind, rest) = line.split_first().ok_or_else(unreadable)?;
    let text = String::from_utf8_lossy(rest).into_owned();
    let count = |max: i64| text.parse::<i64>().ok().filter(|count| *count <= max).ok_or_else(unreadable);
    match kind {
        b'+' => Ok(Answer::Word(text)),
        b'-' => Ok(Answer::Refused(text)),
        b':' => count(i64::MAX).map(|_| Answer::Number),
        b'$' => match usize::try_from(count(TEXT_BYTES_MAX)?) {
            Ok(length) => {
                from.exact(length + 2)?;
                Ok(Answer::Text)
            }
            Err(_) => Ok(Answer::Nothing),
        },
        b'*' if depth < DEPTH_MAX => match usize::try_from(count(ITEMS_MAX)?) {
            Ok(items) => (0..items).map(|_| read_at(from, depth + 1)).collect::<Result<_, _>>().map(Answer::List),
            Err(_) => Ok(Answer::Nothing),
        },
        _ => Err(unreadable()),
    }
}

fn unreadable() -> Error {
    let message = "what came back cannot be read: is this really a Redis server, and its port? Some ports have TLS, others have none";
    Error::transient("redis-answer-unreadable", message).with_request_sent(true)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    impl Input for &[u8] {
        fn line(&mut self, _max: usize) -> Result<Vec<u8>, Error> {
            let end = self.windows(2).position(|two| two == b"\r\n").ok_or_else(unreadable)?;
            let line = self[..end].to_vec();
            *self = &self[end + 2..];
            Ok(line)
        }

        fn exact(&mut self, length: usize) -> Result<Vec<u8>, Error> {
            let (piece, rest) = self.split_at_checked(length).ok_or_else(unreadable)?;
            *self = rest;
            Ok(piece.to_vec())
        }
    }

    #[test]
    fn commands_are_lists_of_texts_with_their_lengths() {
        let commands = [command(&["XADD", "a\r\n", ""]), command(&["PING"])];

        assert_eq!(bytes_of(&commands), b"*3\r\n$4\r\nXADD\r\n$3\r\na\r\n\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\n");
        let auth = before_secret(&command(&["AUTH", "me"]), 6);
        assert_eq!(auth, b"*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$6\r\n");
    }

    #[test]
    fn answers_are_read() {
        let list = Answer::List(vec![Answer::Text, Answer::Nothing, Answer::Refused("ERR no".into())]);
        for (bytes, expected) in [
            (&b"+OK\r\n"[..], Answer::Word("OK".into())),
            (b"-WRONGPASS no\r\n", Answer::Refused("WRONGPASS no".into())),
            (b":12\r\n", Answer::Number),
            (b"$3\r\na\r\n\r\n", Answer::Text),
            (b"$-1\r\n", Answer::Nothing),
            (b"*-1\r\n", Answer::Nothing),
            (b"*3\r\n$1\r\nx\r\n$-1\r\n-ERR no\r\n", list),
        ] {
            let mut rest = bytes;

            assert_eq!(read(&mut rest).unwrap(), expected);
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn what_is_not_of_this_protocol_is_not_taken() {
        for bytes in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"\r\n",
            b"$99999999999\r\n",
            b"*100001\r\n",
            b"$x\r\n",
            b"*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        ] {
            let mut rest = bytes;

            assert_eq!(read(&mut rest).unwrap_err().code(), "redis-answer-unreadable", "{bytes:?}");
        }
    }
}
