//! Stops a destination for a while, lets it go on, or ends it.

use freehold_model::destination::{Destination, DestinationState, Pause, PauseReason};
use freehold_model::permission::Permission;
use serde_json::json;

use super::{KIND, lane};
use crate::caller::Caller;
use crate::error::ControlError;
use crate::{Control, names};

impl Control {
    /// Pauses a destination: its events are kept until it is resumed. `message` says why, to whoever looks at it.
    ///
    /// # Errors
    /// When the caller may not manage destinations, there is no such destination, the message is unfit, or the store fails.
    pub async fn pause_destination(
        &self,
        caller: &Caller,
        id: &str,
        message: Option<&str>,
    ) -> Result<Destination, ControlError> {
        let scope = caller.require(Permission::Manage)?;
        let message = names::name("/message", message.unwrap_or("paused on request"));
        let message = message.map_err(|problem| ControlError::Invalid(vec![problem]))?;
        let current = self.find_destination(scope, id).await?;
        let is_requested = |state: &DestinationState| matches!(state, DestinationState::Paused(p) if p.reason == PauseReason::Requested);
        if is_requested(&current.state) {
            return Ok(current);
        }
        let pause = Pause { reason: PauseReason::Requested, message, since: self.parts().sources.now() };
        let details = json!({ "message": pause.message });
        let entry = caller.entry("destination.pause", (KIND, current.id.as_str()), Some(&current.customer), details);
        self.store().pause_destination(scope, &current.id, &pause, &entry).await.map_err(ControlError::of(KIND))
    }

    /// Lets a paused destination go on, whatever it was paused for.
    ///
    /// # Errors
    /// When the caller may not manage destinations, there is no such destination, or the store fails.
    pub async fn resume_destination(&self, caller: &Caller, id: &str) -> Result<Destination, ControlError> {
        let scope = caller.require(Permission::Manage)?;
        let current = self.find_destination(scope, id).await?;
        let DestinationState::Paused(pause) = &current.state else { return Ok(current) };
        let details = json!({ "was_paused_for": pause.reason });
        let entry = caller.entry("destination.resume", (KIND, current.id.as_str()), Some(&current.customer), details);
        let resumed = self.store().resume_destination(scope, &current.id, &entry).await;
        let resumed = resumed.map_err(ControlError::of(KIND))?;
        self.parts().lanes.wake(&lane(&resumed));
        Ok(resumed)
    }

    /// Ends a destination: what is queued for it is cancelled, its credential is destroyed, its instances are dropped.
    ///
    /// # Errors
    /// When the caller may not manage destinations, there is no such destination, or the store fails.
    pub async fn delete_destination(&self, caller: &Caller, id: &str) -> Result<(), ControlError> {
        let scope = caller.require(Permission::Manage)?;
        let _changing = self.0.changing.lock().await;
        let current = self.find_destination(scope, id).await?;
        let versions = self.store().credentials(scope, &current.id).await.map_err(ControlError::of(KIND))?;
        let details = json!({ "type": current.type_name, "name": current.name });
        let entry = caller.entry("destination.delete", (KIND, current.id.as_str()), Some(&current.customer), details);
        self.store().delete_destination(scope, &current.id, &entry).await.map_err(ControlError::of(KIND))?;
        let lane = lane(&current);
        // What is under way for it is cut off, as if each credential had been revoked.
        for version in versions.into_iter().filter(|version| !version.state.is_ended()) {
            self.parts().lanes.revoke(&lane, version.version);
        }
        self.parts().lanes.retire(&lane);
        Ok(())
    }
}
