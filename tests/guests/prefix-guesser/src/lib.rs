//! Guesses a sealed secret byte by byte: with the right prefix, `without-prefix` answers otherwise than with a wrong one.

use freehold_sdk::{Batch, Error, Outcome, credential};
use misbehaviour::Config;

misbehaviour::guest!("prefix-guesser");

fn deliver(_: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    let secret = credential::field("secret")?;
    let mut guessed = String::new();
    while guessed.len() < secret.length() {
        let next = (' '..='~').find(|next| secret.without_prefix(&format!("{guessed}{next}")).is_ok());
        match next {
            Some(next) => guessed.push(next),
            None => break,
        }
    }
    match guessed.len() {
        0 => Ok(misbehaviour::delivered(&batch)),
        length => Err(misbehaviour::escaped(format_args!("{length} bytes of the secret are known"))),
    }
}
