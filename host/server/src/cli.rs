//! What can be said on the command line, and how `--help` explains it.

mod api_keys;
mod audit;
mod keys;
mod plugin;
mod plugin_author;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::api_keys::{ApiKeysCommand, ScopeArg};
pub(crate) use self::audit::{AuditCommand, AuditExportArgs, AuditVerifyArgs, ExportFormat};
pub(crate) use self::keys::KeysCommand;
pub(crate) use self::plugin::{
    InstallArgs, PluginCommand, RollbackArgs, SignKeyArgs, SwitchArgs, TestArgs, UpgradeArgs, WhichArgs,
};
pub(crate) use self::plugin_author::{
    BuildArgs, DevArgs, InspectArgs, LanguageArg, MakeArgs, PublishArgs, PullArgs, RegistryArgs,
};
use crate::config::LogFormat;

/// Delivers a product's events into what its customers own, under the customers' own credentials.
///
/// Each destination type is a sandboxed WebAssembly component that sees one customer's credential and reaches one
/// customer's endpoints. Everything is kept in one data directory; nothing else needs to run.
#[derive(Debug, Parser)]
#[command(
    name = "freehold",
    version,
    arg_required_else_help = true,
    after_help = "First steps:
  freehold serve                        start, with data in ./freehold-data
  freehold tenants create acme          make a tenant and print its API key, once
  freehold plugin list                  the destination types that are installed
  freehold config                       every setting, its value and where it came from
  freehold egress check URL             whether destinations may reach a URL, and why not

Settings come from four places; the later wins: defaults, a TOML file (--config, else
./freehold.toml if it is there), FREEHOLD_… environment variables, flags."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server: the API, and the engine that delivers.
    #[command(after_help = "Examples:
  freehold serve
  freehold serve --data /var/lib/freehold --listen 0.0.0.0:8080
  freehold serve --database postgres://freehold@db.example/freehold
  freehold serve --egress-allow 127.0.0.0/8:9000      let destinations reach a local receiver
  FREEHOLD_LOG=debug freehold serve
  freehold serve --set limits.memory_bytes=268435456  any setting that `freehold config` lists

When it is ready it prints one line on stdout: freehold: listening on http://ADDRESS
SIGTERM or Ctrl-C stops it gently: what is under way is finished or given back, then it exits 0.
A second signal exits at once; nothing that was acknowledged is lost by that.")]
    Serve(ServeArgs),
    /// Make and list tenants: the products that publish events.
    #[command(subcommand)]
    Tenants(TenantsCommand),
    /// Change keys: the deployment's own, which protects every customer's credentials, and the API keys of tenants.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Verify, export and sign the audit logs.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Begin, build, try out, sign, publish, install, upgrade and list destination types.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Ask the door to the network how it judges.
    #[command(subcommand)]
    Egress(EgressCommand),
    /// Prepare a Postgres database.
    #[command(subcommand)]
    Database(DatabaseCommand),
    /// Move a whole installation into another database.
    #[command(after_help = "Example:
  freehold migrate --from sqlite --to postgres --data DIR --database postgres://freehold@db.example/freehold

No server may be running on the data directory. The target must have its roles (see `freehold database roles`) and nothing
else in it. Everything is copied in one transaction and compared by counts and digests; when anything differs, nothing is
kept. The SQLite file stays as it is. The key file, plugins and compiled code stay in the data directory: serve from it with
--database, and keep the old file until you are content.")]
    Migrate(MigrateArgs),
    /// Print the effective settings as TOML, secrets masked, each with where it came from.
    #[command(after_help = "Examples:
  freehold config
  freehold config > freehold.toml       a file to start from: it holds every setting
  FREEHOLD_LISTEN=0.0.0.0:80 freehold config")]
    Config(ServeArgs),
    /// Print the OpenAPI 3.1 document of the API.
    #[command(after_help = "Example:
  freehold openapi > openapi.json")]
    Openapi,
    /// Compile a component: for servers, which start this program for it.
    #[command(hide = true)]
    CompileComponent,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DatabaseCommand {
    /// Print the SQL that makes the roles and the schema which Freehold needs in a Postgres database.
    #[command(
        after_help = "An administrator of the database runs it once, and makes the role that Freehold logs in as:
  freehold database roles | psql --dbname freehold
  psql --dbname freehold --command \"CREATE ROLE freehold LOGIN NOINHERIT PASSWORD '...'\"
  psql --dbname freehold --command 'GRANT freehold_owner, freehold_app, freehold_worker TO freehold'
Then:
  freehold serve --database postgres://freehold@HOST/freehold

Freehold makes its tables by itself, and brings them up to date whenever a newer version starts."
    )]
    Roles,
}

