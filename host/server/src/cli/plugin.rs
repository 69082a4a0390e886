//! `freehold plugin …`: what its subcommands take, and how their help explains them.

mod installed;

use std::path::PathBuf;

use clap::{Args, Subcommand};

pub(crate) use self::installed::{InstallArgs, RollbackArgs, SwitchArgs, UpgradeArgs, WhichArgs};
use super::WhereArgs;
use super::plugin_author::{BuildArgs, DevArgs, InspectArgs, PublishArgs, PullArgs};
use crate::commands::Language;

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Begin a destination type of your own: a folder that builds, with a test, a manifest and a README.
    #[command(after_help = "Examples:
  freehold plugin new redis-streams
  freehold plugin new slack --lang ts
  freehold plugin new elasticsearch --lang python
  freehold plugin new redis-streams --folder ~/src/redis-streams --sdk ~/src/freehold/sdk

docs/guide-first-plugin.md builds one step by step; docs/plugins.md is the reference; docs/sdk-typescript.md and
docs/sdk-python.md say what these languages cost.")]
    New {
        /// What the type is called: lower-case letters, digits and `-`.
        name: String,
        /// What it is written in.
        #[arg(long = "lang", value_enum, default_value_t = Language::Rust, value_name = "LANGUAGE")]
        language: Language,
        /// The new folder [default: NAME]
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,
        /// The folder `sdk` of a checkout [default: the one of the checkout that this program was built in]
        #[arg(long, value_name = "DIR")]
        sdk: Option<PathBuf>,
    },
    /// Build the component of a plugin's folder, whatever it is written in, and say what it asks for.
    Build(BuildArgs),
    /// Build a plugin's folder and deliver sample events with it, anew whenever a file is saved.
    Dev(DevArgs),
    /// Inspect a component without running it: manifest, permissions, digest, size. Exits 1 if it would be refused.
    #[command(visible_alias = "check")]
    Inspect(InspectArgs),
    /// Make a key to sign components with: a private key for you alone, and the public one for those who trust you.
    #[command(after_help = "Examples:
  freehold plugin keygen --key acme.key         writes acme.key (mode 0600) and acme.pub
  freehold plugin keygen --key ~/keys/acme.key

