//! How do messages come out of a stream, when they do not come one at a time?

use crate::Error;
use crate::stream::Stream;

/// Bytes asked for at once: each call to the host has its price, and an answer seldom has more.
const READ_BYTES: u32 = 16 * 1024;

/// A stream that is read piece by piece: whatever comes in beyond a piece waits for the next one, without another call to the
/// host.
///
/// ```no_run
/// use freehold_sdk::Error;
/// use freehold_sdk::stream::{Buffered, Target};
///
/// # fn greet() -> Result<(), Error> {
/// let mut stream = Buffered::new(Target::new("tls://redis.example.com:6379").connect()?);
/// stream.write(b"PING\r\n")?;
/// assert_eq!(stream.line(64)?, b"+PONG");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Buffered {
    stream: Stream,
    waiting: Waiting,
}

/// What came in and was not asked for yet.
#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// How many of them were given out.
    taken: usize,
}

impl Buffered {
    /// Reads `stream` piece by piece.
    pub fn new(stream: Stream) -> Self {
        Buffered { stream, waiting: Waiting::default() }
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// When they do not come in time, the connection breaks, or the other side closes it before (`stream-closed`).
    pub fn exact(&mut self, length: usize) -> Result<Vec<u8>, Error> {
        while self.waiting.length() < length {
            self.fill()?;
        }
        Ok(self.waiting.take(length))
    }

    /// The next line, without its `\n` or `\r\n`.
    ///
    /// # Errors
    /// As [`exact`](Self::exact), and when the line has more than `max` bytes (`stream-line-too-long`).
    pub fn line(&mut self, max: usize) -> Result<Vec<u8>, Error> {
        let mut searched = 0;
        loop {
            if let Some(line) = self.waiting.take_line(searched) {
                return if line.len() > max { Err(too_long(max)) } else { Ok(line) };
            }
            searched = self.waiting.length();
            if searched > max {
                return Err(too_long(max));
            }
            self.fill()?;
        }
    }

    /// Writes all of `bytes`, as [`Stream::write`] does.
    ///
    /// # Errors
    /// As there.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.stream.write(bytes)
    }

    /// The stream itself, for whatever else there is to do with it. Reading from it passes over what waits here, and it
    /// cannot go over to TLS by itself: [`start_tls`](Self::start_tls) looks whether something waits.
    pub fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Goes over to TLS, as [`Stream::start_tls`] does.
    ///
    /// # Errors
    /// As there, and when the other side has said more than it was asked: it was not said under TLS, and must not be taken as
    /// if it were.
    pub fn start_tls(&mut self) -> Result<(), Error> {
        if self.waiting.length() > 0 {
            let message = "the server sent more than it was asked before TLS began";
            return Err(Error::transient("stream-starttls-injected", message));
        }
        self.stream.start_tls()
    }

    /// Whether the stream can still be used, as [`Stream::is_open`] tells it.
    pub fn is_open(&self) -> bool {
        self.stream.is_open()
    }

    fn fill(&mut self) -> Result<(), Error> {
        let bytes = self.stream.read(READ_BYTES)?;
        if bytes.is_empty() {
            let message = "the server closed the connection instead of answering";
            return Err(Error::transient("stream-closed", message).with_request_sent(true));
        }
        self.waiting.add(bytes);
        Ok(())
    }
}

impl Waiting {
    fn length(&self) -> usize {
        self.bytes.len() - self.taken
    }

    fn add(&mut self, bytes: Vec<u8>) {
        if self.length() == 0 {
            (self.bytes, self.taken) = (bytes, 0);
        } else {
            self.bytes.drain(..std::mem::take(&mut self.taken));
            self.bytes.extend(bytes);
        }
    }

    /// Takes `length` bytes, which are there.
    fn take(&mut self, length: usize) -> Vec<u8> {
        let piece = self.bytes[self.taken..self.taken + length].to_vec();
        self.taken += length;
        piece
    }

    /// Takes a line, if its end is there; not among the first `searched` bytes.
    fn take_line(&mut self, searched: usize) -> Option<Vec<u8>> {
        let end = self.bytes[self.taken + searched..].iter().position(|byte| *byte == b'\n')? + searched;
        let mut line = self.take(end + 1);
        line.pop();
        line.pop_if(|byte| *byte == b'\r');
        Some(line)
    }
}

fn too_long(max: usize) -> Error {
    let message = format!("the server sent a line of more than {max} bytes: it may speak another protocol");
    Error::transient("stream-line-too-long", message).with_request_sent(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_pieces_come_out_as_they_went_in_however_they_were_cut() {
        let sent = b"+OK\r\n$5\r\nhe\r\no\r\nlast\n";
        for cut in 1..sent.len() {
            let mut waiting = Waiting::default();
            let mut lines = Vec::new();
            for piece in sent.chunks(cut) {
                waiting.add(piece.to_vec());
                while let Some(line) = waiting.take_line(0) {
                    lines.push(line);
                }
            }

            assert_eq!(lines, [&b"+OK"[..], b"$5", b"he", b"o", b"last"], "cut at {cut}");
            assert_eq!(waiting.length(), 0);
        }
    }

    #[test]
    fn what_was_searched_is_not_searched_again() {
        let mut waiting = Waiting::default();
        waiting.add(b"abc".to_vec());
        assert_eq!(waiting.take_line(0), None);
        waiting.add(b"d\nrest".to_vec());

        assert_eq!(waiting.take_line(3), Some(b"abcd".to_vec()));
        assert_eq!(waiting.take(4), b"rest");
    }
}
