//! Which key does a line of the keyring name? One per reference, however often the keyring is looked up again, so that
//! what is known of its service is not forgotten.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use freehold_model::Sources;
use freehold_reach::{Means, Reach};
use freehold_vault::{KeyEncryption, KeyReference, KeyService};

use crate::aws_kms::{self, AwsKms};
use crate::config::{ConfigError, KeyServicesConfig};
use crate::remote::{Keeper, RemoteKey};
use crate::transit::{Server, Transit};
use crate::transit_login::Login;

/// The key services of a deployment. Clones are the same.
#[derive(Clone)]
pub struct KeyServices(Arc<Inner>);

struct Inner {
    config: KeyServicesConfig,
    sources: Sources,
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    keys: HashMap<String, Arc<RemoteKey>>,
    transit: Option<Arc<Server>>,
    aws_kms: HashMap<String, Arc<Reach>>,
}

impl KeyServices {
    /// The key services that `config` describes. Nothing is asked yet.
    pub fn new(config: KeyServicesConfig, sources: &Sources) -> Self {
        KeyServices(Arc::new(Inner { config, sources: sources.clone(), made: Mutex::default() }))
    }

    /// The key that `reference` names.
    ///
    /// # Errors
    /// When it is not said where its service is, or who Freehold is there.
    pub fn key(&self, reference: &KeyReference) -> Result<Arc<dyn KeyEncryption>, ConfigError> {
        let Inner { config, sources, made } = &*self.0;
        // Nothing is put in before it is whole.
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = made.keys.get(reference.id()) {
            return Ok(key.clone());
        }
        let keeper = match reference.service() {
            KeyService::Transit => Keeper::Transit(made.transit(config, reference)?),
            KeyService::AwsKms => Keeper::AwsKms(made.aws_kms(config, reference, sources)?),
        };
        let key = Arc::new(RemoteKey::new(reference, keeper, sources));
        made.keys.insert(reference.id().to_owned(), key.clone());
        Ok(key)
    }
}

impl Made {
    fn transit(&mut self, config: &KeyServicesConfig, reference: &KeyReference) -> Result<Transit, ConfigError> {
        let no_transit = || ConfigError::NoTransit(reference.to_string());
        let (mount, name) = reference.name().rsplit_once('/').ok_or_else(no_transit)?;
        let server = match &self.transit {
            Some(server) => server.clone(),
            None => {
                let transit = config.transit.as_ref().ok_or_else(no_transit)?;
                let reach = Reach::new("transit.address", &transit.address, &means(config, transit.ca.as_deref()))?;
                let login = Login::new(transit.login.clone());
                let server = Arc::new(Server { reach, login, namespace: transit.namespace.clone() });
                self.transit.insert(server).clone()
            }
        };
        Ok(Transit { server, mount: mount.to_owned(), name: name.to_owned() })
    }

    fn aws_kms(
        &mut self,
        config: &KeyServicesConfig,
        reference: &KeyReference,
        sources: &Sources,
    ) -> Result<AwsKms, ConfigError> {
        let kms = &config.aws_kms;
        let region = aws_kms::region_of(reference.name()).or(kms.region.as_deref());
        let region = region.ok_or_else(|| ConfigError::NoRegion(reference.to_string()))?.to_owned();
        let credentials = kms.credentials.clone();
        let credentials = credentials.ok_or_else(|| ConfigError::NoAwsCredentials(reference.to_string()))?;
        let reach = match self.aws_kms.get(&region) {
            Some(reach) => reach.clone(),
            None => {
                let endpoint = kms.endpoint.clone().unwrap_or_else(|| aws_kms::endpoint_of(&region));
                let reach = Arc::new(Reach::new("aws_kms.endpoint", &endpoint, &means(config, kms.ca.as_deref()))?);
                self.aws_kms.insert(region.clone(), reach.clone());
                reach
            }
        };
        Ok(AwsKms { reach, region, credentials, key: reference.name().to_owned(), sources: sources.clone() })
    }
}

fn means<'a>(config: &'a KeyServicesConfig, ca: Option<&'a [u8]>) -> Means<'a> {
    Means { ca, timeout: config.timeout, name_servers: &config.name_servers }
}

impl fmt::Debug for KeyServices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyServices")
    }
}
