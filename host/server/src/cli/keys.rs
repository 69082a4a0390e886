//! What can be said to `freehold keys`, and how `--help` explains it.

use std::path::PathBuf;

use clap::Subcommand;

use super::{ApiKeysCommand, WhereArgs};

#[derive(Debug, Subcommand)]
#[command(
    after_help = "`freehold keys api` is about the API keys of tenants. All else here is about the deployment's own key: it wraps one key per
customer, and these seal the credentials. To change it:

  freehold keys rotate                  make a new key, wrap every customer's key with it
  freehold keys list                    the former key wraps 0 now
  freehold keys retire kek_0123…        once no backup is left that needs it

Servers go on meanwhile and learn of the new key by themselves. Back the key file up after each change.

Exit code: 0 done, 1 refused or failed, 2 not understood."
)]
pub(crate) enum KeysCommand {
    /// Make, list, rotate and revoke the API keys of a tenant.
    #[command(subcommand)]
    Api(ApiKeysCommand),
    /// List the deployment's keys: what each is for, how many customers' keys it wraps, and whether the keyring has it.
    #[command(after_help = "States:
  encrypting     wraps every new customer's key; there is one
  decrypt-only   unwraps what it wrapped before, and may be the next to wrap
  retired        never used again
  unused         in the keyring, and the database does not know it yet

Exit code: 0, or 1 when a key that is needed is missing from the keyring.

Example:
  freehold keys list --data /var/lib/freehold")]
    List {
        #[command(flatten)]
        place: WhereArgs,
    },
    /// Add a key to the keyring, to unwrap only, without using it yet.
    #[command(after_help = "With several hosts, add a key, bring the key file to all of them, then rotate to it.

Examples:
  freehold keys add                                  make a new key
  freehold keys add --from-file other.kek            take a key of another deployment over
  freehold keys add transit:transit/freehold         a key in OpenBao or Vault: MOUNT/NAME
  freehold keys add aws-kms:alias/freehold           a key in AWS KMS: id, alias or ARN

How key services are reached: docs/operating.md, \"Keys\".")]
    Add {
        /// A key that a key service keeps. A key itself is never given here: others see the command line.
        #[arg(value_name = "SERVICE:NAME", conflicts_with = "from_file")]
        reference: Option<String>,
        /// File of mode 0600 with the key, fhkek1_…
        #[arg(long, value_name = "FILE")]
        from_file: Option<PathBuf>,
        #[command(flatten)]
        place: WhereArgs,
    },
    /// Make a new key the one that wraps, and wrap every customer's key with it.
    #[command(
        after_help = "Broken off at any point, it is simply run again: it goes on where it was, and makes no further key.
Credentials themselves are not touched; nothing is stopped. Progress is written to stderr.

Examples:
  freehold keys rotate                               to a new key in the key file
  freehold keys rotate --to kek_0123456789abcdef     to a key that was added before
  freehold keys rotate --to transit:transit/freehold from the key file to OpenBao or Vault

Exit code: 0 all is wrapped under the new key, 1 not all: the message says what to do."
    )]
    Rotate {
        /// The key that shall wrap: its id, or SERVICE:NAME [default: a new one]
        #[arg(long, value_name = "KEY")]
        to: Option<String>,
        #[command(flatten)]
        place: WhereArgs,
    },
    /// Take a key that wraps nothing any more out of the keyring, for good.
    #[command(
        after_help = "Refused while a customer's key is wrapped under it. A backup of the database from before the rotation
cannot be opened without it: retire it when the last of these has expired, or keep it in a backup of its own.

Example:
  freehold keys retire kek_0123456789abcdef"
    )]
    Retire {
        /// The key's id, kek_…
        key: String,
        #[command(flatten)]
        place: WhereArgs,
    },
}
