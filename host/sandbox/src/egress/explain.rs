//! Tells in full how the door judges a URL: for the operator, who may see addresses. Nothing is dialled.

use std::net::IpAddr;

use serde_json::Value;

use super::endpoint::{EndpointError, EndpointPolicy};
use super::network::AllowedNetwork;
use super::refusal::{EgressError, Refusal, Rule};
use super::resolve::ResolveError;
use super::stream::StreamAddress;
use super::{Door, EgressConfig, address};

/// How the door judges a URL.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// Scheme, host and port in the one form in which they count, if the URL can be read.
    pub target: Option<StreamAddress>,
    /// The addresses of its host, each with what the door makes of it.
    pub addresses: Vec<(IpAddr, Ground)>,
    /// Why it would not be reached.
    pub refusal: Option<EgressError>,
}

/// What an address is to the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ground {
    /// It is public.
    Public,
    /// It is NAT64 of a public address, which the operator allows.
    Nat64,
    /// It lies in this network, which the operator allows.
    Allowed(AllowedNetwork),
    /// It lies in this network, which the operator denies.
    Denied(AllowedNetwork),
    /// It is not public: its range and what that is for.
    Special(String),
}

impl Ground {
    /// Whether the address may be dialled, as far as it alone decides.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Ground::Public | Ground::Nat64 | Ground::Allowed(_))
    }

    fn of(ip: IpAddr, port: u16, config: &EgressConfig) -> Ground {
        let within = |networks: &[AllowedNetwork]| networks.iter().copied().find(|network| network.contains(ip, port));
        match address::admit(ip, port, config) {
            Ok(admitted) if admitted.by_operator => within(&config.allow).map_or(Ground::Nat64, Ground::Allowed),
            Ok(_) if address::special(ip).is_some() => Ground::Nat64,
            Ok(_) => Ground::Public,
            Err(_) => match within(&config.deny) {
                Some(network) => Ground::Denied(network),
                // NAT64 of an address that the operator denies is public by itself.
                None => Ground::Special(address::special(ip).unwrap_or_else(|| "denied inside NAT64".to_owned())),
            },
        }
    }
}

impl Explanation {
    /// Whether it would be dialled.
    pub fn is_allowed(&self) -> bool {
        self.refusal.is_none()
    }

    /// The rule that was broken; `None` when it was none.
    pub fn rule(&self) -> Option<Rule> {
        match &self.refusal {
            Some(EgressError::Refused(Refusal { rule, .. })) => Some(*rule),
            _ => None,
        }
    }

    /// The host that was refused, as it was written.
    pub fn refused_host(&self) -> Option<&str> {
        match &self.refusal {
            Some(EgressError::Refused(Refusal { host, .. })) => host.as_deref(),
            _ => None,
        }
    }

    /// Why the name led to no address.
    pub fn unresolved(&self) -> Option<ResolveError> {
        match &self.refusal {
            Some(EgressError::Unresolved { error, .. }) => Some(*error),
            _ => None,
        }
    }

    fn refused(target: Option<StreamAddress>, error: impl Into<EgressError>) -> Explanation {
        Explanation { target, addresses: Vec::new(), refusal: Some(error.into()) }
    }
}

impl Door {
    /// Judges `url` as [`Door::check`] does, and tells how it came to that.
    pub async fn explain(&self, url: &str) -> Explanation {
        let target = match self.read(url) {
            Ok(target) => target,
            Err(refusal) => return Explanation::refused(None, refusal),
        };
        let (scheme, host, port) = (target.scheme, target.host.clone(), target.port);
        if let Err(refusal) = self.check_closed(scheme, &host) {
            return Explanation::refused(Some(target), refusal);
        }
        let found = match self.addresses(&host).await {
            Ok(found) => found,
            Err(error) => return Explanation::refused(Some(target), error),
        };
        let addresses = found.iter().map(|ip| (*ip, Ground::of(*ip, port, self.config()))).collect();
        let refusal = self.choose(scheme, &host, port, &found).err().map(EgressError::from);
        Explanation { target: Some(target), addresses, refusal }
    }