/// What is moved where.
#[derive(Debug, Clone, Args)]
pub(crate) struct MigrateArgs {
    /// What the installation uses now
    #[arg(long, value_name = "ENGINE")]
    pub(crate) from: SourceEngine,
    /// What it is to use
    #[arg(long, value_name = "ENGINE")]
    pub(crate) to: TargetEngine,
    #[command(flatten)]
    pub(crate) place: WhereArgs,
}

/// An engine that can be moved from.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SourceEngine {
    /// The file in the data directory.
    Sqlite,
}

/// An engine that can be moved to.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum TargetEngine {
    /// The database that --database names.
    Postgres,
}

/// Which installation a command works on.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct WhereArgs {
    /// TOML file with settings [default: ./freehold.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Data directory: database, key file, plugins, code cache [default: ./freehold-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Postgres database that any number of hosts share, such as postgres://freehold@db.example/freehold; the password
    /// comes from PGPASSWORD, ~/.pgpass or FREEHOLD_DATABASE [default: a SQLite file in the data directory]
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
}

/// Every setting that has a flag of its own.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) place: WhereArgs,
    /// Address and port of the API [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Folder with plugins (*.wasm); may be repeated [default: DATA/plugins, and `plugins` near the executable]
    #[arg(long, value_name = "DIR")]
    pub(crate) plugins: Vec<PathBuf>,
    /// File with the key that protects all credentials [default: DATA/kek, made at the first start]
    #[arg(long, value_name = "FILE")]
    pub(crate) kek_file: Option<PathBuf>,
    /// Address range that destinations may reach although it is not public, such as 10.0.0.0/8:443; may be repeated
    #[arg(long, value_name = "CIDR:PORT")]
    pub(crate) egress_allow: Vec<String>,
    /// Load destination types without a signature too: for development only
    #[arg(long)]
    pub(crate) dev: bool,
    /// What to log: error, warn, info, debug, trace, or a filter such as info,freehold_pipeline=debug [default: info]
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How log lines are written to stderr [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// Any setting that `freehold config` lists; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TenantsCommand {
    /// Make a tenant and its first API key. Prints the key once; it cannot be shown again.
    #[command(after_help = "Works while a server runs on the same data directory.

Examples:
  freehold tenants create acme
  KEY=$(freehold tenants create acme | sed -n 's/^key: //p')")]
    Create {
        /// What people call it; unique.
        name: String,
        #[command(flatten)]
        place: WhereArgs,
    },
    /// List tenants.
    List {
        #[command(flatten)]
        place: WhereArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum EgressCommand {
    /// Tell whether destinations may reach these URLs: by which rule not, and which setting changes that.
    ///
    /// Uses the settings in force and looks names up as a delivery would, but opens no connection. Whether a server answers
    /// and shows the right certificate is not looked at. Takes https://, http://, tls://, starttls:// and tcp://; byte
    /// streams need a port.
    #[command(after_help = "Examples:
  freehold egress check https://hooks.example.com/in tls://kafka.example.com:9093
  freehold egress check https://10.1.2.3/ --egress-allow 10.1.2.0/24:443     what if?
  freehold egress check --file urls.txt --json | jq -r 'select(.allowed | not) | .url'
  some-program | freehold egress check --file -

A file has one URL a line, perhaps followed by a tab and whatever else, or JSON: a string, or an
object with `url`. Empty lines and lines that begin with # are left out.

Exit code: 0 all may be reached, 1 some may not, 2 it could not be told (usage, settings, file).")]
    Check(EgressCheckArgs),
}

#[derive(Debug, Args)]
pub(crate) struct EgressCheckArgs {
    /// URLs to judge.
    #[arg(value_name = "URL", required_unless_present = "file")]
    pub(crate) urls: Vec<String>,
    /// File with more URLs; - is stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// One JSON object a line
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

/// Reads `20s`, `30m`, `12h` or `90d` as milliseconds.
fn lifetime_ms(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a time: write a number and s, m, h or d, such as 90d");
    let unit_ms = match text.chars().last() {
        Some('s') => 1_000,
        Some('m') => 60_000,
        Some('h') => 3_600_000,
        Some('d') => 86_400_000,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    number.checked_mul(unit_ms).filter(|ms| *ms > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn lifetimes_are_read_in_seconds_minutes_hours_and_days() {
        assert_eq!(lifetime_ms("20s"), Ok(20_000));
        assert_eq!(lifetime_ms("30m"), Ok(1_800_000));
        assert_eq!(lifetime_ms("12h"), Ok(43_200_000));
        assert_eq!(lifetime_ms("90d"), Ok(7_776_000_000));
        for text in ["", "90", "d", "-1d", "0d", "1w", "1.5h", "99999999999999999999d", "é"] {
            assert!(lifetime_ms(text).is_err(), "{text}");
        }
    }
}
