//! Why a command could not do what it was asked, as the operator reads it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

/// Why a command failed: one sentence, then each deeper reason.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    /// A failure that `message` explains.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Failure { message: message.into(), status: 1 }
    }

    /// A failure to do `what`, because of `error` and whatever lies beneath it.
    pub(crate) fn because(what: impl fmt::Display, error: &dyn Error) -> Self {
        Failure::new(format!("{what}: {}", chain(error)))
    }

    /// A failure to do something with the file or folder at `path`.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Failure::new(format!("{}: {error}", path.display()))
    }

    /// The same with another exit code.
    pub(crate) fn with_status(self, status: u8) -> Self {
        Failure { status, ..self }
    }

    /// The exit code: 1, unless the command says otherwise.
    pub(crate) fn status(&self) -> u8 {
        self.status
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// `error` and its sources in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(deeper) = source {
        let deeper_text = deeper.to_string();
        // Some errors print their source themselves; saying it twice helps nobody.
        if !text.contains(&deeper_text) {
            text.push_str(": ");
            text.push_str(&deeper_text);
        }
        source = deeper.source();
    }
    text
}
