//! How is a whole log written? Piece by piece, in one of three formats, of which JSONL can be verified.

use freehold_model::Timestamp;
use freehold_model::audit::{AuditRecord, Chain, Digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::canonical::canonical;
use crate::note::PublicKey;
use crate::record::Line;
use crate::{csv, ocsf};

/// The form of exports.
const FORM: u8 = 1;

/// A format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Lines of canonical JSON with hashes and checkpoints: what can be verified.
    Jsonl,
    /// For spreadsheets.
    Csv,
    /// For SIEMs: events of the Open Cybersecurity Schema Framework, one per line.
    Ocsf,
}

impl Format {
    /// What HTTP calls it.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Jsonl | Format::Ocsf => "application/x-ndjson",
            Format::Csv => "text/csv; charset=utf-8",
        }
    }

    /// What a file of it is called.
    pub fn file_name(self) -> &'static str {
        match self {
            Format::Jsonl => "audit.jsonl",
            Format::Csv => "audit.csv",
            Format::Ocsf => "audit.ocsf.jsonl",
        }
    }
}

/// What an export says of itself.
#[derive(Debug, Clone)]
pub struct Header {
    /// Whose log it is.
    pub chain: Chain,
    /// Whether it has every record from the first on; a filtered one does not.
    pub complete: bool,
    /// When it was made.
    pub exported_at: Timestamp,
    /// The keys that its checkpoints were signed with. They are a convenience: whoever writes a false log writes false
    /// keys too, so they prove nothing by themselves.
    pub keys: Vec<PublicKey>,
}

/// A header as a line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeaderLine {
    pub(crate) chain: String,
    pub(crate) complete: bool,
    exported_at: Timestamp,
    freehold_audit_export: u8,
    pub(crate) keys: Vec<String>,
}

/// A checkpoint as a line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckpointLine {
    pub(crate) checkpoint: String,
}

/// The end as a line. It is not signed; it tells an export that was cut off in writing from a whole one.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndLine {
    pub(crate) end: End,
}

/// What an export ends with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct End {
    pub(crate) checkpoints: u64,
    /// SHA-256 over every byte before this line.
    pub(crate) digest: Digest,
    pub(crate) records: u64,
}

/// Writes an export.
#[derive(Debug)]
pub struct Writer {
    format: Format,
    checkpoints: u64,
    records: u64,
    written: Sha256,
}

impl Writer {
    /// A writer of `format`.
    pub fn new(format: Format) -> Self {
        Writer { format, checkpoints: 0, records: 0, written: Sha256::new() }
    }

    /// What comes first.
    pub fn begin(&mut self, header: &Header) -> String {
        let text = match self.format {
            Format::Csv => csv::headings(),
            Format::Ocsf => String::new(),
            Format::Jsonl => line(&HeaderLine {
                chain: header.chain.to_string(),
                complete: header.complete,
                exported_at: header.exported_at,
                freehold_audit_export: FORM,
                keys: header.keys.iter().map(ToString::to_string).collect(),
            }),
        };
        self.noted(text)
    }

    /// The next record.
    pub fn record(&mut self, record: &AuditRecord) -> String {
        self.records += 1;
        let text = match self.format {
            Format::Jsonl => format!("{}\n", Line::of(record).text()),
            Format::Csv => csv::record(record),
            Format::Ocsf => ocsf::line(record),
        };
        self.noted(text)
    }

    /// A checkpoint, right after the last record that it covers.
    pub fn checkpoint(&mut self, note: &str) -> String {
        self.checkpoints += 1;
        let text = match self.format {
            Format::Jsonl => line(&CheckpointLine { checkpoint: note.to_owned() }),
            Format::Csv | Format::Ocsf => String::new(),
        };
        self.noted(text)
    }

    /// What comes last.
    pub fn end(self) -> String {
        let digest = Digest(self.written.finalize().into());
        match self.format {
            Format::Jsonl => {
                line(&EndLine { end: End { checkpoints: self.checkpoints, digest, records: self.records } })
            }
            Format::Csv | Format::Ocsf => String::new(),
        }
    }

    fn noted(&mut self, text: String) -> String {
        self.written.update(&text);
        text
    }
}

fn line<T: Serialize>(content: &T) -> String {
    // Every field is a text, a number or a list of these, so this cannot fail.
    let value = serde_json::to_value(content).unwrap_or(Value::Null);
    format!("{}\n", canonical(&value))
}
