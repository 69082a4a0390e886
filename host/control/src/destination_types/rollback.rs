//! Takes an upgrade back: each destination gets the version that it had before.

use std::sync::Arc;

use freehold_catalogue::Version;

use super::authority::named;
use super::repin::{Left, Planned, Repinned, entry};
use super::{Authority, KIND};
use crate::Control;
use crate::error::ControlError;

/// What became of a rollback.
#[derive(Debug)]
pub struct RolledBack {
    /// The version that was taken back.
    pub from: Arc<Version>,
    /// Those that went back, and those that could not.
    pub destinations: Repinned,
    /// The version that new destinations get again; none when that did not change.
    pub current: Option<Arc<Version>>,
}

impl Control {
    /// Has every destination that was upgraded to a version go back to the one that it had before, and new destinations get
    /// what they got before. Without `from`, the version is the current one.
    ///
    /// # Errors
    /// When there is nothing to take back, no such type or version, the caller is no admin, or the store fails.
    pub async fn roll_back_type(
        &self,
        who: &Authority<'_>,
        name: &str,
        from: Option<&str>,
    ) -> Result<RolledBack, ControlError> {
        let versions = self.versions_for(who, name)?;
        let from = match from {
            Some(from) => named(&versions, "/from", from)?,
            None => Control::current_of(&versions).ok_or(ControlError::NotFound { kind: KIND })?,
        };
        let mut result = RolledBack { from, destinations: Repinned::default(), current: None };
        let (planned, made_with) = self.plan_back(who, name, &versions, &mut result).await?;
        let back = self.current_before(who, &versions, &result.from)?;
        if planned.is_empty() && back.is_none() && result.destinations.left.is_empty() {
            let message = format!(
                "there is nothing to take back: no destination was upgraded to {}; `upgrade --to VERSION --all` goes to any \
                 other version",
                result.from.installed().version
            );
            return Err(ControlError::conflict("", message));
        }
        result.destinations.left.extend(made_with);
        self.repin(who, planned, &mut result.destinations).await?;
        if let Some(back) = back {
            self.set_current(who, &back, None, "destination-type.rollback").await?;
            result.current = Some(back);
        }
        Ok(result)
    }

    async fn plan_back(
        &self,
        who: &Authority<'_>,
        name: &str,
        versions: &[Arc<Version>],
        result: &mut RolledBack,
    ) -> Result<(Vec<Planned>, Vec<Left>), ControlError> {
        let (mut planned, mut made_with) = (Vec::new(), Vec::new());
        for destination in self.destinations_under(who, name).await? {
            if destination.component_digest.as_deref() != Some(result.from.digest()) {
                continue;
            }
            let Some(former) = &destination.former_digest else {
                let reason =
                    "it was made with this version, or went back to it; `upgrade --to` moves it to another".to_owned();
                made_with.push(Left { destination: destination.id, reason });
                continue;
            };
            let to = versions.iter().find(|version| version.digest() == former);
            let unfit = match to {
                None => Some("the version that it had before is not installed any more".to_owned()),
                Some(version) if version.installed().is_disabled => {
                    Some("the version that it had before is disabled; enable it first".to_owned())
                }
                Some(version) => self.unfit(&destination, version).await?,
            };
            match (to, unfit) {
                (Some(version), None) => {
                    let entry = entry(who, "destination.rollback", &destination, version, &[]);
                    planned.push(Planned { destination, to: version.digest().to_owned(), former: None, entry });
                }
                (_, unfit) => {
                    let reason = unfit.unwrap_or_default();
                    result.destinations.left.push(Left { destination: destination.id, reason });
                }
            }
        }
        Ok((planned, made_with))
    }

    /// The version that new destinations got before `from`, where that is for this authority to say.
    fn current_before(
        &self,
        who: &Authority<'_>,
        versions: &[Arc<Version>],
        from: &Version,
    ) -> Result<Option<Arc<Version>>, ControlError> {
        if !from.installed().is_current || !who.owns(from)? {
            return Ok(None);
        }
        let is_it = |version: &&Arc<Version>| {
            Some(version.digest()) == from.installed().former.as_deref()
                && version.installed().tenant == from.installed().tenant
                && !version.installed().is_disabled
        };
        Ok(versions.iter().find(is_it).cloned())
    }
}
