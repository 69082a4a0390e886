//! One file per command, and which one was asked for.

mod api_keys;
mod audit;
mod compile_component;
mod egress;
mod keys;
mod migrate;
mod openapi;
mod plugin;
mod serve;
mod tenants;

pub(crate) use plugin::Language;

use std::future::Future;

use freehold_control::{Control, ControlError};
use freehold_store::Store;

use crate::cli::{Cli, Command, DatabaseCommand, WhereArgs};
use crate::config::{self, Config, Effective};
use crate::data_dir::DataDir;
use crate::failure::{self, Failure};
use crate::{hardening, sources, telemetry, wiring};

/// Does what the command line asks for.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Serve(args) => {
            let effective = config::load(&args)?;
            telemetry::start(&effective.config)?;
            hardening::forbid_memory_dumps();
            runtime(&mut tokio::runtime::Builder::new_multi_thread(), serve::run(effective))
        }
        Command::Tenants(command) => briefly(tenants::run(command)),
        Command::Audit(command) => briefly(audit::run(command)),
        Command::Keys(command) => briefly(keys::run(command)),
        Command::Plugin(command) => briefly(plugin::run(command)),
        Command::Egress(command) => briefly(egress::run(command)),
        Command::Config(args) => {
            print(&config::load(&args)?.show());
            Ok(())
        }
        Command::Migrate(args) => briefly(migrate::run(args)),
        Command::Database(DatabaseCommand::Roles) => {
            print(freehold_store::POSTGRES_ROLES);
            Ok(())
        }
        Command::Openapi => openapi::run(),
        Command::CompileComponent => compile_component::run(),
    }
}

/// Runs a command that ends by itself.
fn briefly(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    runtime(&mut tokio::runtime::Builder::new_current_thread(), command)
}

fn runtime(
    builder: &mut tokio::runtime::Builder,
    command: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| Failure::because("the threads that do the work cannot be started", &error))?;
    let result = runtime.block_on(command);
    // Whatever still runs must not hold the process back: what matters was awaited.
    runtime.shutdown_background();
    result
}

/// The settings of a command that ends by itself. It logs warnings only, so that its output stays readable.
fn settings(place: &WhereArgs) -> Result<Effective, Failure> {
    let effective = config::locate(place)?;
    let quiet = Config { log: "warn".to_owned(), ..effective.config.clone() };
    telemetry::start(&quiet)?;
    Ok(effective)
}

/// The use-cases on the database, which servers may be using at the same time.
async fn open_control(config: &Config) -> Result<(Control, Store), Failure> {
    if config.database.is_none() {
        DataDir::open(&config.data)?;
    }
    let sources = sources::system();
    let store = wiring::open_store(config, &sources).await?;
    Ok((wiring::operator_control(store.clone(), sources)?, store))
}

/// Explains a refused use-case, with each thing that is wrong.
pub(crate) fn refused(error: ControlError) -> Failure {
    match error {
        ControlError::Invalid(problems) => {
            let problems = problems.iter().map(|problem| {
                let field = problem.pointer.trim_start_matches('/');
                if field.is_empty() { problem.message.clone() } else { format!("{field}: {}", problem.message) }
            });
            Failure::new(problems.collect::<Vec<_>>().join("; "))
        }
        other => Failure::new(failure::chain(&other)),
    }
}

/// Writes to stdout. A reader that went away (`| head`) is no reason to complain.
fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        tracing::debug!("nobody reads the output");
    }
}

/// Rows as aligned columns under their headings.
fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).chain([headings[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in [headings.map(str::to_owned)].iter().chain(rows) {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [["a".to_owned(), "b".to_owned()], ["long".to_owned(), "c".to_owned()]];

        assert_eq!(table(["id", "name"], &rows), "id    name\na     b\nlong  c\n");
    }
}
