//! The messages of Postgres' protocol, version 3.0, as bytes. Pure.
//!
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>

use std::borrow::Cow;

use freehold_sdk::Error;

const VERSION: i32 = 196_608;
const SSL_REQUEST: i32 = 80_877_103;
/// Messages of a server that are longer are not of this protocol: rows are never asked for.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Asks whether the server goes over to TLS.
pub(crate) fn ssl_request() -> Vec<u8> {
    [8_i32.to_be_bytes(), SSL_REQUEST.to_be_bytes()].concat()
}

/// The first message: who, and where to.
pub(crate) fn startup(user: &str, database: &str) -> Vec<u8> {
    let mut body = VERSION.to_be_bytes().to_vec();
    for (name, value) in
        [("user", user), ("database", database), ("application_name", "freehold"), ("client_encoding", "UTF8")]
    {
        put_text(&mut body, name);
        put_text(&mut body, value);
    }
    body.push(0);
    [&length_of(body.len()), body.as_slice()].concat()
}

/// The head of a password message, whose text is a secret of that length; a zero byte ends it.
pub(crate) fn before_password(secret_bytes: usize) -> Vec<u8> {
    [&b"p"[..], &length_of(secret_bytes + 1)].concat()
}

/// Begins a sign-in by SASL.
pub(crate) fn sasl_first(mechanism: &str, message: &str) -> Vec<u8> {
    let mut body = Vec::new();
    put_text(&mut body, mechanism);
    put_value(&mut body, message.as_bytes());
    framed(b'p', &body)
}

/// Goes on with a sign-in by SASL.
pub(crate) fn sasl_next(message: &str) -> Vec<u8> {
    framed(b'p', message.as_bytes())
}

/// Statements without parameters.
pub(crate) fn query(sql: &str) -> Vec<u8> {
    let mut body = Vec::new();
    put_text(&mut body, sql);
    framed(b'Q', &body)
}

/// Prepares `sql` and runs it for each row; all of them together are one transaction, if none has begun already.
pub(crate) fn run_for_each(sql: &str, rows: &[Vec<Cow<'_, [u8]>>]) -> Vec<u8> {
    let bytes: usize = rows.iter().flatten().map(|value| value.len() + 4).sum();
    let mut message = Vec::with_capacity(bytes + sql.len() + rows.len() * 32 + 64);
    let mut body = Vec::new();
    put_text(&mut body, "");
    put_text(&mut body, sql);
    // No types: the server takes those of the columns.
    body.extend(0_i16.to_be_bytes());
    message.extend(framed(b'P', &body));
    for row in rows {
        body.clear();
        put_text(&mut body, "");
        put_text(&mut body, "");
        // All parameters are text, and so would be results.
        body.extend(0_i16.to_be_bytes());
        body.extend(i16::try_from(row.len()).unwrap_or(i16::MAX).to_be_bytes());
        for value in row {
            put_value(&mut body, value);
        }
        body.extend(0_i16.to_be_bytes());
        put_framed(&mut message, b'B', &body);
        put_framed(&mut message, b'E', &[0, 0, 0, 0, 0]);
    }
    put_framed(&mut message, b'S', &[]);
    message
}

/// What the server says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// How it wants us to sign in, or that it is content.
    Authentication(Authentication),
    /// It has refused something.
    Refused(Refused),
    /// It has done a statement.
    Done(String),
    /// It has prepared a statement.
    Prepared,
    /// It waits for what comes next.
    Ready,
    /// Something else, which does not matter here.
    Other,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Authentication {
    Enough,
    Password,
    /// With the mechanisms that it has.
    Sasl(Vec<String>),
    SaslNext(Vec<u8>),
    SaslLast(Vec<u8>),
    /// A way that is not spoken here, by its name.
    Another(&'static str),
}

/// What the server refused, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Its `SQLSTATE`.
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) column: Option<String>,
    pub(crate) constraint: Option<String>,
}

/// How long the body of a message is, by its head: a byte for its kind, and its length.
pub(crate) fn body_length(head: &[u8]) -> Result<usize, Error> {
    let length = head.get(1..5).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()).map(i32::from_be_bytes);
    let body = length.and_then(|length| usize::try_from(length).ok()).and_then(|length| length.checked_sub(4));
    body.filter(|length| *length <= BODY_BYTES_MAX).ok_or_else(unreadable)
}

/// Reads a message of that kind.
pub(crate) fn read(kind: u8, body: &[u8]) -> Result<Said, Error> {
    Ok(match kind {
        b'R' => Said::Authentication(authentication(body).ok_or_else(unreadable)?),
        b'E' => Said::Refused(refused(body)),
        b'C' => Said::Done(texts(body).next().unwrap_or_default()),
        b'1' => Said::Prepared,
        b'Z' => Said::Ready,
        b'2' | b'A' | b'D' | b'I' | b'K' | b'N' | b'S' | b'T' | b'n' | b's' | b't' | b'v' => Said::Other,
        _ => return Err(unreadable()),
    })
}

