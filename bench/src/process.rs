//! The real program: how fast it starts, how much memory it holds while nothing happens.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Failed;
use crate::figures::{Aim, Better, Figures, median};
use crate::house::House;

const STARTS: usize = 7;
const DESTINATIONS: usize = 10_000;

/// How long the host is left alone before its memory is read: longer than any of its housekeeping intervals.
const IDLE: Duration = Duration::from_secs(12);

/// A running host that is killed when dropped.
struct Host {
    child: Child,
    took: Duration,
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended by itself; either way it must not outlive the bench.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Host {
    /// Starts the program beside this one, and waits until it says that it listens.
    fn start(data: &Path, plugins: &Path) -> Result<Host, Failed> {
        let program = std::env::current_exe()?.with_file_name("freehold");
        let began = Instant::now();
        let mut child = Command::new(&program)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .arg("--plugins")
            .arg(plugins)
            .env("FREEHOLD_LOG", "error")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let stdout = child.stdout.take().ok_or("the host has no stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let took = began.elapsed();
        let host = Host { child, took };
        if line.contains("listening on") { Ok(host) } else { Err(format!("the host said {line:?}").into()) }
    }

    fn resident_bytes(&self) -> Result<f64, Failed> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
        let kib: f64 = line.split_whitespace().nth(1).ok_or("no VmRSS")?.parse()?;
        Ok(kib * 1024.0)
    }
}

/// Four types from the two that are built: copies whose manifests bear other names of the same length.
fn four_types(plugins: &Path, folder: &Path) -> Result<PathBuf, Failed> {
    let types = folder.join("types");
    std::fs::create_dir_all(&types)?;
    for (file, name, other) in [("webhook", "webhook", "webhoo2"), ("s3", "s3", "s4")] {
        let bytes = std::fs::read(plugins.join(format!("{file}.wasm")))?;
        std::fs::write(types.join(format!("{file}.wasm")), &bytes)?;
        let (from, to) = (format!("\"name\": \"{name}\""), format!("\"name\": \"{other}\""));
        let mut copy = bytes;
        let places: Vec<usize> =
            copy.windows(from.len()).enumerate().filter(|(_, w)| *w == from.as_bytes()).map(|(at, _)| at).collect();
        for place in places {
            copy[place..place + to.len()].copy_from_slice(to.as_bytes());
        }
        std::fs::write(types.join(format!("{other}.wasm")), copy)?;
    }
    Ok(types)
}

/// From the start of the process to the line that says it listens, with compiled code kept from an earlier start.
pub(crate) fn cold_start(plugins: &Path, figures: &mut Figures) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let types = four_types(plugins, folder.path())?;
    let data = folder.path().join("data");
    let first = Host::start(&data, &types)?.took;
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(Host::start(&data, &types)?.took.as_secs_f64() * 1000.0);
    }
    let aim = Aim { better: Better::Lower, floor: 500.0, goal: 100.0 };
    let detail = json!({ "first_start_ms": first.as_millis(), "types": 4 });
    figures.add("cold_start", "ms", median(starts), Some(&aim), &detail);
    Ok(())
}

/// Resident memory with 10,000 destinations and nothing to do.
pub(crate) async fn idle_memory(plugins: &Path, figures: &mut Figures) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let types = four_types(plugins, folder.path())?;
    let data = folder.path().join("data");
    // The first start makes the folder and its key; the destinations are put into its database while it is down.
    drop(Host::start(&data, &types)?);
    let house = House::build(&data.join("freehold.db")).await?;
    for _ in 0..DESTINATIONS {
        house.add_destination().await?;
    }
    house.store.close().await;
    let host = Host::start(&data, &types)?;
    tokio::time::sleep(IDLE).await;
    let megabytes = host.resident_bytes()? / 1e6;
    let aim = Aim { better: Better::Lower, floor: 200.0, goal: 80.0 };
    figures.add("idle_memory", "MB", megabytes, Some(&aim), &json!({ "destinations": DESTINATIONS }));
    Ok(())
}
