//! How are the records of a batch compressed? In the framings that Kafka's own clients write and read. Pure.

use std::io::Write as _;

use crate::config::Compression;

/// What snappy-java puts before its blocks: magic, version, and the oldest version that can read them.
const SNAPPY_HEADER: &[u8] = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// The size of its blocks.
const SNAPPY_BLOCK_BYTES: usize = 32 * 1024;

impl Compression {
    /// Its number in the attributes of a record batch.
    pub(crate) fn attribute(self) -> i16 {
        match self {
            Compression::None => 0,
            Compression::Gzip => 1,
            Compression::Snappy => 2,
            Compression::Lz4 => 3,
            Compression::Zstd => 4,
        }
    }

    /// Appends `bytes` to `into`, compressed.
    pub(crate) fn write(self, bytes: &[u8], into: &mut Vec<u8>) -> std::io::Result<()> {
        match self {
            Compression::None => into.extend_from_slice(bytes),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(into, flate2::Compression::fast());
                encoder.write_all(bytes)?;
                encoder.finish()?;
            }
            Compression::Snappy => snappy(bytes, into)?,
            Compression::Lz4 => {
                // Independent blocks of 64 KiB: all that Kafka's Java reader understands.
                let frame = lz4_flex::frame::FrameInfo::new()
                    .block_size(lz4_flex::frame::BlockSize::Max64KB)
                    .block_mode(lz4_flex::frame::BlockMode::Independent);
                let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(frame, into);
                encoder.write_all(bytes)?;
                encoder.finish()?;
            }
            Compression::Zstd => {
                ruzstd::encoding::compress(bytes, into, ruzstd::encoding::CompressionLevel::Fastest);
            }
        }
        Ok(())
    }
}

/// The framing of snappy-java: blocks, each after its length.
fn snappy(bytes: &[u8], into: &mut Vec<u8>) -> std::io::Result<()> {
    let mut encoder = snap::raw::Encoder::new();
    let mut block = vec![0; snap::raw::max_compress_len(SNAPPY_BLOCK_BYTES)];
    into.extend_from_slice(SNAPPY_HEADER);
    for chunk in bytes.chunks(SNAPPY_BLOCK_BYTES) {
        let length = encoder.compress(chunk, &mut block)?;
        into.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        into.extend_from_slice(&block[..length]);
    }
    Ok(())
}
