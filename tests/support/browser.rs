//! A browser that is not ours, for the tests that only a browser can judge: the machine's Chromium, driven by playwright-core.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::guarded::Guarded;
use crate::patience::until;
use crate::trouble::{Result, While, trouble};
use crate::{peers, places};

const PLAYWRIGHT: &str = "playwright-core@1.65.1";
const AXE: &str = "axe-core@4.14.1";
/// What Chromium is called, by system.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// A browser and what drives it.
pub struct Browser {
    chromium: PathBuf,
    playwright: PathBuf,
    axe: PathBuf,
}

impl Browser {
    /// Finds one. `None`, and a word why, where it cannot be had.
    ///
    /// # Errors
    /// When it cannot be had and all peers are wanted.
    pub fn find() -> Result<Option<Browser>> {
        peers::if_it_can_be_had(Browser::look(), "the portal in a browser")
    }

    fn look() -> Result<Browser> {
        let chromium = match installed() {
            Some(path) => path,
            None => install()?,
        };
        let playwright = peers::node_package(PLAYWRIGHT)?.join("node_modules/playwright-core");
        let axe = peers::node_package(AXE)?.join("node_modules/axe-core/axe.min.js");
        Ok(Browser { chromium, playwright, axe })
    }

    /// Runs a script of Node's to its end, with `wish` as its input, to which is added where the browser is. It tells what it
    /// found as lines of JSON, which are returned.
    ///
    /// # Errors
    /// When it does not end well within `limit`; with what it printed that is no JSON.
    pub async fn run(&self, script: &Path, mut wish: Value, limit: Duration) -> Result<Vec<Value>> {
        wish["chromium"] = Value::from(self.chromium.to_string_lossy());
        wish["playwright"] = Value::from(self.playwright.to_string_lossy());
        wish["axe"] = Value::from(self.axe.to_string_lossy());
        let folder = tempfile::tempdir()?;
        let (input, output) = (folder.path().join("wish.json"), folder.path().join("output.txt"));
        std::fs::write(&input, wish.to_string())?;
        let mut command = Command::new("node");
        command.arg(script).arg(&input).current_dir(places::root());
        let mut running = Guarded::start(&command, &File::create(&output)?)?;
        let ended = until("the browser's script to end", limit, async || running.ended()).await;
        let printed = std::fs::read(&output).while_doing("reading what the browser's script told")?;
        let printed = String::from_utf8_lossy(&printed);
        let told = |line: &str| serde_json::from_str::<Value>(line).ok().filter(Value::is_object);
        let others = || printed.lines().filter(|line| told(line).is_none()).collect::<Vec<&str>>().join("\n");
        match ended {
            Ok(status) if status.success() => Ok(printed.lines().filter_map(told).collect()),
            Ok(status) => Err(trouble(format!("the browser's script ended with {status}: {}", others()))),
            Err(why) => Err(trouble(format!("{why}; so far it told:\n{printed}"))),
        }
    }
}

fn installed() -> Option<PathBuf> {
    let named = places::environment("FREEHOLD_TEST_CHROMIUM").map(PathBuf::from);
    let path = places::environment("PATH").unwrap_or_default();
    let found = || {
        std::env::split_paths(&path)
            .find_map(|folder| NAMES.map(|name| folder.join(name)).into_iter().find(|file| file.is_file()))
    };
    named.filter(|file| file.is_file()).or_else(found)
}

/// Debian's own package, where this machine lets us.
fn install() -> Result<PathBuf> {
    let asked = Command::new("id").arg("-u").output().while_doing("asking who this is")?;
    if asked.stdout != b"0\n" {
        return Err(trouble("there is no Chromium: apt-get install chromium, or name one in FREEHOLD_TEST_CHROMIUM"));
    }
    eprintln!("installing chromium with apt-get, for the tests that need a browser");
    let mut apt = Command::new("apt-get");
    apt.args(["install", "-y", "--no-install-recommends", "chromium"]).env("DEBIAN_FRONTEND", "noninteractive");
    let output = apt.output().while_doing("installing chromium with apt-get")?;
    installed().ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        trouble(format!("apt-get installed no chromium: {}", said.lines().last().unwrap_or("it said nothing")))
    })
}
