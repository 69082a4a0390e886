//! Which partition does a record go to? As the Java client decides, so that events with a key lie where its own records lie.
//! Pure.

/// The partition of a key among `count`.
pub(crate) fn of_key(key: &[u8], count: usize) -> usize {
    // The sign is cut off, not taken away: that is what the Java client's `toPositive` does.
    let hash = murmur2(key) & 0x7fff_ffff;
    hash as usize % count.max(1)
}

/// The partition of records without a key: one for all of a batch, the same on each attempt, another for the next batch.
pub(crate) fn of_batch(batch_id: &str, count: usize) -> usize {
    of_key(batch_id.as_bytes(), count)
}

/// MurmurHash2 in the variant of Kafka: <https://github.com/apache/kafka/blob/trunk/clients/src/main/java/org/apache/kafka/common/utils/Utils.java>.
fn murmur2(bytes: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut words = bytes.chunks_exact(4);
    let mut hash = words.by_ref().fold(SEED ^ length, |hash, word| {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> 24;
        hash.wrapping_mul(M) ^ k.wrapping_mul(M)
    });
    let rest = words.remainder();
    if !rest.is_empty() {
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The vectors of the Java client's own `UtilsTest.testMurmur2`.
    #[test]
    fn hashes_are_those_of_the_java_client() {
        for (text, expected) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()), expected as u32, "{text}");
        }
    }

    #[test]
    fn batches_without_a_key_are_spread() {
        let mut counts = [0; 6];

        for number in 0..6_000 {
            counts[of_batch(&format!("bat_{number:026}"), 6)] += 1;
        }

        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }

    proptest! {
        #[test]
        fn a_key_always_has_one_partition_and_that_exists(key: Vec<u8>, count in 1..1_000_usize) {
            let partition = of_key(&key, count);

            prop_assert!(partition < count);
            prop_assert_eq!(partition, of_key(&key, count));
        }
    }
}
