//! `freehold plugin …`: what its subcommands take, and how their help explains them.

use std::path::PathBuf;

use clap::Subcommand;

use super::WhereArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Begin a destination type of your own, in Rust: a folder that builds, with a test, a manifest and a README.
    #[command(after_help = "Examples:
  freehold plugin new redis-streams
  freehold plugin new redis-streams --folder ~/src/redis-streams --sdk ~/src/freehold/sdk

docs/plugins.md says how to go on.")]
    New {
        /// What the type is called: lower-case letters, digits and `-`.
        name: String,
        /// The new folder [default: NAME]
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,
        /// The folder of freehold-sdk [default: the one of the checkout that this program was built in]
        #[arg(long, value_name = "DIR")]
        sdk: Option<PathBuf>,
    },
    /// Inspect a component without running it: manifest, permissions, digest, size. Exits 1 if it would be refused.
    #[command(
        visible_alias = "check",
        after_help = "Example:
  freehold plugin inspect target/plugins/webhook.wasm"
    )]
    Inspect {
        /// The component.
        file: PathBuf,
        #[command(flatten)]
        place: WhereArgs,
    },
    /// List the destination types that the server would load.
    List {
        /// Folder with plugins; may be repeated.
        #[arg(long, value_name = "DIR")]
        plugins: Vec<PathBuf>,
        #[command(flatten)]
        place: WhereArgs,
    },
    /// Check a component and copy it into DATA/plugins. The server loads it when it starts next.
    #[command(after_help = "Example:
  freehold plugin install my-type.wasm && systemctl restart freehold")]
    Install {
        /// The component.
        file: PathBuf,
        #[command(flatten)]
        place: WhereArgs,
    },
}
