//! The door judges each case as it should: the cases of a file, and those that are made up here from a seed.
//!
//! What is right is known independently of the door's own tables: the file says it, and `reference.rs` holds the ranges as
//! the registries list them.

mod addresses;
mod embedded;
mod file;
mod rebinding;
mod reference;
mod seed;
mod spellings;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use freehold_sandbox::egress::{Door, EgressConfig, Resolve, ResolveError, Verdict};
use freehold_tests::{Result, chance, places};
use futures_util::future::BoxFuture;

use crate::Wish;
use crate::proof::Proof;
use seed::Seed;

pub(crate) use file::{ALONE, judge_alone};

/// A name that leads wherever a case wants it to.
const NAME: &str = "hooks.example.com";
/// How many times more cases are made up in the long form than in the short one.
const LONG_FORM: usize = 20;

pub(crate) async fn prove(wish: &Wish) -> Result<Proof> {
    let mut proof = Proof::of("egress");
    let cases = wish.cases.clone().unwrap_or_else(|| places::data("ssrf-cases.txt"));
    file::check(&cases, wish.short, &mut proof).await?;
    let number = match wish.seed {
        Some(number) => number,
        None => u64::from(u32::from_le_bytes(chance::bytes()?)),
    };
    let mut seed = Seed::new(number);
    let scale = if wish.short { 1 } else { LONG_FORM };
    addresses::edges(&mut seed, scale, &mut proof).await;
    addresses::random(&mut seed, scale, &mut proof).await;
    spellings::check(&mut seed, scale, &mut proof).await;
    embedded::check(&mut seed, scale, &mut proof).await;
    rebinding::check(&mut seed, scale, &mut proof).await?;
    proof.figure("seed", number);
    Ok(proof)
}

/// A door whose only name leads wherever it is told to.
struct Gate {
    door: Door,
    name: Arc<Name>,
}

#[derive(Default)]
struct Name(Mutex<Vec<IpAddr>>);

impl Resolve for Name {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, std::result::Result<Vec<IpAddr>, ResolveError>> {
        let answer = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(std::future::ready(Ok(answer)))
    }
}

impl Gate {
    fn new(config: EgressConfig) -> Gate {
        let name = Arc::<Name>::default();
        Gate { door: Door::new(config, name.clone()), name }
    }

    /// The code of the door's refusal of `url`; `None` when it may be dialled.
    async fn refusal(&self, url: &str) -> Option<String> {
        match self.door.check(url, None).await {
            Verdict::Allowed => None,
            verdict => Some(verdict.failure().map(|failure| failure.code).unwrap_or_default()),
        }
    }

    fn lead_to(&self, addresses: &[IpAddr]) {
        *self.name.0.lock().unwrap_or_else(PoisonError::into_inner) = addresses.to_vec();
    }
}

/// What was tried of one kind, and what of it was not as it should be.
#[derive(Default)]
struct Tally {
    tried: usize,
    wrong: Vec<String>,
}

impl Tally {
    /// Notes a case; `what` is made only when it is wrong.
    fn count(&mut self, is_so: bool, what: impl FnOnce() -> String) {
        self.tried += 1;
        if !is_so {
            self.wrong.push(what());
        }
    }

    /// An address must be judged as `is_public` says, whether it is written or resolved to, for HTTP and for streams.
    async fn address(&mut self, gate: &Gate, address: IpAddr, written: &str, is_public: bool) {
        gate.lead_to(&[address]);
        for url in [
            format!("https://{written}/"),
            format!("https://{NAME}/"),
            format!("tls://{written}:9093"),
            format!("starttls://{NAME}:5432"),
        ] {
            let refusal = gate.refusal(&url).await;
            let is_so = if is_public { refusal.is_none() } else { refusal.as_deref() == Some("egress-address") };
            let said = || format!("{url} at {address}: {}", refusal.unwrap_or_else(|| "allowed".to_owned()));
            self.count(is_so, said);
        }
    }

    fn tell(self, name: &str, proof: &mut Proof) {
        proof.group(name, self.tried, &self.wrong);
    }
}

/// An address as it is written in a URL.
fn in_url(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}
