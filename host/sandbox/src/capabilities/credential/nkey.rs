//! What Ed25519 seed is written in an NKey, the form that NATS gives keys?
//!
//! Base32 (RFC 4648 §6, without padding) of two bytes that say what it is, the 32 bytes of the seed, and a checksum: 58
//! characters, of which the first is `S`.

use zeroize::Zeroizing;

const CHARACTERS: usize = 58;
const SEED_BYTES: usize = 32;
/// The first five bits of a seed, of whatever kind.
const SEED: u8 = 18 << 3;

/// The seed that `text` is, if it is one.
pub(super) fn seed(text: &[u8]) -> Option<Zeroizing<[u8; SEED_BYTES]>> {
    let text = text.trim_ascii();
    if text.len() != CHARACTERS {
        return None;
    }
    let bytes = base32(text)?;
    let (body, checksum) = bytes.split_last_chunk::<2>()?;
    if body.first()? & 0b1111_1000 != SEED || crc16(body) != u16::from_le_bytes(*checksum) {
        return None;
    }
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    seed.copy_from_slice(body.get(2..)?);
    Some(seed)
}

fn base32(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let (mut bits, mut count) = (0_u32, 0);
    for character in text {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'2'..=b'7' => character - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Of a user that is nobody.
    const SEED_TEXT: &[u8] = b"SUAAYIVNRHQS7S3XEJ3JQBMFEBVY5MIEM7ISLD35V52JQOSO7HUOQB5DZU";

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
    }

    #[test]
    fn what_was_changed_is_no_seed() {
        assert!(seed(SEED_TEXT).is_some());
        for place in 0..SEED_TEXT.len() {
            let mut changed = SEED_TEXT.to_vec();
            changed[place] = if changed[place] == b'B' { b'C' } else { b'B' };

            assert!(seed(&changed).is_none(), "at {place}");
        }
        assert!(seed(&SEED_TEXT[..57]).is_none());
        assert!(seed(b"").is_none());
    }
}
