//! What can be said to `freehold keys api`, and how `--help` explains it.

use clap::{Subcommand, ValueEnum};

use super::{WhereArgs, lifetime_ms};

#[derive(Debug, Subcommand)]
#[command(after_help = "Scopes:
  publish   publish events
  read      read destinations, events, deliveries, attempts and the audit log
  manage    read, and set up, change, rotate, try, pause and replay destinations
  admin     everything, API keys and portal sessions too

To change a key without haste:
  freehold keys api rotate acme key_01jd… --overlap 7d     prints the new key; both work for a week")]
pub(crate) enum ApiKeysCommand {
    /// Make an API key. Prints it once; it cannot be shown again.
    #[command(after_help = "Examples:
  freehold keys api create acme --name ci --scope publish --expires-in 90d
  freehold keys api create acme --name dashboard --scope read,manage")]
    Create {
        /// The tenant's name or id.
        tenant: String,
        /// What people call the key.
        #[arg(long)]
        name: String,
        /// What it may do; several with commas between.
        #[arg(long, required = true, value_delimiter = ',')]
        scope: Vec<ScopeArg>,
        /// When it ends by itself: 30m, 12h, 90d [default: never]
        #[arg(long, value_name = "TIME", value_parser = lifetime_ms)]
        expires_in: Option<u64>,
        /// Begin the key with fh_test_ instead of fh_live_.
        #[arg(long)]
        test: bool,
        #[command(flatten)]
        place: WhereArgs,
    },
    /// List a tenant's API keys, revoked ones included.
    List {
        /// The tenant's name or id.
        tenant: String,
        #[command(flatten)]
        place: WhereArgs,
    },
    /// Put a new key with the same name and scopes into a key's place; the former one goes on for a while.
    #[command(after_help = "Examples:
  freehold keys api rotate acme key_01jd…                  both work for a day
  freehold keys api rotate acme key_01jd… --overlap 0s     the former key leaked: it ends at once")]
    Rotate {
        /// The tenant's name or id.
        tenant: String,
        /// The key's id, key_…
        key: String,
        /// How long the former key goes on: 0s, 12h, 30d at most [default: 24h]
        #[arg(long, value_name = "TIME", value_parser = overlap_ms)]
        overlap: Option<u64>,
        /// When the new key ends by itself: 30m, 12h, 90d [default: never]
        #[arg(long, value_name = "TIME", value_parser = lifetime_ms)]
        expires_in: Option<u64>,
        #[command(flatten)]
        place: WhereArgs,
    },
    /// Revoke an API key: from then on it opens nothing.
    #[command(after_help = "Example:
  freehold keys api revoke acme key_01jd…       the id is in `freehold keys api list acme`")]
    Revoke {
        /// The tenant's name or id.
        tenant: String,
        /// The key's id, key_…
        key: String,
        #[command(flatten)]
        place: WhereArgs,
    },
}

/// What a key may do, as written on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ScopeArg {
    /// Publish events.
    Publish,
    /// Read.
    Read,
    /// Read, and manage destinations.
    Manage,
    /// Everything within the tenant.
    Admin,
}

/// Like a lifetime, but it may be none.
fn overlap_ms(text: &str) -> Result<u64, String> {
    if text == "0" || text == "0s" { Ok(0) } else { lifetime_ms(text) }
}
