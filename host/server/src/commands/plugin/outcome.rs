//! What commands about installed types have in common: whom they act for, and how they tell what became of destinations.

use freehold_control::{Authority, Caller, Control, ControlError, Repinned};
use freehold_store::Store;

use super::describe::in_one_line;
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
        let open = async {
            let config = settings(place)?.config;
            if config.database.is_none() {
                DataDir::open(&config.data)?;
            }
            Open::try_with(&config, tenant).await
        };
        open.await.map_err(|failure| failure.with_status(NOT_TRIED))
    }

    /// The same with settings that were read already, for what may be the first in a data directory: says so if it is.
    pub(super) async fn or_create(config: &Config, tenant: Option<&str>) -> Result<Open, Failure> {
        let open = async {
            if config.database.is_none() {
                let is_new = !config.data.exists();
                DataDir::open_or_create(&config.data)?;
                if is_new {
                    eprintln!("Made the data directory {}, which was not there.", config.data.display());
                }
            }
            Open::try_with(config, tenant).await
        };
        open.await.map_err(|failure| failure.with_status(NOT_TRIED))
    }

    async fn try_with(config: &Config, tenant: Option<&str>) -> Result<Open, Failure> {
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
    // It may repeat what a component or a signature says of itself.
    Failure::new(in_one_line(&refused(error).to_string())).with_status(status)
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
