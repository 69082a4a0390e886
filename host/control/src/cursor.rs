//! Cursors that only the list that gave them out takes back: the store's position with a MAC over it, the tenant, the
//! customer of a portal session and the list.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use freehold_model::Scope;
use freehold_model::permission::Permission;

use crate::Control;
use crate::caller::Caller;
use crate::error::ControlError;

/// Bytes of the MAC: a forger has one try per request, so 128 bits are plenty.
const MAC_BYTES: usize = 16;
const PURPOSE: &str = "list cursor";

impl Control {
    /// `position` as a cursor of `list`, for the caller's tenant.
    ///
    /// # Errors
    /// When the caller may not read.
    pub fn seal_cursor(&self, caller: &Caller, list: &str, position: &str) -> Result<String, ControlError> {
        let message = message(caller.require(Permission::Read)?, list, position);
        let mut bytes = self.parts().vault.authenticate(PURPOSE, &message)[..MAC_BYTES].to_vec();
        bytes.extend_from_slice(position.as_bytes());
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The position that [`Self::seal_cursor`] put into `cursor` for this tenant and list.
    ///
    /// # Errors
    /// [`ControlError::ForeignCursor`] when it did not.
    pub fn open_cursor(&self, caller: &Caller, list: &str, cursor: &str) -> Result<String, ControlError> {
        // Before anything is looked at: whoever may not read learns nothing of it.
        let scope = caller.require(Permission::Read)?;
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| ControlError::ForeignCursor)?;
        let (mac, position) = bytes.split_at_checked(MAC_BYTES).ok_or(ControlError::ForeignCursor)?;
        let position = std::str::from_utf8(position).map_err(|_| ControlError::ForeignCursor)?;
        let is_ours = self.parts().vault.is_authentic(PURPOSE, &message(scope, list, position), mac);
        if is_ours { Ok(position.to_owned()) } else { Err(ControlError::ForeignCursor) }
    }
}

/// What the MAC is over. No id and no list has a zero byte, so the parts cannot be mistaken for one another.
fn message(scope: &Scope, list: &str, position: &str) -> Vec<u8> {
    let (tenant, customer) = (scope.tenant(), scope.customer().map_or("", |customer| customer.as_str()));
    format!("{tenant}\0{customer}\0{list}\0{position}").into_bytes()
}
