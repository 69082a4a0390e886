//! Which claim is to be proved, and how is it told? A table for people, then one JSON object on the last line.

mod audit;
mod conformance;
mod crash;
mod egress;
mod isolation;
mod portal;
mod proof;
mod rotation;
mod sandbox;
mod secrets;
mod signatures;

use std::path::PathBuf;
use std::process::ExitCode;

use freehold_tests::{Result, Where, places, trouble};

use crate::proof::Proof;

/// What was asked for.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    /// Less of it, for every day.
    pub(crate) short: bool,
    /// How often to kill, or to replace credentials.
    pub(crate) rounds: Option<u32>,
    /// Vectors of signatures.
    pub(crate) vectors: Option<PathBuf>,
    /// Components of the asker's own.
    pub(crate) guests: Vec<PathBuf>,
    /// Components of the asker's own, for the conformance kit.
    pub(crate) components: Vec<PathBuf>,
    /// Cases for the egress door.
    pub(crate) cases: Option<PathBuf>,
    /// Which database the hosts use.
    pub(crate) database: Option<String>,
    /// What cases are made up from.
    pub(crate) seed: Option<u64>,
    /// Whether pictures are kept.
    pub(crate) screenshots: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let claim = arguments.next().unwrap_or_default();
    // Not a claim: the egress proof starts this program again where a case wants an environment of its own.
    if claim == egress::ALONE {
        return match egress::judge_alone().await {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("the case could not be judged: {why}");
                ExitCode::FAILURE
            }
        };
    }
    let proof = match wish(arguments) {
        Ok(wish) => prove(&claim, &wish).await,
        Err(why) => Err(why),
    };
    match proof {
        Ok(proof) => proof.tell(),
        Err(why) => {
            eprintln!("`{claim}` could not be tried: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn prove(claim: &str, wish: &Wish) -> Result<Proof> {
    match claim {
        "signatures" => signatures::prove(wish).await,
        "sandbox" => sandbox::prove(wish).await,
        "secrets" => secrets::prove(wish).await,
        "crash" => crash::prove(wish).await,
        "egress" => egress::prove(wish).await,
        "audit" => audit::prove(wish).await,
        "rotation" => rotation::prove(wish).await,
        "conformance" => conformance::prove(wish).await,
        "isolation" => isolation::prove(wish).await,
        "portal" => portal::prove(wish).await,
        other => Err(trouble(format!("there is no claim `{other}`: see cargo xtask prove --help"))),
    }
}

impl Wish {
    /// A database for a host, where it is to be another one than a file of its own.
    fn database(&self) -> Result<Where> {
        match self.database.as_deref() {
            None | Some("sqlite") => Ok(Where::File),
            Some("postgres") => places::postgres().map(Where::Server),
            Some(other) => Err(trouble(format!("--database is sqlite or postgres, not `{other}`"))),
        }
    }
}

fn wish(arguments: impl Iterator<Item = String>) -> Result<Wish> {
    let mut wish = Wish::default();
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next_if(|next| !next.starts_with("--"));
        match argument.as_str() {
            "--short" => wish.short = true,
            "--screenshots" => wish.screenshots = true,
            "--rounds" => {
                let number = value().and_then(|number| number.parse().ok());
                wish.rounds = Some(number.ok_or_else(|| trouble("--rounds needs a number"))?);
            }
            "--vectors" => {
                wish.vectors = Some(value().ok_or_else(|| trouble("--vectors needs a file"))?.into());
            }
            "--cases" => {
                wish.cases = Some(value().ok_or_else(|| trouble("--cases needs a file"))?.into());
            }
            "--database" => {
                wish.database = Some(value().ok_or_else(|| trouble("--database is sqlite or postgres"))?);
            }
            "--seed" => {
                let number = value().and_then(|number| number.parse().ok());
                wish.seed = Some(number.ok_or_else(|| trouble("--seed needs a number"))?);
            }
            "--guest" | "--component" => {
                let files: Vec<PathBuf> = std::iter::from_fn(value).map(PathBuf::from).collect();
                if files.is_empty() {
                    return Err(trouble(format!("{argument} needs one file or more")));
                }
                if argument == "--guest" { wish.guests.extend(files) } else { wish.components.extend(files) }
            }
            other => return Err(trouble(format!("there is no option `{other}`: see cargo xtask prove --help"))),
        }
    }
    Ok(wish)
}
