//! What was found, as a person reads it.

use std::fmt;

use freehold_model::Timestamp;

/// Something that is not as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The line of the export, from 1; the last one for what is missing at the end.
    pub line: u64,
    /// The record, if it is about one.
    pub seq: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq {
            Some(seq) => write!(f, "line {}, record {seq}: {}", self.line, self.what),
            None => write!(f, "line {}: {}", self.line, self.what),
        }
    }
}

/// What an export was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whose log it is.
    pub chain: String,
    /// Its records.
    pub records: u64,
    /// Records whose personal values were erased.
    pub erased: u64,
    /// The checkpoints in it.
    pub checkpoints: u64,
    /// The last checkpoint that holds: how many records it covers, and when it was made.
    pub covered: Option<(u64, Timestamp)>,
    /// Checkpoints from elsewhere that it agrees with.
    pub witnesses: u64,
    /// Whether the signatures were checked with a key from elsewhere.
    pub trusted_key: bool,
    /// What is wrong, by its place; the first [`Self::FINDINGS_MAX`] of them.
    pub findings: Vec<Finding>,
    /// How much is wrong that is not told.
    pub untold: u64,
}

impl Report {
    /// Findings that are told one by one.
    pub const FINDINGS_MAX: usize = 20;

    /// Whether nothing is wrong.
    pub fn is_intact(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "log:         {}", self.chain)?;
        writeln!(
            f,
            "records:     {} ({} without their personal values, which were erased)",
            self.records, self.erased
        )?;
        writeln!(f, "checkpoints: {} in the export, {} from elsewhere", self.checkpoints, self.witnesses)?;
        if let Some((size, at)) = &self.covered {
            writeln!(f, "signed:      records 1 to {size}, at {at}")?;
            if self.records > *size {
                writeln!(
                    f,
                    "             records {} to {} are chained, and not signed yet: another end could have been written",
                    size + 1,
                    self.records
                )?;
            }
        }
        if !self.trusted_key {
            writeln!(
                f,
                "warning:     the signatures were checked with the key in the export itself; whoever forges a whole log \
                 puts their own key there: give the one that you know with --public-key"
            )?;
        }
        for finding in &self.findings {
            writeln!(f, "WRONG:       {finding}")?;
        }
        if self.untold > 0 {
            writeln!(f, "WRONG:       and {} more", self.untold)?;
        }
        let verdict = if self.is_intact() { "intact: nothing was tampered with" } else { "TAMPERED WITH, or damaged" };
        writeln!(f, "verdict:     {verdict}")
    }
}
