//! Which setting would change a verdict of the door, if any, and how?

use std::net::IpAddr;

use freehold_sandbox::egress::{EgressConfig, Explanation, Ground, Rule, address};

/// A setting that would change the verdict.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Remedy {
    /// Its name.
    pub(super) setting: &'static str,
    /// What to do with it.
    pub(super) text: String,
}

impl Remedy {
    /// For a URL that was refused; `None` when no setting helps.
    pub(super) fn of(told: &Explanation, config: &EgressConfig) -> Option<Remedy> {
        match told.rule()? {
            Rule::Address => for_address(told),
            Rule::PlainHttp => Some(in_the_clear(told, "egress.allow_http")),
            Rule::PlainStream => Some(in_the_clear(told, "egress.allow_plaintext_streams")),
            Rule::SingleLabel | Rule::LocalName => Some(for_name(told, config)),
            _ => None,
        }
    }

    fn new(setting: &'static str, text: String) -> Remedy {
        Remedy { setting, text }
    }
}

fn for_address(told: &Explanation) -> Option<Remedy> {
    let port = told.target.as_ref()?.port;
    let (address, ground) = told.addresses.iter().find(|(_, ground)| !ground.is_allowed())?;
    match ground {
        Ground::Denied(network) => Some(Remedy::new("egress.deny", format!("egress.deny: take out \"{network}\""))),
        _ if address::is_nat64(*address) => Some(Remedy::new(
            "egress.allow_nat64",
            "egress.allow_nat64 = true lets NAT64 of public addresses through, for hosts that have IPv6 alone"
                .to_owned(),
        )),
        _ => Some(Remedy::new("egress.allow", format!("egress.allow: add \"{}\"", network(*address, port)))),
    }
}

fn in_the_clear(told: &Explanation, setting: &'static str) -> Remedy {
    let port = told.target.as_ref().map_or(0, |target| target.port);
    let text = match told.addresses.first() {
        Some((address, _)) => {
            format!("{setting} = true, or egress.allow: add \"{}\"", network(*address, port))
        }
        None => format!("{setting} = true, or open its network with egress.allow"),
    };
    Remedy::new(setting, text)
}

/// A name is refused before it is read to the end, so it is taken from the refusal.
fn for_name(told: &Explanation, config: &EgressConfig) -> Remedy {
    let host = told.refused_host().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    let closing = config.denied_suffixes.iter().find(|suffix| {
        let suffix = suffix.trim_matches('.').to_ascii_lowercase();
        host == suffix || host.ends_with(&format!(".{suffix}"))
    });
    match closing {
        Some(suffix) => Remedy::new("egress.deny_suffixes", format!("egress.deny_suffixes: take out \"{suffix}\"")),
        None => Remedy::new("egress.allow_names", format!("egress.allow_names: add \"{host}\"")),
    }
}

/// The smallest network that opens `address` at `port`.
fn network(address: IpAddr, port: u16) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("{address}/32:{port}"),
        IpAddr::V6(address) => format!("[{address}]/128:{port}"),
    }
}
