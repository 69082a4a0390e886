//! Batches are read back by the decoder of the `kafka-protocol` crate, which shares nothing with what writes them.

use std::io::Read as _;

use bytes::Bytes;
use kafka_protocol::records::{Compression as Codec, Record as Decoded, RecordBatchDecoder};
use proptest::prelude::*;

use super::*;

/// The records of a stamped batch.
pub(crate) fn decode(bytes: &[u8]) -> Vec<Decoded> {
    let mut bytes = Bytes::copy_from_slice(bytes);
    RecordBatchDecoder::decode_with_custom_compression(&mut bytes, Some(decompress)).unwrap().records
}

fn decompress(bytes: &mut Bytes, codec: Codec) -> anyhow::Result<Bytes> {
    let mut plain = Vec::new();
    match codec {
        Codec::None => plain.extend_from_slice(bytes),
        Codec::Gzip => {
            let _ = flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut plain)?;
        }
        Codec::Lz4 => {
            let _ = lz4_flex::frame::FrameDecoder::new(&bytes[..]).read_to_end(&mut plain)?;
        }
        Codec::Zstd => {
            let _ = ruzstd::decoding::StreamingDecoder::new(&bytes[..])?.read_to_end(&mut plain)?;
        }
        Codec::Snappy => {
            let mut rest = bytes.strip_prefix(SNAPPY_HEADER).unwrap();
            while let Some((length, after)) = rest.split_first_chunk::<4>() {
                let (block, after) = after.split_at(u32::from_be_bytes(*length) as usize);
                plain.extend(snap::raw::Decoder::new().decompress_vec(block)?);
                rest = after;
            }
        }
    }
    Ok(Bytes::from(plain))
}

const SNAPPY_HEADER: &[u8] = &[0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];

/// Time, key, value, headers.
type Given = (u64, Option<Vec<u8>>, Vec<u8>, Vec<(String, Vec<u8>)>);

fn built(records: &[Given], compression: Compression) -> Records {
    let mut builder = Builder::new(0);
    for (time_ms, key, value, pairs) in records {
        let mut headers = Headers::default();
        pairs.iter().for_each(|(name, value)| headers.push(name, value));
        builder.push(&Record { time_ms: *time_ms, key: key.as_deref(), value, headers: &headers });
    }
    builder.finish(compression).unwrap()
}

fn a_record() -> impl Strategy<Value = Given> {
    let headers =
        proptest::collection::btree_map("[a-z_-]{1,20}", proptest::collection::vec(any::<u8>(), 0..200), 0..6);
    let value = proptest::collection::vec(any::<u8>(), 0..3_000);
    (0..4_102_444_800_000_u64, proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)), value, headers)
        .prop_map(|(time_ms, key, value, headers)| (time_ms, key, value, headers.into_iter().collect()))
}

const ALL: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_back(records in proptest::collection::vec(a_record(), 1..40), codec in 0..5_usize) {
        let mut batch = built(&records, ALL[codec]);
        batch.stamp(Some(Identity { id: 77, epoch: 3 }), 1_000);

        let decoded = decode(&batch.bytes());

        prop_assert_eq!(decoded.len(), records.len());
        for (place, (found, (time_ms, key, value, headers))) in decoded.iter().zip(&records).enumerate() {
            prop_assert_eq!(found.timestamp, i64::try_from(*time_ms).unwrap());
            prop_assert_eq!(found.key.as_deref(), key.as_deref());
            prop_assert_eq!(found.value.as_deref(), Some(&value[..]));
            prop_assert_eq!((found.producer_id, found.producer_epoch), (77, 3));
            prop_assert_eq!(found.sequence, 1_000 + i32::try_from(place).unwrap());
            let pairs: Vec<_> = found.headers.iter().map(|(n, v)| (n.to_string(), v.clone().unwrap().to_vec())).collect();
            prop_assert_eq!(&pairs, headers);
        }
    }

    #[test]
    fn numbers_take_as_many_bytes_as_foreseen(value: i64) {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, value);

        prop_assert_eq!(bytes.len(), varint_bytes(value));
    }
}

#[test]
fn large_batches_survive_every_codec() {
    let line = br#"{"order":81,"total":12.50,"customer":"somebody","items":[1,2,3]}"#;
    let records: Vec<_> = (0..500_u64)
        .map(|n| (n, Some(n.to_be_bytes().to_vec()), [line.repeat(25), n.to_string().into_bytes()].concat(), vec![]))
        .collect();

    for codec in ALL {
        let mut batch = built(&records, codec);
        batch.stamp(None, 0);

        let decoded = decode(&batch.bytes());

        assert!(decoded.iter().zip(&records).all(|(found, record)| found.value.as_deref() == Some(&record.2[..])));
        assert!(codec == Compression::None || batch.bytes().len() < 400_000, "{codec:?}: {}", batch.bytes().len());
    }
}

#[test]
fn a_spoiled_batch_has_a_wrong_checksum() {
    let mut batch = built(&[(1, None, b"{}".to_vec(), vec![])], Compression::None);
    batch.stamp(None, 0);
    batch.spoil();

    let mut bytes = batch.bytes();
    assert!(RecordBatchDecoder::decode(&mut bytes).is_err());
}

#[test]
fn a_batch_is_full_before_it_is_too_large_for_brokers() {
    let headers = Headers::default();
    let value = vec![b'x'; 100_000];
    let record = Record { time_ms: 1, key: None, value: &value, headers: &headers };
    let mut builder = Builder::new(0);

    while builder.has_room(&record) {
        builder.push(&record);
    }

    assert_eq!(builder.count, 9);
    let huge = vec![b'x'; 2 * BATCH_BYTES_MAX];
    assert!(Builder::new(0).has_room(&Record { time_ms: 1, key: None, value: &huge, headers: &headers }));
}
