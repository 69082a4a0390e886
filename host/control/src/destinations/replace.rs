//! Replaces a destination's credential in one call: gives the new version, tries it, cuts over to it, lets the old one drain.

use freehold_model::Timestamp;
use freehold_model::destination::Destination;
use freehold_model::permission::Permission;
use freehold_model::secret::SecretFields;

use super::credential::Generated;
use super::rotation::{AddedCredential, Takeover};
use super::verify::Signing;
use crate::Control;
use crate::caller::Caller;
use crate::error::ControlError;

/// How a credential is to be replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replacement {
    /// Whether to do without trying the new credential.
    pub unverified: bool,
    /// How it takes over.
    pub takeover: Takeover,
    /// When the new credential stops working.
    pub expires_at: Option<Timestamp>,
}

/// A credential that was just replaced.
#[derive(Debug)]
pub struct ReplacedCredential {
    /// The destination, as it stands now.
    pub destination: Destination,
    /// The new version.
    pub version: u32,
    /// By which the new version can be told from others, without showing it.
    pub fingerprint: String,
    /// The fields that Freehold generated. They cannot be had again.
    pub generated: Vec<Generated>,
}

impl Control {
    /// Replaces a destination's credential. New batches use the new one; what began with the old one may end with it. A lane
    /// that paused because the old one was refused goes on. Goes to its end even when the caller goes away.
    ///
    /// # Errors
    /// [`ControlError::CredentialRefused`] when the new credential does not work; nothing is changed then. When the caller is
    /// no admin, there is no such destination, the fields do not fit the type, another replacement is under way, or the store
    /// or the vault fails.
    pub async fn replace_credential(
        &self,
        caller: &Caller,
        id: &str,
        given: SecretFields,
        replacement: Replacement,
    ) -> Result<ReplacedCredential, ControlError> {
        let (control, caller, id) = (self.clone(), caller.clone(), id.to_owned());
        let replacing = tokio::spawn(async move { control.replace(&caller, &id, given, replacement).await });
        // A task ends without a result only when the process ends.
        replacing.await.unwrap_or(Err(ControlError::Store(freehold_store::StoreError::Closed)))
    }

    async fn replace(
        &self,
        caller: &Caller,
        id: &str,
        given: SecretFields,
        Replacement { unverified, takeover, expires_at }: Replacement,
    ) -> Result<ReplacedCredential, ControlError> {
        let scope = caller.require(Permission::Manage)?;
        let destination = self.find_destination(scope, id).await?;
        // Refused before anything is stored.
        let terms = takeover.terms(&*self.type_of(&destination).await?)?;
        let AddedCredential { version, generated } = self.add_credential(caller, id, (given, expires_at), "").await?;
        if !unverified {
            let signing = if terms.overlap_ms == 0 { Signing::Alone } else { Signing::WithOthers };
            self.verify_or_reject(caller, &destination, version.version, signing).await?;
        }
        let takeover = Takeover { force: takeover.force || unverified, ..takeover };
        let replaced = self.cut_over(caller, &destination, version.version, takeover).await;
        if replaced.is_err() {
            self.withdraw(caller, &destination, version.version).await?;
        }
        let destination = replaced?;
        Ok(ReplacedCredential { destination, version: version.version, fingerprint: version.fingerprint, generated })
    }

    /// Tries a version that was just given. Unless it works, it is rejected.
    async fn verify_or_reject(
        &self,
        caller: &Caller,
        destination: &Destination,
        number: u32,
        signing: Signing,
    ) -> Result<(), ControlError> {
        let verified = self.verify_given(caller, destination.id.as_str(), number, signing).await;
        if verified.is_err() {
            self.withdraw(caller, destination, number).await?;
        }
        verified
    }

    async fn verify_given(&self, caller: &Caller, id: &str, number: u32, signing: Signing) -> Result<(), ControlError> {
        let (destination, found) = self.try_pending(caller, id, number, signing).await?;
        if let Some(failure) = found.failure {
            self.reject(caller, &destination, number, Some(&failure)).await?;
            return Err(ControlError::CredentialRefused { failure });
        }
        self.note_verified(caller, &destination, number).await.map(|_| ())
    }

    /// Rejects a version that could not take over, so that it does not stay in the way of the next one.
    async fn withdraw(&self, caller: &Caller, destination: &Destination, number: u32) -> Result<(), ControlError> {
        match self.reject(caller, destination, number, None).await {
            // Somebody else was quicker, or the destination is gone.
            Ok(_) | Err(ControlError::NotFound { .. } | ControlError::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
