//! Reads URLs from a file or stdin: one a line, as text or as JSON.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use serde_json::Value;

use crate::failure::Failure;

/// The URLs of `file`, or of stdin when that is `-`.
pub(super) fn file(file: &Path) -> Result<Vec<String>, Failure> {
    let bytes = if file == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map_err(|error| Failure::because("stdin", &error))?;
        bytes
    } else {
        fs::read(file).map_err(Failure::at(file))?
    };
    let text = String::from_utf8(bytes).map_err(|error| Failure::because(file.display(), &error))?;
    urls(&text).map_err(|problem| Failure::new(format!("{}: {problem}", file.display())))
}

fn urls(text: &str) -> Result<Vec<String>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(index, line)| url(line).map_err(|problem| format!("line {}: {problem}", index + 1))).collect()
}

fn url(line: &str) -> Result<String, String> {
    if !line.starts_with(['{', '"']) {
        return Ok(line.split('\t').next().unwrap_or_default().to_owned());
    }
    let value: Value = serde_json::from_str(line).map_err(|error| format!("not JSON: {error}"))?;
    let url = if value.is_object() { &value["url"] } else { &value };
    url.as_str().map(str::to_owned).ok_or_else(|| "expected a text in `url`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_urls_rows_or_json() {
        let text = "# comment\n\nhttps://a.example/\r\nhttps://b.example/\tdeny\twhy\n{\"url\": \"https://c.example/\", \"x\": 1}\n\"d\"\n\tdeny\tempty";

        assert_eq!(urls(text).unwrap(), ["https://a.example/", "https://b.example/", "https://c.example/", "d", ""]);
    }

    #[test]
    fn a_line_that_is_none_of_these_is_named() {
        for line in ["{\"url\": 5}", "{}", "{", "\"open"] {
            let problem = urls(&format!("https://a.example/\n{line}")).unwrap_err();

            assert!(problem.starts_with("line 2: "), "{problem}");
        }
    }
}
