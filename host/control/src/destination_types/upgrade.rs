//! Has destinations go over to a version of their type: one, a share of them, or all.

use std::sync::Arc;

use freehold_catalogue::Version;
use freehold_model::DestinationId;
use freehold_model::destination::Destination;
use freehold_store::TypeChange;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::authority::named;
use super::repin::{Left, Planned, Repinned, entry};
use super::{Authority, KIND};
use crate::Control;
use crate::caller;
use crate::error::ControlError;

/// Which destinations are to be upgraded.
#[derive(Debug, Clone, PartialEq)]
pub enum Which {
    /// The one with this id.
    One(String),
    /// This share, in percent, above 0 and up to 100: always the same ones, and a larger share has those of a smaller one
    /// among it.
    Share(f64),
    /// All. New destinations get the version too.
    All,
}

/// What is to be upgraded, and to what.
#[derive(Debug, Clone)]
pub struct Upgrade {
    /// A version or a digest; the current version when none is named.
    pub to: Option<String>,
    /// Which destinations.
    pub which: Which,
    /// Whether the version may be applied even where it asks for more than the destination's version did.
    pub approve_permissions: bool,
}

/// What became of an upgrade.
#[derive(Debug)]
pub struct Upgraded {
    /// The version.
    pub version: Arc<Version>,
    /// Those that went over, and those that did not.
    pub destinations: Repinned,
    /// How many of those that were meant ran it already.
    pub already: u64,
    /// What it may do that versions which are left may not. Approve it to upgrade those.
    pub more_permissions: Vec<String>,
}

impl Control {
    /// Has destinations go over to a version. Attempts that are under way end on the version they began with. A destination
    /// whose config or credential does not fit, or whose version may do less, stays and is told.
    ///
    /// # Errors
    /// When there is no such type, version or destination, it is disabled, the caller is no admin, or the store fails.
    pub async fn upgrade_type(
        &self,
        who: &Authority<'_>,
        name: &str,
        upgrade: Upgrade,
    ) -> Result<Upgraded, ControlError> {
        let versions = self.versions_for(who, name)?;
        let version = match &upgrade.to {
            Some(to) => named(&versions, "/to", to)?,
            None => Control::current_of(&versions).ok_or(ControlError::NotFound { kind: KIND })?,
        };
        if version.installed().is_disabled {
            return Err(ControlError::conflict("/to", "this version is disabled; enable it first"));
        }
        let destinations = chosen(name, self.destinations_under(who, name).await?, &upgrade.which)?;
        let mut result =
            Upgraded { version, destinations: Repinned::default(), already: 0, more_permissions: Vec::new() };
        let mut planned = Vec::new();
        for destination in destinations {
            if destination.component_digest.as_deref() == Some(result.version.digest()) {
                result.already += 1;
                continue;
            }
            planned.extend(self.plan(who, destination, upgrade.approve_permissions, &mut result).await?);
        }
        self.repin(who, planned, &mut result.destinations).await?;
        if upgrade.which == Which::All {
            self.make_current(who, &versions, &result.version).await?;
        }
        Ok(result)
    }

    /// What is to be done to one destination; nothing when it has to stay, which `result` then tells.
    async fn plan(
        &self,
        who: &Authority<'_>,
        destination: Destination,
        approved: bool,
        result: &mut Upgraded,
    ) -> Result<Option<Planned>, ControlError> {
        let version = result.version.clone();
        let known = self.parts().catalogue.versions(Some(&destination.tenant), &destination.type_name);
        let former = known.iter().find(|known| Some(known.digest()) == destination.component_digest.as_deref());
        let more = former.map_or_else(|| version.asks(), |former| version.asks_more_than(former));
        let unfit = match !more.is_empty() && !approved {
            true => Some(format!("the version asks for more, which needs your approval: {}", more.join(", "))),
            false => self.unfit(&destination, &version).await?,
        };
        if let Some(reason) = unfit {
            result.destinations.left.push(Left { destination: destination.id, reason });
            if !approved {
                result.more_permissions.extend(more);
                result.more_permissions.sort_unstable();
                result.more_permissions.dedup();
            }
            return Ok(None);
        }
        let entry = entry(who, "destination.upgrade", &destination, &version, &more);
        let former = destination.component_digest.clone();
        Ok(Some(Planned { destination, to: version.digest().to_owned(), former, entry }))
    }

    /// Has new destinations get `version`, where it is for this authority to say.
    async fn make_current(
        &self,
        who: &Authority<'_>,
        versions: &[Arc<Version>],
        version: &Version,
    ) -> Result<(), ControlError> {
        if version.installed().is_current || !who.owns(version)? {
            return Ok(());
        }
        let former = Control::current_of(versions).map(|current| current.digest().to_owned());
        self.set_current(who, version, former, "destination-type.upgrade").await
    }

    pub(super) async fn set_current(
        &self,
        who: &Authority<'_>,
        version: &Version,
        former: Option<String>,
        action: &'static str,
    ) -> Result<(), ControlError> {
        let name = &version.installed().name;
        let details = json!({ "version": version.installed().version, "digest": version.digest() });
        let entry = who.entry(action, ("destination-type", name), None, details);
        let change = TypeChange::Current { digest: version.digest().to_owned(), former };
        self.change_types(who, name, vec![version.digest().to_owned()], &change, &entry).await
    }
}

/// Those of `destinations` that are meant.
fn chosen(name: &str, mut destinations: Vec<Destination>, which: &Which) -> Result<Vec<Destination>, ControlError> {
    match which {
        Which::All => Ok(destinations),
        Which::One(id) => {
            let id: DestinationId = caller::id(id, "destination")?;
            destinations.retain(|destination| destination.id == id);
            if destinations.is_empty() { Err(ControlError::NotFound { kind: "destination" }) } else { Ok(destinations) }
        }
        Which::Share(percent) => {
            if !(*percent > 0.0 && *percent <= 100.0) {
                return Err(ControlError::invalid("/share_percent", "must be above 0 and at most 100"));
            }
            destinations.sort_by_cached_key(|destination| place(name, &destination.id));
            destinations.truncate(share(destinations.len(), *percent));
            Ok(destinations)
        }
    }
}

/// How many of `count` are `percent` of them: at least one, if there is one.
fn share(count: usize, percent: f64) -> usize {
    // A count of destinations is far below what an f64 holds exactly.
    let share = (count as f64 * percent / 100.0).ceil() as usize;
    share.min(count)
}

/// Where a destination stands among those of its type when a share is taken: anywhere, and always the same.
fn place(name: &str, destination: &DestinationId) -> Vec<u8> {
    Sha256::digest(format!("{name}\n{destination}").as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_any_is_at_least_one_and_of_all_is_all() {
        assert_eq!([share(0, 10.0), share(1, 0.1), share(3, 10.0), share(10, 10.0), share(11, 10.0)], [0, 1, 1, 1, 2]);
        assert_eq!([share(3, 100.0), share(7, 50.0)], [3, 4]);
    }
}