Operators put the printed line into their settings, or the file acme.pub into `trust.key_files`:
  [trust]
  keys = [\"acme=MCowBQYDK2VwAyEA…\"]

The private key is PEM (PKCS #8, Ed25519), not encrypted: whoever can read it can sign for you.
Exit codes: 0 made, 2 could not be written, or there is a key already.")]
    Keygen {
        /// The new file of the private key; the public key is written beside it, as .pub
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Sign a component with your private key: writes the signature beside it, as FILE.sig.
    #[command(after_help = "Examples:
  freehold plugin sign target/my-type.wasm --key acme.key
  freehold plugin sign target/my-type.wasm --new-key acme.key     makes the key first

What is signed is the component's digest. A bundle of cosign is understood as well:
  cosign sign-blob --key cosign.key --bundle my-type.wasm.sigstore.json my-type.wasm

Exit codes: 0 signed, 2 could not be tried.")]
    Sign {
        /// The component.
        file: PathBuf,
        #[command(flatten)]
        keys: SignKeyArgs,
    },
    /// Check that somebody you trust signed a component. Nothing of it runs.
    #[command(after_help = "Examples:
  freehold plugin verify my-type.wasm                     with the keys of the settings (`trust.keys`)
  freehold plugin verify my-type.wasm --key acme.pub      with this key alone
  freehold plugin verify my-type.wasm --signature my-type.wasm.sigstore.json --key cosign.pub

Without --signature it looks for FILE.sig, then for FILE.sigstore.json, both beside the component.
Exit codes: 0 signed by somebody trusted, 1 not, 2 could not be tried.")]
    Verify {
        /// The component.
        file: PathBuf,
        /// File with the signature, Freehold's own or a bundle of cosign
        #[arg(long, value_name = "FILE")]
        signature: Option<PathBuf>,
        /// File with a public key to trust, in the place of those in the settings; may be repeated
        #[arg(long, value_name = "FILE")]
        key: Vec<PathBuf>,
        #[command(flatten)]
        place: WhereArgs,
    },
    /// Publish a component to an OCI registry.
    Publish(PublishArgs),
    /// Pull a component from an OCI registry, by tag or digest.
    Pull(PullArgs),
    /// Test a component: does it keep the contract, whatever the other side does? Nothing leaves this machine.
    #[command(
        after_help = "Runs the component in the real sandbox and plays the other side to it, well and badly. Exits 0 when every check
passed or was skipped, 1 when one failed, 2 when the component could not be tried. What the other side says is in a
script, conformance.json: the one that is named, or the one beside the component or its manifest.json.

Examples:
  freehold plugin test target/plugins/webhook.wasm --script plugins/webhook/conformance.json
  freehold plugin test my-type.wasm --only fault-401
  freehold plugin test my-type.wasm --junit report.xml
  freehold plugin test postgres.wasm --relay db.acme.example:5432=127.0.0.1:5432

docs/conformance.md says what each check asks for, and how a script is written."
    )]
    Test(TestArgs),
    /// List the versions that are installed: digest, signer, whose they are, state, and how many destinations run each.
    #[command(after_help = "Examples:
  freehold plugin list
  freehold plugin list --data /var/lib/freehold

Exit codes: 0 listed, 2 could not be tried.")]
    List {
        #[command(flatten)]
        place: WhereArgs,
    },
    /// Install a component while servers run: checked, compiled apart, recorded with its permissions and its signer.
    #[command(after_help = "Examples:
  freehold plugin install my-type.wasm                       signed by a key of `trust.keys`: my-type.wasm.sig
  freehold plugin install my-type.wasm --signature my-type.wasm.sigstore.json
  freehold plugin install my-type.wasm --tenant acme         for one tenant alone
  freehold plugin install my-type.wasm --dev                 without a signature, for development

Servers find it within a second. New destinations get it at once; those that exist stay on
their version until `freehold plugin upgrade`. Nothing of the component runs meanwhile.
Exit codes: 0 installed, or it was already; 1 refused, 2 could not be tried.")]
    Install(InstallArgs),
    /// Have destinations go over to another version of their type: one, a share, or all.
    #[command(after_help = "Examples:
  freehold plugin upgrade webhook --share 10%                the same tenth each time
  freehold plugin upgrade webhook --destination dst_01k9zq3v8w4e5r6t7y8u9i0o1p
  freehold plugin upgrade webhook --all
  freehold plugin upgrade webhook --to 1.2.0 --all --approve-permissions

Attempts that are under way end on the version that they began with. A destination stays on its
version, and is named, when its config or credential does not fit the new one, or when the new
one asks for more permissions and these were not approved.
Exit codes: 0 done, 1 some or all stay on their version, 2 could not be tried.")]
    Upgrade(UpgradeArgs),
    /// Take an upgrade back: each destination gets the version that it had before.
    #[command(after_help = "Examples:
  freehold plugin rollback webhook
  freehold plugin rollback webhook --from 2.0.0              after a canary of a version that is not current

Exit codes: 0 done, 1 refused, or some stay on their version, 2 could not be tried.")]
    Rollback(RollbackArgs),
    /// Have nothing run a type, or one version of it. Events for its destinations are kept.
    #[command(after_help = "Examples:
  freehold plugin disable webhook
  freehold plugin disable webhook --version 2.0.0

Exit codes: 0 done, 1 refused, 2 could not be tried.")]
    Disable(SwitchArgs),
    /// Let what was disabled run again. Events that were kept are delivered.
    #[command(after_help = "Examples:
  freehold plugin enable webhook
  freehold plugin enable webhook --version 2.0.0

Exit codes: 0 done, 1 refused, 2 could not be tried.")]
    Enable(SwitchArgs),
}

/// The key that signs.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct SignKeyArgs {
    /// File with your private key
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Make a private key in this new file, as `keygen` does, and sign with it
    #[arg(long, value_name = "FILE")]
    pub(crate) new_key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// The component.
    pub(crate) file: PathBuf,
    /// What the other side says.
    #[arg(long, value_name = "FILE")]
    pub(crate) script: Option<PathBuf>,
    /// A real server behind an endpoint of an example; may be repeated.
    #[arg(long, value_name = "HOST:PORT=ADDRESS")]
    pub(crate) relay: Vec<String>,
    /// A certificate to trust, in PEM, of a real server that ends TLS itself; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) root: Vec<PathBuf>,
    /// Make this check alone.
    #[arg(long, value_name = "CHECK")]
    pub(crate) only: Option<String>,
    /// Also write the result to a file, as JUnit has it.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: WhereArgs,
}