fn authentication(body: &[u8]) -> Option<Authentication> {
    let (kind, rest) = body.split_first_chunk::<4>()?;
    Some(match i32::from_be_bytes(*kind) {
        0 => Authentication::Enough,
        3 => Authentication::Password,
        5 => Authentication::Another("MD5"),
        7 => Authentication::Another("GSSAPI"),
        9 => Authentication::Another("SSPI"),
        10 => Authentication::Sasl(texts(rest).filter(|name| !name.is_empty()).collect()),
        11 => Authentication::SaslNext(rest.to_vec()),
        12 => Authentication::SaslLast(rest.to_vec()),
        _ => Authentication::Another("one that is not known here"),
    })
}

fn refused(body: &[u8]) -> Refused {
    let mut refused = Refused::default();
    for field in texts(body) {
        let mut characters = field.chars();
        let kind = characters.next();
        let text = characters.as_str().to_owned();
        match kind {
            Some('C') => refused.code = text,
            Some('M') => refused.message = text,
            Some('c') => refused.column = Some(text),
            Some('n') => refused.constraint = Some(text),
            _ => {}
        }
    }
    refused
}

/// The texts in `body`, each of which a zero byte ends.
fn texts(body: &[u8]) -> impl Iterator<Item = String> {
    body.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned())
}

fn unreadable() -> Error {
    let message = "what came back cannot be read: is this really a Postgres server, and its port?";
    Error::transient("postgres-answer-unreadable", message).with_request_sent(true)
}

fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(body.len() + 5);
    put_framed(&mut message, kind, body);
    message
}

fn put_framed(message: &mut Vec<u8>, kind: u8, body: &[u8]) {
    message.push(kind);
    message.extend(length_of(body.len()));
    message.extend(body);
}

/// The length of a message with that body: it counts itself.
fn length_of(body_bytes: usize) -> [u8; 4] {
    i32::try_from(body_bytes + 4).unwrap_or(i32::MAX).to_be_bytes()
}

fn put_text(body: &mut Vec<u8>, text: &str) {
    // Such a text would end early, and something else begin.
    body.extend(text.bytes().filter(|byte| *byte != 0));
    body.push(0);
}

fn put_value(body: &mut Vec<u8>, value: &[u8]) {
    body.extend(i32::try_from(value.len()).unwrap_or(i32::MAX).to_be_bytes());
    body.extend(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_as_the_protocol_says() {
        assert_eq!(ssl_request(), [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
        assert_eq!(
            startup("al", "db"),
            b"\0\0\0\x4c\0\x03\0\0user\0al\0database\0db\0application_name\0freehold\0client_encoding\0UTF8\0\0"
        );
        assert_eq!(query("COMMIT"), b"Q\0\0\0\x0bCOMMIT\0");
        assert_eq!([&before_password(3)[..], b"abc\0"].concat(), b"p\0\0\0\x08abc\0");
        assert_eq!(sasl_first("S", "n,,"), b"p\0\0\0\x0dS\0\0\0\0\x03n,,");
        assert_eq!(sasl_next("r=1"), b"p\0\0\0\x07r=1");
    }

    #[test]
    fn rows_are_parameters_of_one_statement() {
        let rows = [vec![Cow::Borrowed(&b"a"[..]), Cow::Borrowed(&b""[..])]];

        let message = run_for_each("X", &rows);

        let expected: [&[u8]; 4] = [
            b"P\0\0\0\x09\0X\0\0\0",
            b"B\0\0\0\x15\0\0\0\0\0\x02\0\0\0\x01a\0\0\0\0\0\0",
            b"E\0\0\0\x09\0\0\0\0\0",
            b"S\0\0\0\x04",
        ];
        assert_eq!(message, expected.concat());
    }

    #[test]
    fn a_name_with_a_zero_byte_does_not_smuggle_another_one_in() {
        assert!(startup("a\0options\0-c x", "d").windows(20).all(|bytes| bytes != b"\0options\0-c x\0databas"));
    }

    #[test]
    fn answers_are_read() {
        let error = b"SERROR\0VERROR\0C23514\0Mnot so\0tevents\0camount\0npositive\0\0";
        for (kind, body, expected) in [
            (b'R', &b"\0\0\0\0"[..], Said::Authentication(Authentication::Enough)),
            (b'R', b"\0\0\0\x05salt", Said::Authentication(Authentication::Another("MD5"))),
            (b'R', b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0", {
                let names = ["SCRAM-SHA-256-PLUS".to_owned(), "SCRAM-SHA-256".to_owned()];
                Said::Authentication(Authentication::Sasl(names.to_vec()))
            }),
            (b'C', b"INSERT 0 1\0", Said::Done("INSERT 0 1".into())),
            (b'Z', b"I", Said::Ready),
            (b'S', b"TimeZone\0UTC\0", Said::Other),
            (b'E', error, {
                let (column, constraint) = (Some("amount".into()), Some("positive".into()));
                Said::Refused(Refused { code: "23514".into(), message: "not so".into(), column, constraint })
            }),
        ] {
            assert_eq!(read(kind, body).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_not_of_this_protocol_is_not_waited_for() {
        assert_eq!(body_length(b"Z\0\0\0\x05").unwrap(), 1);
        for head in [&b"HTTP/"[..], b"E\0\0\0\0", b"E\xff\xff\xff\xff"] {
            assert_eq!(body_length(head).unwrap_err().code(), "postgres-answer-unreadable");
        }
        assert!(read(b'H', b"").is_err());
        assert!(read(b'R', b"\0").is_err());
    }
}
