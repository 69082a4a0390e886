//! Logs what could deceive whoever reads the log, then delivers.

use freehold_sdk::{Batch, Error, Outcome, log};
use misbehaviour::Config;

misbehaviour::guest!("log-control-characters");

const LINES: [&str; 9] = [
    "first\nsecond 2024-01-31T00:00:00Z INFO forged line",
    "first\r\nsecond",
    "\u{1b}[2J\u{1b}[1;31mred\u{1b}[0m",
    "\u{9b}31m in one character",
    "nul \0 bell \u{7} backspace \u{8}",
    "\u{202e}desrever",
    "\u{2028}separator\u{2029}",
    r#""},{"level":"error","message":"forged"#,
    "<script>alert(1)</script>",
];

fn deliver(_: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    for line in LINES {
        log::line(log::Level::Info, line);
    }
    Ok(misbehaviour::delivered(&batch))
}