    /// The endpoints that `templates` lead to over `config`, with everything judged that can be without looking a name up:
    /// an address that is written there must be one that may be dialled.
    ///
    /// # Errors
    /// As [`EndpointPolicy::compile_for`], and when such an address may not be dialled.
    pub fn accept(&self, templates: &[String], config: &Value) -> Result<EndpointPolicy, EndpointError> {
        EndpointPolicy::compile_with(templates, config, self.config(), |endpoint| {
            let (scheme, host, port) = endpoint.parts();
            let Some(address) = super::literal(host) else { return self.check_closed(scheme, host) };
            self.choose(scheme, host, port, &[address]).map(|_| ())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Names, loopback};
    use super::*;

    async fn explain(config: EgressConfig, names: &[&[&str]], url: &str) -> Explanation {
        Door::new(config, Names::new(names)).explain(url).await
    }

    #[tokio::test]
    async fn every_address_is_told_with_its_ground() {
        let config = EgressConfig {
            allow: vec!["10.0.0.0/8:443".parse().unwrap()],
            deny: vec!["8.8.8.0/24".parse().unwrap()],
            allow_nat64: true,
            ..EgressConfig::default()
        };
        let addresses = ["10.0.0.5", "8.8.8.8", "93.184.216.34", "64:ff9b::101:101", "::1"];

        let told = explain(config, &[&addresses], "https://hooks.example.com/").await;

        let grounds: Vec<&Ground> = told.addresses.iter().map(|(_, ground)| ground).collect();
        assert_eq!(*grounds[0], Ground::Allowed("10.0.0.0/8:443".parse().unwrap()));
        assert_eq!(*grounds[1], Ground::Denied("8.8.8.0/24".parse().unwrap()));
        assert_eq!((grounds[2], grounds[3]), (&Ground::Public, &Ground::Nat64));
        assert_eq!(*grounds[4], Ground::Special("::1/128, loopback (RFC 4291)".to_owned()));
        assert!(told.is_allowed(), "one that may be dialled is enough");
    }

    fn accepts(config: EgressConfig, url: &str) -> Result<(), String> {
        let door = Door::new(config, Names::new(&[]));
        let accepted = door.accept(&["{url}".to_owned()], &serde_json::json!({ "url": url }));
        accepted.map(|_| ()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_written_address_is_judged_before_anything_is_sent_and_a_name_is_not() {
        for url in ["https://10.0.0.5/", "https://[::1]:8443/", "https://169.254.169.254/", "http://93.184.216.34/"] {
            let refusal = accepts(EgressConfig::default(), url).unwrap_err();

            assert!(refusal.starts_with("config field `url`: "), "{refusal}");
            assert!(refusal.contains("was refused"), "{refusal}");
        }
        assert_eq!(accepts(EgressConfig::default(), "https://93.184.216.34/"), Ok(()));
        assert_eq!(accepts(EgressConfig::default(), "https://private.example.com/"), Ok(()));
        assert_eq!(accepts(loopback(), "http://127.0.0.1:9000/"), Ok(()));
        assert_eq!(accepts(loopback(), "http://hooks.example.com/"), Ok(()), "it may lead to loopback");
        assert!(
            accepts(EgressConfig::default(), "http://hooks.example.com/").is_err(),
            "nowhere may it lead in the clear"
        );
    }

    #[tokio::test]
    async fn an_explanation_is_the_verdict_of_a_check() {
        for (url, names) in [
            ("https://hooks.example.com/", &[&["93.184.216.34"][..]][..]),
            ("https://hooks.example.com/", &[&["10.0.0.1"][..]][..]),
            ("https://hooks.example.com/", &[]),
            ("http://hooks.example.com/", &[&["93.184.216.34"][..]][..]),
            ("http://127.0.0.1/", &[]),
            ("https://0x7f.1/", &[]),
            ("tls://kafka.example.com:9093", &[&["172.16.0.1"][..]][..]),
            ("tls://kafka.example.com", &[]),
            ("nonsense", &[]),
        ] {
            for config in [EgressConfig::default(), loopback()] {
                let door = Door::new(config, Names::new(names));
                let told = door.explain(url).await;

                let checked = door.check(url, None).await;

                let refusal = told.refusal.as_ref().map(ToString::to_string);
                assert_eq!(refusal, checked.failure().map(|failure| failure.message), "{url}");
                assert_eq!(told.is_allowed(), told.rule().is_none() && told.unresolved().is_none(), "{url}");
            }
        }
    }
}
