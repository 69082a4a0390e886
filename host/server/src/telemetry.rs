//! Log lines to stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};
use crate::failure::Failure;

/// At `trace` the code generator alone writes hundreds of megabytes for one component. Whoever wants that can name it:
/// what the operator's filter says of these modules comes later and wins.
const QUIET: &str = "cranelift_codegen=info,cranelift_frontend=info,regalloc2=info,wasmtime=info";

/// Starts logging as `config` says.
pub(crate) fn start(config: &Config) -> Result<(), Failure> {
    let filter = EnvFilter::builder().parse(format!("{QUIET},{}", config.log)).map_err(|error| {
        let hint = "use error, warn, info, debug, trace or a filter such as info,freehold_pipeline=debug";
        Failure::because(format!("`log` is {:?}; {hint}", config.log), &error)
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match config.log_format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
    };
    started.map_err(|error| Failure::because("logging cannot start", error.as_ref()))
}
