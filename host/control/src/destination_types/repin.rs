//! Has destinations go over to another version of their type, a portion at a time, and says which could not.

use std::collections::BTreeMap;

use freehold_catalogue::Version;
use freehold_model::DestinationId;
use freehold_model::audit::AuditEntry;
use freehold_model::destination::Destination;
use freehold_model::installed_type::Repin;
use serde_json::json;

use super::{Authority, KIND};
use crate::Control;
use crate::destinations::{check_config, lane};
use crate::error::ControlError;

/// Destinations in one transaction: few enough that deliveries beside it do not notice.
const PORTION: usize = 200;

/// A destination that stays on its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The destination.
    pub destination: DestinationId,
    /// Why, and what to do.
    pub reason: String,
}

/// What became of destinations that were to go over to another version.
#[derive(Debug, Default)]
pub struct Repinned {
    /// Those that did.
    pub moved: Vec<DestinationId>,
    /// Those that stay.
    pub left: Vec<Left>,
}

/// A destination that is to go over, and what is written about it.
pub(super) struct Planned {
    pub(super) destination: Destination,
    pub(super) to: String,
    pub(super) former: Option<String>,
    pub(super) entry: AuditEntry,
}

impl Control {
    /// Why `destination` could not work with `version`, if it could not.
    pub(super) async fn unfit(
        &self,
        destination: &Destination,
        version: &Version,
    ) -> Result<Option<String>, ControlError> {
        let mut problems = Vec::new();
        check_config(&destination.config, version, self.parts().sandbox.door(), &mut problems);
        if !problems.is_empty() {
            let told: Vec<String> =
                problems.iter().map(|problem| format!("{} {}", problem.pointer, problem.message)).collect();
            return Ok(Some(format!("its config does not fit: {}; change it first", told.join("; "))));
        }
        let required = version.required_fields();
        if required.is_empty() {
            return Ok(None);
        }
        let Some(active) = destination.credential_version else {
            return Ok(Some("it has no credential, which this version needs".to_owned()));
        };
        let operator = self.operator(destination.tenant.clone());
        let stored = self.store().credential_version(operator.scope(), &destination.id, active).await;
        let stored = stored.map_err(ControlError::of(KIND))?;
        let has = |field: &String| stored.as_ref().is_some_and(|version| version.field_names.contains(field));
        let missing: Vec<String> = required.into_iter().filter(|field| !has(field)).collect();
        Ok((!missing.is_empty()).then(|| {
            format!("its credential lacks {}, which this version needs; replace it first", missing.join(", "))
        }))
    }

    /// Carries out what was planned.
    pub(super) async fn repin(
        &self,
        who: &Authority<'_>,
        planned: Vec<Planned>,
        result: &mut Repinned,
    ) -> Result<(), ControlError> {
        let mut lanes: BTreeMap<DestinationId, _> = BTreeMap::new();
        let mut all = Vec::with_capacity(planned.len());
        for Planned { destination, to, former, entry } in planned {
            lanes.insert(destination.id.clone(), lane(&destination));
            let Destination { tenant, customer, id, component_digest, config_version, .. } = destination;
            all.push((
                Repin { tenant, customer, destination: id, from: component_digest, to, former, config_version },
                entry,
            ));
        }
        while !all.is_empty() {
            let portion: Vec<_> = all.drain(..all.len().min(PORTION)).collect();
            let asked: Vec<DestinationId> = portion.iter().map(|(repin, _)| repin.destination.clone()).collect();
            let done = match who.scope()? {
                Some(scope) => self.store().repin(scope, portion).await,
                None => self.store().repin_across_tenants(portion).await,
            };
            let done: Vec<DestinationId> =
                done.map_err(ControlError::of(KIND))?.into_iter().map(|repin| repin.destination).collect();
            for destination in asked {
                if done.contains(&destination) {
                    if let Some(lane) = lanes.get(&destination) {
                        self.parts().lanes.retire(lane);
                        self.parts().lanes.wake(lane);
                    }
                    result.moved.push(destination);
                } else {
                    let reason = "it was changed at the same time; try again".to_owned();
                    result.left.push(Left { destination, reason });
                }
            }
        }
        Ok(())
    }
}

/// The entry about one destination that goes over.
pub(super) fn entry(
    who: &Authority<'_>,
    action: &'static str,
    destination: &Destination,
    version: &Version,
    approved: &[String],
) -> AuditEntry {
    let details = json!({
        "type": destination.type_name,
        "from": destination.component_digest,
        "to": version.digest(),
        "version": version.installed().version,
        "approved_permissions": approved,
    });
    who.entry(action, ("destination", destination.id.as_str()), Some(&destination.customer), details)
}
