//! How do records lie in a record batch? Version 2 of the format, written straight into one buffer. Pure.
//!
//! <https://kafka.apache.org/documentation/#messageformat>

use bytes::Bytes;

use crate::config::Compression;
use crate::crc::crc32c;

/// Bytes of a batch before its records.
const HEAD_BYTES: usize = 61;
/// Where the length begins to count.
const AFTER_LENGTH: usize = 12;
const CRC: std::ops::Range<usize> = 17..21;
/// Where the checksum begins to cover: all that follows it.
const AFTER_CRC: usize = 21;
const PRODUCER_ID: std::ops::Range<usize> = 43..51;
const PRODUCER_EPOCH: std::ops::Range<usize> = 51..53;
const BASE_SEQUENCE: std::ops::Range<usize> = 53..57;

/// Bytes of a batch at most, before compression, unless a single record is larger: brokers take 1,048,588 by default.
pub(crate) const BATCH_BYTES_MAX: usize = 1_000_000;

/// Who wrote a batch, so that brokers recognise it when it comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
}

/// The headers of one record, as they lie in it.
#[derive(Default)]
pub(crate) struct Headers {
    bytes: Vec<u8>,
    count: i64,
}

impl Headers {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }

    pub(crate) fn push(&mut self, name: &str, value: &[u8]) {
        put_length(&mut self.bytes, name.len());
        self.bytes.extend_from_slice(name.as_bytes());
        put_length(&mut self.bytes, value.len());
        self.bytes.extend_from_slice(value);
        self.count += 1;
    }
}

/// One record.
pub(crate) struct Record<'a> {
    pub(crate) time_ms: u64,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: &'a [u8],
    pub(crate) headers: &'a Headers,
}

impl Record<'_> {
    /// How many bytes it takes, give or take a few.
    pub(crate) fn size(&self) -> usize {
        const LENGTHS: usize = 32;
        LENGTHS + self.key.map_or(0, <[u8]>::len) + self.value.len() + self.headers.bytes.len()
    }
}

/// A record batch in the making.
pub(crate) struct Builder {
    bytes: Vec<u8>,
    /// What stands before a record's value: its length is needed before it.
    head: Vec<u8>,
    count: i32,
    base_time_ms: i64,
    max_time_ms: i64,
}

impl Builder {
    pub(crate) fn new(capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + capacity);
        bytes.resize(HEAD_BYTES, 0);
        Builder { bytes, head: Vec::new(), count: 0, base_time_ms: 0, max_time_ms: 0 }
    }

    /// Whether `record` can be added. A batch always takes one.
    pub(crate) fn has_room(&self, record: &Record<'_>) -> bool {
        self.count == 0 || self.bytes.len() + record.size() <= BATCH_BYTES_MAX
    }

    pub(crate) fn push(&mut self, record: &Record<'_>) {
        let time_ms = i64::try_from(record.time_ms).unwrap_or(i64::MAX);
        if self.count == 0 {
            (self.base_time_ms, self.max_time_ms) = (time_ms, time_ms);
        }
        self.max_time_ms = self.max_time_ms.max(time_ms);
        let head = &mut self.head;
        head.clear();
        head.push(0);
        put_varint(head, time_ms - self.base_time_ms);
        put_varint(head, i64::from(self.count));
        match record.key {
            Some(key) => {
                put_length(head, key.len());
                head.extend_from_slice(key);
            }
            None => put_varint(head, -1),
        }
        put_length(head, record.value.len());
        let headers = record.headers;
        let length = head.len() + record.value.len() + varint_bytes(headers.count) + headers.bytes.len();
        put_length(&mut self.bytes, length);
        self.bytes.extend_from_slice(head);
        self.bytes.extend_from_slice(record.value);
        put_varint(&mut self.bytes, headers.count);
        self.bytes.extend_from_slice(&headers.bytes);
        self.count += 1;
    }

    /// The batch, not yet stamped.
    pub(crate) fn finish(self, compression: Compression) -> std::io::Result<Records> {
        let mut bytes = self.bytes;
        if compression != Compression::None {
            let mut compressed = Vec::with_capacity(bytes.len() / 2);
            compressed.resize(HEAD_BYTES, 0);
            compression.write(&bytes[HEAD_BYTES..], &mut compressed)?;
            bytes = compressed;
        }
        let length = i32::try_from(bytes.len() - AFTER_LENGTH).unwrap_or(i32::MAX);
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        // The epoch of the leader: unknown to clients.
        bytes[12..16].copy_from_slice(&(-1_i32).to_be_bytes());
        // The version of the format.
        bytes[16] = 2;
        bytes[21..23].copy_from_slice(&compression.attribute().to_be_bytes());
        bytes[23..27].copy_from_slice(&(self.count - 1).to_be_bytes());
        bytes[27..35].copy_from_slice(&self.base_time_ms.to_be_bytes());
        bytes[35..43].copy_from_slice(&self.max_time_ms.to_be_bytes());
        bytes[57..61].copy_from_slice(&self.count.to_be_bytes());
        Ok(Records { bytes: Bytes::from(bytes), count: self.count })
    }
}

/// A whole record batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Records {
    bytes: Bytes,
    pub(crate) count: i32,
}

impl Records {
    /// Writes down whose batch it is and its place among that producer's, and then the checksum.
    pub(crate) fn stamp(&mut self, identity: Option<Identity>, sequence: i32) {
        let (Identity { id, epoch }, sequence) = match identity {
            Some(identity) => (identity, sequence),
            None => (Identity { id: -1, epoch: -1 }, -1),
        };
        self.change(|bytes| {
            bytes[PRODUCER_ID].copy_from_slice(&id.to_be_bytes());
            bytes[PRODUCER_EPOCH].copy_from_slice(&epoch.to_be_bytes());
            bytes[BASE_SEQUENCE].copy_from_slice(&sequence.to_be_bytes());
            let crc = crc32c(&bytes[AFTER_CRC..]);
            bytes[CRC].copy_from_slice(&crc.to_be_bytes());
        });
    }

    /// Makes the checksum wrong, so that no broker keeps the batch.
    pub(crate) fn spoil(&mut self) {
        self.change(|bytes| bytes[CRC.start] ^= 0xff);
    }

    /// The batch as it goes over the wire. Shared, not copied.
    pub(crate) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// Nothing is copied unless a request still holds the bytes.
    fn change(&mut self, how: impl FnOnce(&mut [u8])) {
        let mut bytes = Vec::from(std::mem::take(&mut self.bytes));
        how(&mut bytes);
        self.bytes = Bytes::from(bytes);
    }
}

fn put_length(into: &mut Vec<u8>, length: usize) {
    put_varint(into, i64::try_from(length).unwrap_or(i64::MAX));
}

/// A signed number: small ones of either sign take few bytes.
fn put_varint(into: &mut Vec<u8>, value: i64) {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        into.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    into.push(rest as u8);
}

fn varint_bytes(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

#[cfg(test)]
pub(crate) mod tests;
