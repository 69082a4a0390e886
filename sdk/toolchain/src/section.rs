//! Where does a component carry what it says about itself? In custom sections, which are read without running anything.

/// `component` with one more custom section, of this name and with `content` in it, at its end.
///
/// A section is its kind (0 for a custom one), the length of what follows, and for a custom one its name, lengths in LEB128:
/// <https://webassembly.github.io/spec/core/binary/modules.html#custom-section>. Components have the same form.
pub(crate) fn with_section(mut component: Vec<u8>, name: &str, content: &[u8]) -> Vec<u8> {
    let mut section = Vec::with_capacity(name.len() + content.len() + 5);
    length(&mut section, name.len());
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(content);
    component.push(0);
    length(&mut component, section.len());
    component.extend_from_slice(&section);
    component
}

fn length(bytes: &mut Vec<u8>, mut length: usize) {
    loop {
        // The lowest seven bits; the eighth says that more follow.
        let low = u8::try_from(length & 0x7f).unwrap_or_default();
        length >>= 7;
        bytes.push(if length == 0 { low } else { low | 0x80 });
        if length == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_its_kind_its_length_its_name_and_what_is_in_it() {
        let section = with_section(b"\0asm".to_vec(), "freehold:manifest", b"{}");

        assert_eq!(section, [b"\0asm\0\x14\x11freehold:manifest".as_slice(), b"{}"].concat());
    }

    #[test]
    fn lengths_take_as_many_bytes_as_they_need() {
        for (number, encoded) in [(0, vec![0]), (127, vec![127]), (128, vec![0x80, 1]), (300, vec![0xac, 2])] {
            let mut bytes = Vec::new();
            length(&mut bytes, number);

            assert_eq!(bytes, encoded);
        }
    }
}
