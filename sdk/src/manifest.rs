//! Is it a manifest? Asked by [`export!`](crate::export) while the plugin is compiled, so that a comma too many is a compiler's
//! error with a line, and no refusal at install. The host checks the rest.

/// Larger manifests are not read: the compiler would take its time, and the host reads them all the same.
const READ_BYTES_MAX: usize = 64 * 1024;
/// How deep arrays and objects may stand in each other.
const DEPTH_MAX: usize = 32;
/// What every manifest says.
const REQUIRED: [&str; 8] = ["name", "version", "label", "description", "config", "credential", "endpoints", "batch"];

/// Stops the compiler, and says why, when `json` is not the JSON of a manifest.
pub const fn check_manifest(json: &[u8]) {
    if json.len() > READ_BYTES_MAX {
        return;
    }
    let mut reader = Reader { json, at: 0, found: [false; REQUIRED.len()] };
    reader.skip_blanks();
    if reader.next() != b'{' {
        reader.fail("the manifest is not a JSON object: it begins with `{`");
    }
    reader.value(0);
    reader.skip_blanks();
    if reader.at < json.len() {
        reader.fail("there is something behind the end of the manifest");
    }
    let mut index = 0;
    while index < REQUIRED.len() {
        if !reader.found[index] {
            Message::new().text("the manifest has no `").text(REQUIRED[index]).text("`: see docs/plugins.md").stop();
        }
        index += 1;
    }
}

struct Reader<'a> {
    json: &'a [u8],
    at: usize,
    /// Which of the required members were there.
    found: [bool; REQUIRED.len()],
}

