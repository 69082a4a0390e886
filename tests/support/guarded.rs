//! Servers of others that end with the tests, however the tests end.

use std::fs::File;
use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::patience::until;
use crate::trouble::{Result, While};

/// Runs a server and waits for a word on stdin: the signal that ends it. When nobody is there any more to say one, because
/// whoever started it was killed, the server is killed as well.
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{ read -r signal <&3; kill -s "${signal:-KILL}" "$server"; } 2>/dev/null &
word=$!
exec 3<&-
wait "$server"
ended=$?
kill -s KILL "$word" 2>/dev/null
exit "$ended"
"#;

/// How long a server may take to end when it was asked to.
const END: Duration = Duration::from_secs(60);

/// A running server.
pub struct Guarded {
    guard: Child,
    word: Option<ChildStdin>,
}

impl Guarded {
    /// Starts `command` with everything that it prints going into `log`.
    ///
    /// # Errors
    /// When there is no shell.
    pub fn start(command: &Command, log: &File) -> Result<Guarded> {
        let mut guarded = Command::new("sh");
        guarded.args(["-c", GUARD, "guard"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => guarded.env(name, value),
                None => guarded.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            guarded.current_dir(folder);
        }
        guarded.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log.try_clone()?);
        let mut guard = guarded.spawn().while_doing("starting a server")?;
        let word = guard.stdin.take();
        Ok(Guarded { guard, word })
    }

    /// Whether it has ended by itself.
    ///
    /// # Errors
    /// When that cannot be known.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.guard.try_wait()?)
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    /// When it does not.
    pub async fn stop(self) -> Result {
        self.stop_by("TERM").await
    }

    /// Asks it to end by a signal, such as `QUIT`, and waits until it has.
    ///
    /// # Errors
    /// When it does not.
    pub async fn stop_by(mut self, signal: &str) -> Result {
        if let Some(mut word) = self.word.take() {
            // Kept open until it has ended: closing it would kill.
            writeln!(word, "{signal}").while_doing("asking a server to end")?;
            until("the server to end", END, async || self.ended()).await?;
        }
        Ok(())
    }

    /// Ends it at once.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.word.take());
        // Fails only when it has been waited for already.
        drop(self.guard.wait());
    }
}
