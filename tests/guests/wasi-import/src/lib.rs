//! Imports the environment of WASI, as a component that was built for another target would.

use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package wasi:cli@0.2.6;
            interface environment {
                get-environment: func() -> list<tuple<string, string>>;
                get-arguments: func() -> list<string>;
                initial-cwd: func() -> option<string>;
            }
            world guest { import environment; }
        ",
    });
}

misbehaviour::guest!("wasi-import");

fn deliver(_: &Config, _: Batch) -> Result<Vec<Outcome>, Error> {
    let found = bindings::wasi::cli::environment::get_environment().len();
    Err(misbehaviour::escaped(format_args!("the import answered with {found}")))
}
