//! How are other programs run? What they say is shown on stderr, so that stdout holds results alone, and nothing asks back.

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::Failed;

/// Runs `command` to its end, everything that it prints shown on stderr.
///
/// # Errors
/// When it cannot be started or fails.
pub fn run(command: &mut Command) -> Result<(), Failed> {
    let shown = command.stdin(Stdio::null()).stdout(Stdio::from(std::io::stderr()));
    let status = shown.status().map_err(|error| not_started(command, &error))?;
    succeeded(command, status)
}

/// Runs `command`, its errors shown, and returns what it wrote to stdout.
///
/// # Errors
/// When it cannot be started, fails, or writes something that is not text.
pub fn output(command: &mut Command) -> Result<String, Failed> {
    let output =
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(|error| not_started(command, &error))?;
    succeeded(command, output.status)?;
    String::from_utf8(output.stdout).map_err(|_| format!("`{}` wrote something that is not text", line(command)))
}

/// Runs `command` and shows what it printed only when it fails.
///
/// # Errors
/// When it cannot be started or fails.
pub fn quietly(command: &mut Command) -> Result<(), Failed> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| not_started(command, &error))?;
    if !output.status.success() {
        eprint!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    succeeded(command, output.status)
}

/// Runs `command` silently; `None` when it is missing or fails.
pub fn asked(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs `command` for `limit` at most, everything that it prints shown on stderr.
///
/// # Errors
/// When it cannot be started, fails, or takes longer.
pub fn run_within(command: &mut Command, limit: Duration) -> Result<(), Failed> {
    let began = Instant::now();
    let shown = command.stdin(Stdio::null()).stdout(Stdio::from(std::io::stderr()));
    let mut child = shown.spawn().map_err(|error| not_started(command, &error))?;
    loop {
        if let Some(status) = child.try_wait().map_err(|error| not_started(command, &error))? {
            return succeeded(command, status);
        }
        if began.elapsed() > limit {
            // It may have ended just now, which is as good.
            drop(child.kill());
            drop(child.wait());
            return Err(format!("`{}` did not end within {} s", line(command), limit.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What `status` of `command` means.
///
/// # Errors
/// When it failed.
pub fn succeeded(command: &Command, status: ExitStatus) -> Result<(), Failed> {
    if status.success() { Ok(()) } else { Err(format!("`{}` failed: {status}", line(command))) }
}

/// That `command` could not be started.
pub fn not_started(command: &Command, error: &std::io::Error) -> Failed {
    format!("cannot run `{}`: {error}", line(command))
}

/// `command` as somebody would type it.
pub fn line(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut line = name.to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}
