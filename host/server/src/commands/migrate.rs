//! `freehold migrate`: moves an installation from its SQLite file into a Postgres.

use freehold_store::{Copied, Store};

use crate::cli::{MigrateArgs, SourceEngine, TargetEngine};
use crate::commands::{print, settings};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::{sources, wiring};

/// Runs the command.
pub(super) async fn run(args: MigrateArgs) -> Result<(), Failure> {
    let (SourceEngine::Sqlite, TargetEngine::Postgres) = (args.from, args.to);
    let config = settings(&args.place)?.config;
    if config.database.is_none() {
        return Err(Failure::new("name the database to move to with --database postgres://ROLE@HOST/DATABASE"));
    }
    let data = DataDir::open(&config.data)?;
    let _alone = data.lock()?;
    if !data.database().is_file() {
        return Err(Failure::new(format!("{}: there is nothing to move", data.database().display())));
    }
    let sources = sources::system();
    let source = wiring::open_store(&Config { database: None, ..config.clone() }, &sources).await?;
    let target = wiring::open_store(&config, &sources).await?;
    let moved = copy(&source, &target).await;
    source.close().await;
    target.close().await;
    moved?;
    print("moved: every table has the same rows on both sides\n");
    Ok(())
}

async fn copy(source: &Store, target: &Store) -> Result<(), Failure> {
    let told = |copied: &Copied| {
        let digest: String = copied.digest.iter().map(|part| format!("{part:016x}")).collect();
        print(&format!("{:<20} {:>12} rows  {digest}\n", copied.table, copied.rows));
    };
    source
        .copy_to_across_tenants(target, told)
        .await
        .map_err(|error| Failure::because("nothing was moved, and nothing was changed", &error))
}
