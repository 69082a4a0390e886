//! A destination's credential versions, step by step: given, tried, cut over to, rolled back, taken back.

use freehold_model::audit::AuditEntry;
use freehold_model::destination::{Destination, Pause, PauseReason};
use freehold_model::permission::Permission;
use freehold_model::rotation::{CutOver, DRAIN_MS_DEFAULT, DRAIN_MS_MAX, OVERLAP_MS_DEFAULT, OVERLAP_MS_MAX, Refused};
use freehold_model::secret::SecretFields;
use freehold_model::{ErrorKind, Failure, Timestamp};
use freehold_sandbox::Description;
use freehold_store::{Conflict as StoreConflict, CredentialVersion, Rotated, Verification};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::create::context;
use super::credential::{self, Generated};
use super::verify::{Signing, TestReport};
use super::{KIND, lane};
use crate::Control;
use crate::caller::Caller;
use crate::error::{ControlError, Problem, refuse_if_any};

/// What a version is called when there is none.
const VERSION: &str = "credential version";

/// A credential version that was just given.
#[derive(Debug)]
pub struct AddedCredential {
    /// It.
    pub version: CredentialVersion,
    /// The fields that Freehold generated. They cannot be had again.
    pub generated: Vec<Generated>,
}

/// A credential version that was just tried.
#[derive(Debug)]
pub struct TriedCredential {
    /// How it stands after that.
    pub version: CredentialVersion,
    /// What was found.
    pub found: TestReport,
}

/// How a version is to take over. What is missing is as it usually is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Takeover {
    /// How long batches that began with the replaced version may go on with it.
    pub drain_ms: Option<u64>,
    /// How long the replaced version's signing secrets still sign.
    pub overlap_ms: Option<u64>,
    /// Whether it may take over although it was not verified, or too many others drain.
    pub force: bool,
}

impl Takeover {
    /// The terms, for a destination of this type: what has no signing secrets has no overlap.
    pub(super) fn terms(&self, destination_type: &Description) -> Result<CutOver, ControlError> {
        let mut problems = Vec::new();
        let mut bounded = |name: &str, given: Option<u64>, usual: u64, max: u64| {
            if given.is_some_and(|ms| ms > max) {
                problems.push(Problem::new(format!("/{name}"), format!("must be {max} at most")));
            }
            given.unwrap_or(usual).min(max)
        };
        let drain_ms = bounded("drain_ms", self.drain_ms, DRAIN_MS_DEFAULT, DRAIN_MS_MAX);
        let overlap_ms = bounded("overlap_ms", self.overlap_ms, OVERLAP_MS_DEFAULT, OVERLAP_MS_MAX);
        refuse_if_any(problems)?;
        let overlap_ms = if destination_type.has_overlap() { overlap_ms } else { 0 };
        Ok(CutOver { drain_ms, overlap_ms, force: self.force, component: destination_type.digest().to_owned() })
    }
}

impl Control {
    /// A destination's credential versions, newest first. Never their secrets.
    ///
    /// # Errors
    /// When there is no such destination, or the store fails.
    pub async fn credentials(&self, caller: &Caller, id: &str) -> Result<Vec<CredentialVersion>, ControlError> {
        let scope = caller.require(Permission::Read)?;
        let destination = self.find_destination(scope, id).await?;
        self.store().credentials(scope, &destination.id).await.map_err(ControlError::of(KIND))
    }

    /// Gives a destination its next credential version. Nothing uses it before it is cut over to.
    ///
    /// # Errors
    /// When the caller may not manage destinations, there is no such destination, the fields do not fit the type, another version is
    /// pending, or the store or the vault fails.
    pub async fn add_credential(
        &self,
        caller: &Caller,
        id: &str,
        (given, expires_at): (SecretFields, Option<Timestamp>),
        pointer: &str,
    ) -> Result<AddedCredential, ControlError> {
        let scope = caller.require(Permission::Manage)?;
        let _changing = self.0.changing.lock().await;
        let destination = self.find_destination(scope, id).await?;
        let destination_type = self.type_of(&destination).await?;
        let sources = &self.parts().sources;
        let mut problems = Vec::new();
        let prepared = credential::prepare(&destination_type, Some(given), pointer, sources, &mut problems);
        if prepared.fields.is_empty() && problems.is_empty() {
            problems.push(Problem::new(pointer, "must have at least one field"));
        }
        check_expiry(expires_at, sources.now(), &mut problems);
        refuse_if_any(problems)?;

        let number = self.store().next_credential_version(scope, &destination.id).await;
        let number = number.map_err(ControlError::of(KIND))?;
        let sealed = self.seal(caller, context(&destination, number), &prepared.fields).await?;
        let mut details = credential::details(&sealed);
        details["expires_at"] = json!(expires_at);
        let entry = entry(caller, "credential.add", &destination, details);
        let added = self.store().add_credential(scope, &sealed, expires_at, &entry).await;
        let version = added.map_err(ControlError::of(KIND))?;
        Ok(AddedCredential { version, generated: prepared.generated })
    }

