//! How are a credential's fields written as bytes? The form is described at the top of this crate.
//!
//! Values are copied once, straight between the buffer and [`Secret`]: no text in between that nobody would wipe.

use freehold_model::limits::CREDENTIAL_FIELD_BYTES_MAX;
use freehold_model::secret::{Secret, SecretFields};
use zeroize::Zeroizing;

use crate::error::VaultError;

/// Fields of one credential: the longest known (an OAuth client with its tokens and a certificate) has ten.
pub(crate) const FIELDS_MAX: usize = 64;
/// Bytes of a field's name: names are words of a form.
pub(crate) const FIELD_NAME_BYTES_MAX: usize = 128;
const FORMAT: u8 = 1;

/// The one form in which `fields` are written.
pub(crate) fn encode(fields: &SecretFields) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let count = fields.iter().count();
    if count > FIELDS_MAX {
        return Err(VaultError::TooManyFields { count });
    }
    let length = fields.iter().map(|(name, value)| 2 + name.len() + 4 + value.len()).sum::<usize>();
    // All room is taken at once, so that no plaintext stays behind when the buffer grows.
    let mut bytes = Zeroizing::new(Vec::with_capacity(3 + length));
    bytes.push(FORMAT);
    bytes.extend_from_slice(&u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes());
    for (name, value) in fields.iter() {
        push_field(&mut bytes, name, value)?;
    }
    Ok(bytes)
}

/// Reads what [`encode`] writes, and nothing else.
pub(crate) fn decode(bytes: &[u8]) -> Option<SecretFields> {
    let ([format], rest) = bytes.split_first_chunk()?;
    let (count, mut rest) = rest.split_first_chunk()?;
    let count = usize::from(u16::from_be_bytes(*count));
    if *format != FORMAT || count > FIELDS_MAX {
        return None;
    }
    let mut fields = SecretFields::default();
    let mut previous: Option<&str> = None;
    for _ in 0..count {
        let (name, value, after) = split_field(rest)?;
        if previous.is_some_and(|previous| previous >= name) {
            return None;
        }
        fields.insert(name, Secret::new(value.to_vec()));
        previous = Some(name);
        rest = after;
    }
    rest.is_empty().then_some(fields)
}

fn push_field(bytes: &mut Vec<u8>, name: &str, value: &Secret) -> Result<(), VaultError> {
    let name_length = u16::try_from(name.len())
        .ok()
        .filter(|_| is_name_length(name.len()))
        .ok_or(VaultError::FieldName { length: name.len() })?;
    let value_length = u32::try_from(value.len())
        .ok()
        .filter(|_| value.len() <= CREDENTIAL_FIELD_BYTES_MAX)
        .ok_or_else(|| VaultError::FieldTooLong { name: name.to_owned(), length: value.len() })?;
    bytes.extend_from_slice(&name_length.to_be_bytes());
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(&value_length.to_be_bytes());
    bytes.extend_from_slice(value.expose());
    Ok(())
}

/// The first field's name and value, and what follows it.
fn split_field(bytes: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (name, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let (length, rest) = rest.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let fits = is_name_length(name.len()) && value.len() <= CREDENTIAL_FIELD_BYTES_MAX;
    fits.then_some((std::str::from_utf8(name).ok()?, value, rest))
}

fn is_name_length(length: usize) -> bool {
    (1..=FIELD_NAME_BYTES_MAX).contains(&length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &[u8])]) -> SecretFields {
        SecretFields::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(value.to_vec()))))
    }

    #[test]
    fn fields_have_exactly_this_form() {
        let bytes = encode(&fields(&[("user", b"ann"), ("key", b"\x00\xff")])).unwrap();

        assert_eq!(&bytes[..], b"\x01\x00\x02\x00\x03key\x00\x00\x00\x02\x00\xff\x00\x04user\x00\x00\x00\x03ann");
    }

    #[test]
    fn encoding_fills_exactly_the_room_that_was_taken() {
        let bytes = encode(&fields(&[("a", &[7; 5000]), ("b", b"")])).unwrap();

        assert_eq!(bytes.capacity(), bytes.len());
    }

    #[test]
    fn bytes_of_another_form_are_refused() {
        let valid: &[u8] = b"\x01\x00\x02\x00\x01a\x00\x00\x00\x01x\x00\x01b\x00\x00\x00\x00";
        assert!(decode(valid).is_some());
        let with_more = [valid, b"\x00"].concat();
        let too_long = [b"\x01\x00\x01\x00\x01a\x00\x00\x40\x01".as_slice(), &[7; 16385]].concat();

        let refused: [&[u8]; 10] = [
            b"",
            b"\x02\x00\x00",                                                   // another format
            b"\x01\x00\x41",                                                   // too many fields
            b"\x01\x00\x01\x00\x00\x00\x00\x00\x00",                           // a name without characters
            b"\x01\x00\x01\x00\x01\xff\x00\x00\x00\x00",                       // a name that is not UTF-8
            b"\x01\x00\x02\x00\x01b\x00\x00\x00\x00\x00\x01a\x00\x00\x00\x00", // names out of order
            b"\x01\x00\x02\x00\x01a\x00\x00\x00\x00\x00\x01a\x00\x00\x00\x00", // a name twice
            b"\x01\x00\x01\x00\x01a\xff\xff\xff\xff",                          // a value that is not there
            &with_more,
            &too_long,
        ];
        for bytes in refused {
            assert!(decode(bytes).is_none(), "{bytes:?}");
        }
        for end in 0..valid.len() {
            assert!(decode(&valid[..end]).is_none(), "cut at {end}");
        }
    }

    #[test]
    fn fields_beyond_the_bounds_are_refused_without_their_values() {
        let too_long = encode(&fields(&[("token", &[b's'; 16385])])).unwrap_err();
        let nameless = encode(&fields(&[("", b"s3cret")])).unwrap_err();
        let long_name = encode(&fields(&[(&"n".repeat(129), b"s3cret")])).unwrap_err();
        let pairs = (0..65).map(|number| (format!("field{number}"), Secret::new(b"s3cret".to_vec())));
        let too_many = encode(&SecretFields::from_pairs(pairs)).unwrap_err();

        assert_eq!(too_long.to_string(), "credential field `token` has 16385 bytes, at most 16384 are possible");
        assert_eq!(nameless.to_string(), "a credential field's name has 0 bytes, 1 to 128 are possible");
        assert_eq!(long_name.to_string(), "a credential field's name has 129 bytes, 1 to 128 are possible");
        assert_eq!(too_many.to_string(), "the credential has 65 fields, at most 64 are possible");
    }
}
