//! How do the commands say what they are doing? On stderr, so that stdout holds results alone.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use freehold_toolchain::Word;

/// A piece of work under way: it says that it began, and how long it took when it ends.
pub(crate) struct Step {
    began: Instant,
}

/// Says what begins now.
pub(crate) fn step(what: &str) -> Step {
    eprintln!("{} {what}", paint("1;36", "▸"));
    Step { began: Instant::now() }
}

impl Step {
    /// Says how it ended well.
    pub(crate) fn done(self, what: &str) -> Duration {
        let took = self.began.elapsed();
        eprintln!("{} {what} {}", paint("1;32", "✓"), paint("2", &format!("({})", seconds(took))));
        took
    }

    /// Says that it ended badly.
    pub(crate) fn ended_badly(self, what: &str) -> Duration {
        let took = self.began.elapsed();
        eprintln!("{} {what} {}", paint("1;31", "✗"), paint("2", &format!("({})", seconds(took))));
        took
    }
}

/// Says what others tell about their work.
pub(crate) fn aloud() -> impl Fn(Word<'_>) {
    let under_way: RefCell<Option<Step>> = RefCell::default();
    move |word| match word {
        Word::Begins(what) => drop(under_way.replace(Some(step(what)))),
        Word::Done(what) => drop(under_way.take().map(|step| step.done(what))),
        Word::EndedBadly(what) => drop(under_way.take().map(|step| step.ended_badly(what))),
        Word::Note(what) => note(what),
    }
}

/// Says something beside the work: why, or what comes of it.
pub(crate) fn note(what: &str) {
    eprintln!("  {}", paint("2", what));
}

/// Says why the command did not succeed.
pub(crate) fn failed(sentence: &str) {
    eprintln!("{} {sentence}", paint("1;31", "✗"));
}

/// A duration as people say it.
pub(crate) fn seconds(duration: Duration) -> String {
    let all = duration.as_secs_f64();
    if all < 60.0 {
        format!("{all:.1} s")
    } else {
        format!("{} min {:02} s", duration.as_secs() / 60, duration.as_secs() % 60)
    }
}

/// The text in a colour, where somebody can see it.
pub(crate) fn paint(code: &str, text: &str) -> String {
    if std::io::stderr().is_terminal() && crate::program::environment("NO_COLOR").is_none() {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}
