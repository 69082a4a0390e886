//! The arguments of the commands that install types and change which version destinations run.

use std::path::PathBuf;

use clap::Args;

use super::super::WhereArgs;

/// What `freehold plugin install` installs.
#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// The component.
    pub(crate) file: PathBuf,
    /// File with its signature, Freehold's own or a bundle of cosign [default: FILE.sig, else FILE.sigstore.json]
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Option<PathBuf>,
    /// Install it for this tenant alone
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    /// Take it without a signature; only servers that run with --dev load it
    #[arg(long)]
    pub(crate) dev: bool,
    #[command(flatten)]
    pub(crate) place: WhereArgs,
}

/// What `freehold plugin upgrade` upgrades.
#[derive(Debug, Args)]
pub(crate) struct UpgradeArgs {
    /// The type's name.
    #[arg(value_name = "TYPE")]
    pub(crate) name: String,
    /// Version or digest to go over to [default: the one that new destinations get]
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    /// Apply it even where it asks for more permissions than the version that a destination runs
    #[arg(long)]
    pub(crate) approve_permissions: bool,
    /// Only destinations of this tenant
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    #[command(flatten)]
    pub(crate) place: WhereArgs,
}

/// Which destinations.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct WhichArgs {
    /// The destination with this id
    #[arg(long, value_name = "ID")]
    pub(crate) destination: Option<String>,
    /// A share of them, such as 10%: always the same ones
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) share: Option<f64>,
    /// All of them, and those that will be made
    #[arg(long)]
    pub(crate) all: bool,
}

/// What `freehold plugin rollback` takes back.
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The type's name.
    #[arg(value_name = "TYPE")]
    pub(crate) name: String,
    /// Version or digest to take back [default: the one that new destinations get]
    #[arg(long, value_name = "VERSION")]
    pub(crate) from: Option<String>,
    /// Only destinations of this tenant
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    #[command(flatten)]
    pub(crate) place: WhereArgs,
}

/// What `freehold plugin disable` and `enable` switch.
#[derive(Debug, Args)]
pub(crate) struct SwitchArgs {
    /// The type's name.
    #[arg(value_name = "TYPE")]
    pub(crate) name: String,
    /// Only this version or digest [default: every version]
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// What this tenant installed for itself
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    #[command(flatten)]
    pub(crate) place: WhereArgs,
}

/// Reads `10%`, `0.5%` or `10`.
fn percent(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.trim_end_matches('%').parse().ok();
    number
        .filter(|percent| *percent > 0.0 && *percent <= 100.0)
        .ok_or_else(|| format!("`{text}` is not a share: write one such as 10%, above 0 and at most 100"))
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn a_share_is_a_percentage() {
        assert_eq!([percent("10%"), percent("0.5%"), percent("100")], [Ok(10.0), Ok(0.5), Ok(100.0)]);
        for text in ["", "0", "0%", "101%", "-1", "NaN", "ten"] {
            assert!(percent(text).is_err(), "{text}");
        }
    }
}
