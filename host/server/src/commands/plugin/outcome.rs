//! What commands about installed types have in common: whom they act for, and how they tell what became of destinations.

use freehold_control::{Authority, Caller, Control, ControlError, Repinned};
use freehold_store::Store;

use crate::cli::WhereArgs;
use crate::commands::{print, refused, settings};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::{sources, wiring};

/// The exit code of what could not be tried at all.
pub(super) const NOT_TRIED: u8 = 2;

/// The use-cases, and on whose behalf they are called.
pub(super) struct Open {
    pub(super) control: Control,
    store: Store,
    tenant: Option<Caller>,
}

impl Open {
    /// Opens the database with what is installed there.
    pub(super) async fn at(place: &WhereArgs, tenant: Option<&str>) -> Result<Open, Failure> {
        Open::with(&settings(place)?.config, tenant).await
    }

    /// The same with settings that were read already.
    pub(super) async fn with(config: &Config, tenant: Option<&str>) -> Result<Open, Failure> {
        Open::try_with(config, tenant).await.map_err(|failure| failure.with_status(NOT_TRIED))
    }

    async fn try_with(config: &Config, tenant: Option<&str>) -> Result<Open, Failure> {
        if config.database.is_none() {
            DataDir::open_or_create(&config.data)?;
        }
        let sources = sources::system();
        let store = wiring::open_store(config, &sources).await?;
        let control = wiring::types_control(config, store.clone(), sources).await?;
        let tenant = match tenant {
            None => None,
            Some(name) => {
                let found = control.find_tenant(name).await.map_err(refused)?;
                let found = found.ok_or_else(|| Failure::new(format!("there is no tenant {name}")))?;
                Some(control.operator(found.id))
            }
        };
        Ok(Open { control, store, tenant })
    }

    /// Whom it is done for.
    pub(super) fn authority(&self) -> Authority<'_> {
        self.tenant.as_ref().map_or(Authority::Deployment, Authority::Tenant)
    }

    /// Ends the use of the database.
    pub(super) async fn close(self) {
        self.store.close().await;
    }
}

/// A refusal as the command's failure: 1 when it was judged, 2 when it could not be.
pub(super) fn judged(error: ControlError) -> Failure {
    let status = match error {
        ControlError::Store(_) | ControlError::Vault(_) => NOT_TRIED,
        _ => 1,
    };
    refused(error).with_status(status)
}

/// Tells what became of destinations. An error when some stay on their version.
pub(super) fn tell(done: &str, destinations: &Repinned) -> Result<(), Failure> {
    print(&format!("{done}: {} destinations\n", destinations.moved.len()));
    for left in &destinations.left {
        print(&format!("left as it is: {}: {}\n", left.destination, left.reason));
    }
    match destinations.left.len() {
        0 => Ok(()),
        left => Err(Failure::new(format!("{left} destinations stay on their version"))),
    }
}
