//! Which toolchain builds the plugins here? freehold-toolchain finds it or sets it up, inside target/.

pub(crate) use freehold_toolchain::rust::{TARGET, Toolchain, library};
use freehold_toolchain::{Surroundings, rust};

use crate::Failed;
use crate::{program, say};

/// Names the toolchain to use, for whoever wants a certain one.
const CHOICE: &str = "FREEHOLD_GUEST_TOOLCHAIN";

/// Finds or sets up the toolchain. `wanted` is the command's `--guest-toolchain`: `rustup`, `debian` or nothing.
pub(crate) fn set_up(wanted: Option<&str>) -> Result<Toolchain, Failed> {
    let environment = program::environment(CHOICE).map(|value| value.to_string_lossy().into_owned());
    let surroundings = Surroundings {
        cache: program::target(),
        here: program::root(),
        rustc: program::environment("RUSTC").unwrap_or_else(|| "rustc".into()),
        cargo: program::environment("CARGO").unwrap_or_else(|| "cargo".into()),
        path: program::environment("PATH").unwrap_or_default(),
    };
    rust::set_up(wanted.map(str::to_owned).or(environment).as_deref(), &surroundings, &say::aloud())
}
