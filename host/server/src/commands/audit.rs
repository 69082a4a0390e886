//! `freehold audit`: verify an export, make one, sign checkpoints, erase what is personal.

mod verify;

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use freehold_control::{AuditExport, Caller, Control, Format};
use freehold_store::Store;

use crate::checkpoints::Outside;
use crate::cli::{AuditCommand, AuditExportArgs, ExportFormat, WhereArgs};
use crate::commands::{open_control, print, refused, settings};
use crate::config::Effective;
use crate::data_dir::DataDir;
use crate::failure::{self, Failure};
use crate::key::Keys;
use crate::{sources, wiring};

/// Runs the command.
pub(super) async fn run(command: AuditCommand) -> Result<(), Failure> {
    match command {
        AuditCommand::Verify(args) => verify::run(&args),
        AuditCommand::Export(args) => export(args).await,
        AuditCommand::Checkpoint { output, place } => checkpoint(output, &place).await,
        AuditCommand::Key { place } => {
            let (control, store) = open_signing(&settings(&place)?).await?;
            print(&format!("{}\n", control.audit_key()));
            store.close().await;
            Ok(())
        }
        AuditCommand::Attempts { tenant, place } => attempts(&tenant, &place).await,
        AuditCommand::Erase { tenant, subject, place } => {
            let (control, store, caller) = open(&tenant, &place).await?;
            let records = control.erase_audit(&caller, &subject).await.map_err(refused)?;
            store.close().await;
            print(&format!("erased: {records} records hold nothing personal of {subject} any more\n"));
            Ok(())
        }
    }
}

async fn export(args: AuditExportArgs) -> Result<(), Failure> {
    let format = match args.format {
        ExportFormat::Jsonl => Format::Jsonl,
        ExportFormat::Csv => Format::Csv,
        ExportFormat::Ocsf => Format::Ocsf,
    };
    let (export, store) = match &args.tenant {
        Some(tenant) => {
            let (control, store, caller) = open(tenant, &args.place).await?;
            let filter = freehold_control::AuditFilter::default();
            (control.export_audit(&caller, format, filter).await.map_err(refused)?, store)
        }
        None => {
            let (control, store) = open_control(&settings(&args.place)?.config).await?;
            (control.export_deployment_audit(format).await.map_err(refused)?, store)
        }
    };
    let written = write_export(export, args.output.as_deref()).await;
    store.close().await;
    written
}

async fn write_export(mut export: AuditExport, path: Option<&Path>) -> Result<(), Failure> {
    let mut out: Box<dyn Write + Send> = match path {
        Some(path) => {
            // It holds names: for its owner alone.
            let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
            Box::new(file.map_err(Failure::at(path))?)
        }
        None => Box::new(std::io::stdout()),
    };
    let place = path.unwrap_or(Path::new("stdout"));
    while let Some(text) = export.next().await.map_err(refused)? {
        out.write_all(text.as_bytes()).map_err(Failure::at(place))?;
    }
    out.flush().map_err(Failure::at(place))
}

async fn checkpoint(output: Option<PathBuf>, place: &WhereArgs) -> Result<(), Failure> {
    let effective = settings(place)?;
    let mut outside = Outside::of(&effective, output, &sources::system())?;
    let (control, store) = open_signing(&effective).await?;
    let done = control.checkpoint_audit().await.map_err(refused)?;
    let kept = outside.keep(&control).await;
    store.close().await;
    kept?;
    for made in &done.made {
        print(&format!("{}  records 1 to {}  at {}\n", made.chain, made.size, made.at));
    }
    let refused: Vec<String> =
        done.refused.iter().map(|(chain, why)| format!("{chain}: {}", failure::chain(why))).collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("not signed, since they do not hold together any more: {}", refused.join("; "))))
}

async fn attempts(tenant: &str, place: &WhereArgs) -> Result<(), Failure> {
    let (control, store, caller) = open(tenant, place).await?;
    let checked = control.check_attempts(&caller).await.map_err(refused)?;
    store.close().await;
    print(&format!("{} digests over {} attempts agree with the database\n", checked.digests, checked.attempts));
    let wrong: Vec<String> = checked.wrong.iter().map(|(seq, why)| format!("record {seq}: {why}")).collect();
    if wrong.is_empty() { Ok(()) } else { Err(Failure::new(format!("attempts were changed: {}", wrong.join("; ")))) }
}

/// The use-cases for one tenant, as the operator.
async fn open(tenant: &str, place: &WhereArgs) -> Result<(Control, Store, Caller), Failure> {
    let (control, store) = open_control(&settings(place)?.config).await?;
    let found = control.find_tenant(tenant).await.map_err(refused)?;
    let found = found.ok_or_else(|| {
        Failure::new(format!("there is no tenant `{tenant}`; `freehold tenants list` shows those there are"))
    })?;
    let caller = control.operator(found.id);
    Ok((control, store, caller))
}

/// The use-cases over the vault, which signs.
async fn open_signing(effective: &Effective) -> Result<(Control, Store), Failure> {
    DataDir::open(&effective.config.data)?;
    let sources = sources::system();
    let store = wiring::open_store(&effective.config, &sources).await?;
    let vault = Keys::new(effective, &store, &sources)?.open_vault().await?;
    Ok((wiring::keys_control(store.clone(), vault, sources)?, store))
}
