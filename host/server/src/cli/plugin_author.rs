//! What `freehold plugin` takes from the authors of destination types: build, dev, inspect, publish, pull.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::WhereArgs;

/// A language that plugins are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LanguageArg {
    /// By the folder: Cargo.toml, package.json or pyproject.toml.
    Auto,
    /// Rust.
    Rust,
    /// TypeScript or JavaScript.
    Ts,
    /// Python.
    Python,
}

/// How a folder becomes a component.
#[derive(Debug, Clone, Args)]
pub(crate) struct MakeArgs {
    /// The plugin's folder.
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// The language it is written in
    #[arg(long, value_name = "LANGUAGE", default_value = "auto")]
    pub(crate) lang: LanguageArg,
    /// Where the component goes [default: FOLDER/dist/NAME.wasm]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Which Rust builds it: `rustup`, or `debian` for Debian's packages [default: whatever there is]
    #[arg(long, value_name = "TOOLCHAIN")]
    pub(crate) guest_toolchain: Option<String>,
    /// Folder for compilers that are fetched [default: ~/.cache/freehold]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  freehold plugin build
  freehold plugin build ~/src/redis-streams --output redis-streams.wasm
  freehold plugin build --lang python --json | jq -r .file

What is missing is fetched first, once, without a question: the WebAssembly target with rustup, or else Debian's Rust; for
TypeScript componentize-qjs and rolldown from npm; for Python componentize-py from PyPI.

Exit code: 0 built, 1 the compiler or the checks refuse it, 2 it could not be tried (usage, a tool that cannot be had).")]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub(crate) make: MakeArgs,
    /// Describe the component as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: WhereArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  freehold plugin dev --to destination.json
  freehold plugin dev ~/src/collector --to destination.json --events samples.ndjson
  freehold plugin dev --to destination.json --once --egress-allow 127.0.0.0/8:9000     a receiver on this machine

destination.json holds what a customer would give, and nobody else may read it (chmod 600 destination.json):
  { \"config\": { \"url\": \"https://example.com/in\" }, \"credential\": { \"token\": \"…\" } }
Events are one JSON object a line, or a list: { \"type\": \"order.paid\", \"data\": { … } }, perhaps with id, time and metadata.

Delivers through the sandbox and the door that the server has. It builds and delivers anew whenever a file of the folder,
the destination or the events are saved.

Exit code with --once: 0 every event was delivered, 1 one was not, or the build fails, 2 it could not be tried.")]
pub(crate) struct DevArgs {
    #[command(flatten)]
    pub(crate) make: MakeArgs,
    /// File with the destination: its config and credential
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
    /// File with events [default: a few made-up ones]
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    /// Ask the plugin to verify the destination first
    #[arg(long)]
    pub(crate) verify: bool,
    /// Build and deliver once, then end
    #[arg(long)]
    pub(crate) once: bool,
    /// Tell each round as one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: WhereArgs,
    /// As with `freehold serve`: network that may be reached although it is not public; may be repeated
    #[arg(long, value_name = "CIDR:PORT")]
    pub(crate) egress_allow: Vec<String>,
    /// As with `freehold serve`: any setting that `freehold config` lists; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  freehold plugin inspect target/plugins/webhook.wasm
  freehold plugin inspect webhook.wasm --json | jq -r .digest

Exit code: 0 it would be accepted, 1 it would be refused, 2 it could not be read.")]
pub(crate) struct InspectArgs {
    /// The component.
    pub(crate) file: PathBuf,
    /// Describe it as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: WhereArgs,
}

/// Who asks a registry, and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct RegistryArgs {
    /// The user [default: FREEHOLD_REGISTRY_USERNAME at the registry FREEHOLD_REGISTRY, else what `docker login` has kept]
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    pub(crate) username: Option<String>,
    /// Read the password, or a token, from stdin
    #[arg(long, requires = "username")]
    pub(crate) password_stdin: bool,
    /// Reach the registry without TLS; on this machine that is so anyway
    #[arg(long)]
    pub(crate) plain_http: bool,
    /// Tell the result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: WhereArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  freehold plugin publish dist/collector.wasm ghcr.io/acme/collector:1.0.0
  freehold plugin publish dist/collector.wasm localhost:5000/collector:1.0.0
  freehold plugin publish c.wasm ghcr.io/acme/c:1.0.0 --username ci --password-stdin < token

The last line names what to pin: the same component, by the digest of its manifest. A registry with a certificate of a
private authority is reached with the setting egress.ca_files.

Exit code: 0 published, 1 the component or the registry refuses, 2 it could not be tried (usage, no file, no registry).")]
pub(crate) struct PublishArgs {
    /// The component.
    pub(crate) file: PathBuf,
    /// Where it goes: HOST[:PORT]/NAME:TAG.
    pub(crate) reference: String,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  freehold plugin pull ghcr.io/acme/collector@sha256:…     exactly this one
  freehold plugin pull ghcr.io/acme/collector:1.0.0 --output collector.wasm
  FILE=$(freehold plugin pull ghcr.io/acme/collector:1.0.0 --json | jq -r .file)

What comes is kept only if it has the digests that were asked for and promised.

Exit code: 0 pulled, 1 there is no such thing, or it is something else, 2 it could not be tried (usage, no registry).")]
pub(crate) struct PullArgs {
    /// What is pulled: HOST[:PORT]/NAME:TAG, or HOST[:PORT]/NAME@sha256:….
    pub(crate) reference: String,
    /// Where it goes [default: the last part of NAME, and .wasm]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}