    /// Tries a pending version with the destination's config. One that is refused is rejected: its bytes are destroyed. One
    /// that could not be tried, since the destination was not reached say, stays pending.
    ///
    /// # Errors
    /// When the caller may not manage destinations, there is no such version, it is not pending, the config was changed meanwhile, or the
    /// store or the vault fails.
    pub async fn verify_credential(
        &self,
        caller: &Caller,
        id: &str,
        version: &str,
    ) -> Result<TriedCredential, ControlError> {
        caller.require(Permission::Manage)?;
        let number = number(version)?;
        let (destination, found) = self.try_pending(caller, id, number, Signing::WithOthers).await?;
        let version = match &found.failure {
            None => self.note_verified(caller, &destination, number).await?,
            Some(failure) if speaks_of_the_credential(failure) => {
                self.reject(caller, &destination, number, Some(failure)).await?
            }
            Some(_) => self.find_version(caller, &destination, number).await?,
        };
        Ok(TriedCredential { version, found })
    }

    /// Makes a pending version the active one. What began with the former one may end with it.
    ///
    /// # Errors
    /// When the caller may not manage destinations, there is no such version, it cannot take over now, or the store fails.
    pub async fn cut_over_credential(
        &self,
        caller: &Caller,
        id: &str,
        version: &str,
        takeover: Takeover,
    ) -> Result<Destination, ControlError> {
        let scope = caller.require(Permission::Manage)?;
        let destination = self.find_destination(scope, id).await?;
        self.cut_over(caller, &destination, number(version)?, takeover).await
    }

    pub(super) async fn cut_over(
        &self,
        caller: &Caller,
        destination: &Destination,
        number: u32,
        takeover: Takeover,
    ) -> Result<Destination, ControlError> {
        let scope = caller.require(Permission::Manage)?;
        let terms = takeover.terms(&*self.type_of(destination).await?)?;
        let details = json!({
            "version": number, "force": terms.force, "drain_ms": terms.drain_ms, "overlap_ms": terms.overlap_ms,
        });
        let entry = entry(caller, "credential.cutover", destination, details);
        let place = (&destination.id, number);
        let rotated = self.store().cut_over_credential(scope, place, &terms, &entry).await;
        Ok(self.rotated(rotated.map_err(ControlError::of(VERSION))?))
    }

    /// Makes the version before the active one the active one again.
    ///
    /// # Errors
    /// When the caller may not manage destinations, it is not that version, its bytes are destroyed, or the store fails.
    pub async fn roll_back_credential(
        &self,
        caller: &Caller,
        id: &str,
        version: &str,
        takeover: Takeover,
    ) -> Result<Destination, ControlError> {
        let scope = caller.require(Permission::Manage)?;
        let number = number(version)?;
        let destination = self.find_destination(scope, id).await?;
        let terms = takeover.terms(&*self.type_of(&destination).await?)?;
        let details = json!({ "version": number, "drain_ms": terms.drain_ms, "overlap_ms": terms.overlap_ms });
        let entry = entry(caller, "credential.rollback", &destination, details);
        let place = (&destination.id, number);
        let lasting = (terms.drain_ms, terms.overlap_ms);
        let rotated = self.store().roll_back_credential(scope, place, lasting, &entry).await;
        Ok(self.rotated(rotated.map_err(ControlError::of(VERSION))?))
    }

    /// Takes a version back at once: nothing begins with it from now on, and what is at work with it is cut off. When it is
    /// the active one, the destination pauses until another one takes over.
    ///
    /// # Errors
    /// When the caller may not manage destinations, there is no such version, it has ended already, or the store fails.
    pub async fn revoke_credential(
        &self,
        caller: &Caller,
        id: &str,
        version: &str,
    ) -> Result<Destination, ControlError> {
        let scope = caller.require(Permission::Manage)?;
        let number = number(version)?;
        let destination = self.find_destination(scope, id).await?;
        let entry = entry(caller, "credential.revoke", &destination, json!({ "version": number }));
        let message = "its credential was revoked: give it a new one".to_owned();
        let pause = Pause { reason: PauseReason::Auth, message, since: self.parts().sources.now() };
        let rotated = self.store().revoke_credential(scope, (&destination.id, number), &pause, &entry).await;
        Ok(self.rotated(rotated.map_err(ControlError::of(VERSION))?))
    }

