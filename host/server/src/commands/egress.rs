//! `freehold egress check`: how would the door judge a URL, by which rule, and which setting changes that?

mod read;
mod remedy;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use freehold_model::Failure as Refused;
use freehold_sandbox::egress::{Door, Explanation, Ground, SystemResolver};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use self::remedy::Remedy;
use crate::cli::{EgressCheckArgs, EgressCommand, ServeArgs};
use crate::commands::print;
use crate::config::{self, Config};
use crate::failure::Failure;
use crate::telemetry;

/// The exit code when it cannot be told how the door judges.
const UNTOLD: u8 = 2;
/// Names that are looked up at a time.
const LOOKUPS_MAX: usize = 32;

/// Runs the command.
pub(super) async fn run(command: EgressCommand) -> Result<(), Failure> {
    let EgressCommand::Check(args) = command;
    let json = args.json;
    let (door, urls) = prepare(args).map_err(|failure| failure.with_status(UNTOLD))?;
    let refused = check(&door, &urls, json).await.map_err(|failure| failure.with_status(UNTOLD))?;
    match refused {
        0 => Ok(()),
        _ => Err(Failure::new(format!("{refused} of {} URLs would not be reached", urls.len()))),
    }
}

/// The door as the server would have it, and what it is asked.
fn prepare(args: EgressCheckArgs) -> Result<(Door, Vec<String>), Failure> {
    let EgressCheckArgs { urls, file, place, egress_allow, set, json: _ } = args;
    let config = config::load(&ServeArgs { place, egress_allow, set, ..ServeArgs::default() })?.config;
    telemetry::start(&Config { log: "error".to_owned(), ..config.clone() })?;
    let settings = config.egress.door()?;
    let resolver = Arc::new(SystemResolver::asking(&settings.name_servers));
    let door = Door::new(settings, resolver);
    let listed = file.map(|file| read::file(&file)).transpose()?;
    let urls: Vec<String> = urls.into_iter().chain(listed.into_iter().flatten()).collect();
    // A script whose list came out empty must not read that as "all may be reached".
    if urls.is_empty() { Err(Failure::new("there is no URL to judge")) } else { Ok((door, urls)) }
}

/// Judges each URL and prints what came of it, in order; how many would not be reached.
async fn check(door: &Door, urls: &[String], json: bool) -> Result<usize, Failure> {
    let mut refused = 0;
    let mut tell = |url: &str, told: &Explanation| {
        refused += usize::from(!told.is_allowed());
        let text = if json { format!("{}\n", in_json(door, url, told)) } else { in_words(door, url, told) };
        print(&text);
    };
    let mut under_way: VecDeque<(&String, JoinHandle<Explanation>)> = VecDeque::new();
    let ended = |error| Failure::because("a lookup ended badly", &error);
    for url in urls {
        if under_way.len() == LOOKUPS_MAX
            && let Some((url, lookup)) = under_way.pop_front()
        {
            tell(url, &lookup.await.map_err(ended)?);
        }
        let (door, asked) = (door.clone(), url.clone());
        under_way.push_back((url, tokio::spawn(async move { door.explain(&asked).await })));
    }
    for (url, lookup) in under_way {
        tell(url, &lookup.await.map_err(ended)?);
    }
    Ok(refused)
}

fn in_words(door: &Door, url: &str, told: &Explanation) -> String {
    let verdict = if told.is_allowed() { "allowed" } else { "denied" };
    let mut text = format!("{verdict:<8} {}\n", visible(url));
    let mut line = |what: &str, said: &str| text.push_str(&format!("         {what:<9} {said}\n"));
    if let Some(error) = &told.refusal {
        line("rule", rule(told, &Refused::from(error)));
        line("because", &visible(&error.to_string()));
    }
    for (address, ground) in &told.addresses {
        line("address", &format!("{address}: {}", because(ground)));
    }
    if let Some(remedy) = Remedy::of(told, door.config()) {
        line("setting", &remedy.text);
    } else if told.rule().is_some() {
        line("setting", "none changes this; correct the URL");
    }
    text
}

fn in_json(door: &Door, url: &str, told: &Explanation) -> Value {
    let address = |(address, ground): &(IpAddr, Ground)| json!({ "address": address.to_string(), "allowed": ground.is_allowed(), "because": because(ground) });
    let failure = told.refusal.as_ref().map(Refused::from);
    let remedy = Remedy::of(told, door.config());
    let target = told.target.as_ref();
    json!({
        "url": url,
        "allowed": told.is_allowed(),
        "rule": failure.as_ref().map(|failure| rule(told, failure)),
        "code": failure.as_ref().map(|failure| &failure.code),
        "because": failure.as_ref().map(|failure| &failure.message),
        "setting": remedy.as_ref().map(|remedy| remedy.setting),
        "remedy": remedy.as_ref().map(|remedy| &remedy.text),
        "scheme": target.map(|target| target.scheme.as_str()),
        "host": target.map(|target| &target.host),
        "port": target.map(|target| target.port),
        "addresses": told.addresses.iter().map(address).collect::<Vec<_>>(),
    })
}

/// The rule's name. What the DNS refuses is no rule of the door, and goes by the code that an attempt would carry.
fn rule<'a>(told: &Explanation, failure: &'a Refused) -> &'a str {
    told.rule().map_or(failure.code.as_str(), |rule| rule.slug())
}

fn because(ground: &Ground) -> String {
    match ground {
        Ground::Public => "public".to_owned(),
        Ground::Nat64 => "NAT64 of an address that may be reached".to_owned(),
        Ground::Allowed(network) => format!("in {network}, which `egress.allow` opens"),
        Ground::Denied(network) => format!("in {network}, which `egress.deny` closes"),
        Ground::Special(what) => format!("not public: {what}"),
    }
}

/// A text in which nothing can play tricks on a terminal.
fn visible(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || c.is_ascii_punctuation() || c == ' ';
    text.chars().map(|c| if is_plain(c) { c.to_string() } else { c.escape_unicode().to_string() }).collect()
}