impl Reader<'_> {
    /// The byte that comes next, 0 at the end.
    const fn next(&self) -> u8 {
        if self.at < self.json.len() { self.json[self.at] } else { 0 }
    }

    const fn skip_blanks(&mut self) {
        while matches!(self.next(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    const fn value(&mut self, depth: usize) {
        if depth > DEPTH_MAX {
            self.fail("the manifest is nested too deeply");
        }
        match self.next() {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.text(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            b'-' | b'0'..=b'9' => self.number(),
            0 => self.fail("the manifest ends too early"),
            _ => self.fail("a JSON value is missing here"),
        }
    }

    const fn object(&mut self, depth: usize) {
        self.at += 1;
        self.skip_blanks();
        if self.next() == b'}' {
            self.at += 1;
            return;
        }
        loop {
            self.skip_blanks();
            if self.next() != b'"' {
                self.fail("a member's name is missing here, in quotes");
            }
            let begins = self.at + 1;
            self.text();
            if depth == 0 {
                self.note(begins, self.at - 1);
            }
            self.skip_blanks();
            if self.next() != b':' {
                self.fail("a `:` is missing behind the member's name");
            }
            self.at += 1;
            self.skip_blanks();
            self.value(depth + 1);
            self.skip_blanks();
            match self.next() {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return;
                }
                _ => self.fail("a `,` or the `}` of the object is missing here"),
            }
        }
    }

    const fn array(&mut self, depth: usize) {
        self.at += 1;
        self.skip_blanks();
        if self.next() == b']' {
            self.at += 1;
            return;
        }
        loop {
            self.skip_blanks();
            self.value(depth + 1);
            self.skip_blanks();
            match self.next() {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return;
                }
                _ => self.fail("a `,` or the `]` of the array is missing here"),
            }
        }
    }

    const fn text(&mut self) {
        self.at += 1;
        loop {
            match self.next() {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'\\' => self.at += 2,
                0..=0x1f => self.fail("a text has no end on its line"),
                _ => self.at += 1,
            }
        }
    }

    const fn word(&mut self, word: &[u8]) {
        let mut index = 0;
        while index < word.len() {
            if self.next() != word[index] {
                self.fail("only `true`, `false` and `null` stand without quotes");
            }
            self.at += 1;
            index += 1;
        }
    }

    const fn number(&mut self) {
        while matches!(self.next(), b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9') {
            self.at += 1;
        }
    }

    /// Takes note of a member of the manifest itself.
    const fn note(&mut self, begins: usize, ends: usize) {
        let mut index = 0;
        while index < REQUIRED.len() {
            let name = REQUIRED[index].as_bytes();
            let mut same = name.len() == ends - begins;
            let mut at = 0;
            while same && at < name.len() {
                same = name[at] == self.json[begins + at];
                at += 1;
            }
            if same {
                self.found[index] = true;
            }
            index += 1;
        }
    }

    const fn fail(&self, what: &str) -> ! {
        let (mut line, mut at) = (1, 0);
        while at < self.at && at < self.json.len() {
            if self.json[at] == b'\n' {
                line += 1;
            }
            at += 1;
        }
        Message::new().text("line ").number(line).text(" of the manifest: ").text(what).stop()
    }
}

/// A sentence, put together while compiling.
struct Message {
    bytes: [u8; 160],
    length: usize,
}

impl Message {
    const fn new() -> Self {
        Message { bytes: [0; 160], length: 0 }
    }

    const fn byte(&mut self, byte: u8) {
        if self.length < self.bytes.len() {
            self.bytes[self.length] = byte;
            self.length += 1;
        }
    }

    const fn text(mut self, text: &str) -> Self {
        let mut index = 0;
        while index < text.len() {
            self.byte(text.as_bytes()[index]);
            index += 1;
        }
        self
    }

    const fn number(mut self, number: usize) -> Self {
        let mut place = 1;
        while number / place >= 10 {
            place *= 10;
        }
        while place > 0 {
            // A digit: below 10.
            self.byte(b'0' + (number / place % 10) as u8);
            place /= 10;
        }
        self
    }

    const fn stop(&self) -> ! {
        match core::str::from_utf8(self.bytes.split_at(self.length).0) {
            Ok(text) => panic!("{}", text),
            Err(_) => panic!("the manifest is not one"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{
        "name": "n", "version": "0.1.0", "label": "N", "description": "a \"quoted\" \\ word",
        "config": { "properties": {}, "required": [] }, "credential": { "a": [1, -2.5e3, true, false, null, "é"] },
        "endpoints": ["{url}"], "batch": { "events": 1 }
    }"#;

    /// What the compiler would say.
    fn said(json: &str) -> Option<String> {
        let panic = std::panic::catch_unwind(|| check_manifest(json.as_bytes())).err()?;
        panic.downcast_ref::<String>().cloned()
    }

    #[test]
    fn a_manifest_is_taken() {
        assert_eq!(said(WHOLE), None);
        assert_eq!(said(include_str!("../../plugins/kafka/manifest.json")), None);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (from, to, expected) in [
            ("[\"{url}\"]", "[\"{url}\",]", "line 4 of the manifest: a JSON value is missing here"),
            ("\"0.1.0\",", "\"0.1.0\"", "line 2 of the manifest: a `,` or the `}` of the object is missing here"),
            ("\"batch\":", "\"batch\"", "line 4 of the manifest: a `:` is missing behind the member's name"),
            ("true", "True", "line 3 of the manifest: a JSON value is missing here"),
            ("word\"", "word", "line 2 of the manifest: a text has no end on its line"),
            ("\"endpoints\"", "\"endpoint\"", "the manifest has no `endpoints`: see docs/plugins.md"),
            (
                "{ \"events\": 1 }\n    }",
                "{ \"events\": 1",
                "line 4 of the manifest: a `,` or the `}` of the object is missing here",
            ),
        ] {
            let broken = WHOLE.replacen(from, to, 1);

            assert_eq!(said(&broken).as_deref(), Some(expected), "{broken}");
        }
        assert_eq!(
            said("[]").as_deref(),
            Some("line 1 of the manifest: the manifest is not a JSON object: it begins with `{`")
        );
        assert!(said(&format!("{WHOLE} {{}}")).is_some());
        assert!(said(&"[".repeat(1000)).is_some());
    }
}
