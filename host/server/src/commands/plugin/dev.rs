//! `freehold plugin dev`: from a saved file to what became of a few events, in one step, over and over.

mod destination;
mod round;
mod samples;
mod watch;

use freehold_sandbox::Sandbox;

use self::destination::Destination;
use self::round::Round;
use self::samples::Sample;
use self::watch::Watch;
use super::build::{make, outputs};
use crate::cli::{DevArgs, ServeArgs};
use crate::commands::print;
use crate::config::{self, Config};
use crate::failure::Failure;
use crate::{sources, telemetry, wiring};

/// The exit code when it could not even be tried.
const UNTRIED: u8 = 2;

/// Runs the command.
pub(super) async fn run(args: DevArgs) -> Result<(), Failure> {
    let sandbox = prepare(&args).map_err(|failure| failure.with_status(UNTRIED))?;
    if args.once {
        return round(&args, &sandbox).await;
    }
    loop {
        // Before the round: what is saved while it goes on is a reason for the next.
        let watch = Watch::of(&args.make.folder, [Some(&args.to), args.events.as_ref()], &outputs(&args.make));
        if let Err(failure) = round(&args, &sandbox).await {
            eprintln!("freehold: {failure}");
        }
        eprintln!("Waiting for a file to be saved; Ctrl-C ends it.");
        watch.until_something_is_saved().await;
    }
}

/// The sandbox and the door that a server with these settings would have.
fn prepare(args: &DevArgs) -> Result<Sandbox, Failure> {
    let DevArgs { place, egress_allow, set, .. } = args;
    let serve = ServeArgs {
        place: place.clone(),
        egress_allow: egress_allow.clone(),
        set: set.clone(),
        ..ServeArgs::default()
    };
    let config = config::load(&serve)?.config;
    telemetry::start(&Config { log: "warn".to_owned(), ..config.clone() })?;
    wiring::trying_sandbox(&config, &sources::system())
}

/// Builds, delivers and tells what became of it.
async fn round(args: &DevArgs, sandbox: &Sandbox) -> Result<(), Failure> {
    let untried = |failure: Failure| failure.with_status(UNTRIED);
    // First what takes no time to be found wrong.
    let destination = Destination::read(&args.to).map_err(untried)?;
    let samples = Sample::all(args.events.as_deref()).map_err(untried)?;
    let (_, destination_type) = make(&args.make, sandbox).await?;
    let round = Round::go(sandbox, destination_type, destination, samples, args.verify).await?;
    print(&if args.json { format!("{}\n", round.in_json()) } else { round.in_words() });
    match round.failed() {
        0 => Ok(()),
        failed => Err(Failure::new(format!("{failed} of {} were not delivered", round.events()))),
    }
}
