//! What can be said to `freehold audit`, and how `--help` explains it.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::WhereArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check that an export is what was recorded. Needs nothing but the export: no server, no data directory.
    #[command(
        after_help = "It finds whatever was changed, left out, added, moved or cut off before the last checkpoint.
Give the public key that you noted when all was well: a key inside the export proves nothing against whoever wrote it.
A checkpoint that was kept elsewhere shows also that nothing is missing at the end.

Exit code: 0 intact, 1 tampered with or damaged, 2 it could not be told.

Examples:
  freehold audit verify audit.jsonl --public-key freehold-audit+1a2b3c4d+AbCd…
  freehold audit verify audit.jsonl --public-key public-key.txt --checkpoint /mnt/witness/ten_01jd…"
    )]
    Verify(AuditVerifyArgs),
    /// Write a tenant's audit log, or the deployment's own, to a file or to stdout.
    #[command(after_help = "Only the format jsonl can be verified.

Examples:
  freehold audit export acme --output audit.jsonl
  freehold audit export --deployment
  freehold audit export acme --format csv > audit.csv")]
    Export(AuditExportArgs),
    /// Sign what every log has become since its last checkpoint, now, beside a server or without one.
    #[command(after_help = "A server does so by itself every hour (setting audit_checkpoint_ms).

Exit code: 0, or 1 when a log does not hold together any more: it is not signed, and the others are.

Example:
  freehold audit checkpoint --output /mnt/witness      write the signed checkpoints there as well")]
    Checkpoint {
        /// Folder that the last checkpoint of each log is written to, beside that of the setting audit_checkpoint_folder.
        #[arg(long, value_name = "DIR")]
        output: Option<PathBuf>,
        #[command(flatten)]
        place: WhereArgs,
    },
    /// Print the public key that checkpoints are checked with. Note it where nobody who may change the data can change it.
    Key {
        #[command(flatten)]
        place: WhereArgs,
    },
    /// Compare a tenant's attempts in the database with their digests in its audit log.
    #[command(after_help = "Exit code: 0 they agree, 1 they do not.

Example:
  freehold audit attempts acme")]
    Attempts {
        /// The tenant's name or id.
        tenant: String,
        #[command(flatten)]
        place: WhereArgs,
    },
    /// Erase the names and other personal values of a customer, an API key or the tenant from its audit log.
    #[command(after_help = "The records stay without them, the log can still be verified, and the erasure is recorded.
Backups and exports that were made before still have them.

Example:
  freehold audit erase acme cus_01jd…")]
    Erase {
        /// The tenant's name or id.
        tenant: String,
        /// Whose: cus_…, key_… or ten_…
        subject: String,
        #[command(flatten)]
        place: WhereArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AuditVerifyArgs {
    /// The export, in the format jsonl; - for stdin.
    pub(crate) export: PathBuf,
    /// A public key that you trust, or a file that has it; may be repeated.
    #[arg(long, value_name = "KEY")]
    pub(crate) public_key: Vec<String>,
    /// A checkpoint that was kept elsewhere, or a folder of them (*.checkpoint); may be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AuditExportArgs {
    /// The tenant's name or id.
    #[arg(required_unless_present = "deployment")]
    pub(crate) tenant: Option<String>,
    /// The deployment's own log instead of a tenant's.
    #[arg(long, conflicts_with = "tenant")]
    pub(crate) deployment: bool,
    /// How it is written.
    #[arg(long, default_value = "jsonl")]
    pub(crate) format: ExportFormat,
    /// The file [default: stdout]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: WhereArgs,
}

/// A format of an export, as written on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Lines of JSON with hashes and checkpoints: can be verified.
    Jsonl,
    /// For spreadsheets.
    Csv,
    /// For SIEMs: events of the Open Cybersecurity Schema Framework, one per line.
    Ocsf,
}
