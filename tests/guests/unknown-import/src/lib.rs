//! Imports an interface that the contract does not have.

use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package freehold:evil@0.1.0;
            interface thing { steal: func() -> string; }
            world guest { import thing; }
        ",
    });
}

misbehaviour::guest!("unknown-import");

fn deliver(_: &Config, _: Batch) -> Result<Vec<Outcome>, Error> {
    let found = bindings::freehold::evil::thing::steal().len();
    Err(misbehaviour::escaped(format_args!("the import answered with {found}")))
}