    /// Sets when a version stops working, so that people are reminded before, or that nobody knows.
    ///
    /// # Errors
    /// When the caller may not manage destinations, there is no such version, it has ended already, or the store fails.
    pub async fn set_credential_expiry(
        &self,
        caller: &Caller,
        id: &str,
        version: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<CredentialVersion, ControlError> {
        let scope = caller.require(Permission::Manage)?;
        let number = number(version)?;
        let destination = self.find_destination(scope, id).await?;
        let mut problems = Vec::new();
        check_expiry(expires_at, self.parts().sources.now(), &mut problems);
        refuse_if_any(problems)?;
        let details = json!({ "version": number, "expires_at": expires_at });
        let entry = entry(caller, "credential.update", &destination, details);
        let place = (&destination.id, number);
        let set = self.store().set_credential_expiry(scope, place, expires_at, &entry).await;
        set.map_err(ControlError::of(VERSION))
    }

    /// Cuts off what is at work with ended versions, and lets the lane go on with the active one.
    fn rotated(&self, rotated: Rotated) -> Destination {
        let lane = lane(&rotated.destination);
        for version in rotated.ended {
            self.parts().lanes.revoke(&lane, version);
        }
        self.parts().lanes.retire(&lane);
        self.parts().lanes.wake(&lane);
        rotated.destination
    }

    /// Tries a pending version, and gives the destination as it stood for that.
    pub(super) async fn try_pending(
        &self,
        caller: &Caller,
        id: &str,
        number: u32,
        signing: Signing,
    ) -> Result<(Destination, TestReport), ControlError> {
        let scope = caller.require(Permission::Manage)?;
        let destination = self.find_destination(scope, id).await?;
        let destination_type = self.type_of(&destination).await?;
        let version = self.find_version(caller, &destination, number).await?;
        if !version.state.is_pending() {
            let refused = Refused::NotPending(number, version.state);
            return Err(ControlError::of(VERSION)(StoreConflict::Rotation(refused).into()));
        }
        let found = self.try_out(scope, &destination, destination_type, (Some(number), signing)).await?;
        Ok((destination, found))
    }

    pub(super) async fn find_version(
        &self,
        caller: &Caller,
        destination: &Destination,
        number: u32,
    ) -> Result<CredentialVersion, ControlError> {
        let scope = caller.require(Permission::Read)?;
        let found = self.store().credential_version(scope, &destination.id, number).await;
        found.map_err(ControlError::of(VERSION))?.ok_or(ControlError::NotFound { kind: VERSION })
    }

    pub(super) async fn note_verified(
        &self,
        caller: &Caller,
        destination: &Destination,
        number: u32,
    ) -> Result<CredentialVersion, ControlError> {
        let scope = caller.require(Permission::Manage)?;
        let verification = Verification {
            at: self.parts().sources.now(),
            config: digest(&destination.config),
            component: self.type_of(destination).await?.digest().to_owned(),
        };
        let details = json!({
            "version": number, "config": verification.config, "component": verification.component,
        });
        let entry = entry(caller, "credential.verify", destination, details);
        let tried = (destination.config_version, &verification);
        let noted = self.store().verify_credential(scope, (&destination.id, number), tried, &entry).await;
        noted.map_err(ControlError::of(VERSION))
    }

    pub(super) async fn reject(
        &self,
        caller: &Caller,
        destination: &Destination,
        number: u32,
        failure: Option<&Failure>,
    ) -> Result<CredentialVersion, ControlError> {
        let scope = caller.require(Permission::Manage)?;
        let (kind, code) = failure.map(|failure| (failure.kind, &failure.code)).unzip();
        let details = json!({ "version": number, "kind": kind, "code": code });
        let entry = entry(caller, "credential.reject", destination, details);
        let rejected = self.store().reject_credential(scope, (&destination.id, number), &entry).await;
        rejected.map_err(ControlError::of(VERSION))
    }
}

/// A version's number in a path. A text that is none names nothing.
fn number(text: &str) -> Result<u32, ControlError> {
    text.parse().map_err(|_| ControlError::NotFound { kind: VERSION })
}

fn entry(caller: &Caller, action: &'static str, destination: &Destination, details: Value) -> AuditEntry {
    caller.entry(action, (KIND, destination.id.as_str()), Some(&destination.customer), details)
}

/// Whether a failed trial means that the credential, or what it is for, is wrong, and not that the trial came to nothing.
fn speaks_of_the_credential(failure: &Failure) -> bool {
    matches!(failure.kind, ErrorKind::Auth | ErrorKind::Config | ErrorKind::Rejected)
}

fn check_expiry(expires_at: Option<Timestamp>, now: Timestamp, problems: &mut Vec<Problem>) {
    if expires_at.is_some_and(|at| at <= now) {
        problems.push(Problem::new("/expires_at", "must lie in the future"));
    }
}

/// A digest of a config, by which two can be told apart: an object's fields are in the order of their names.
fn digest(config: &Value) -> String {
    let hex: Vec<String> = Sha256::digest(config.to_string()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", hex.concat())
}
