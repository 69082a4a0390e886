//! The destination types that are installed.

use std::sync::Arc;

use freehold_model::permission::Permission;
use freehold_sandbox::DestinationType;

use crate::Control;
use crate::caller::Caller;
use crate::error::ControlError;

impl Control {
    /// Every installed type, in the order of their names.
    ///
    /// # Errors
    /// When the caller may not read.
    pub fn destination_types(&self, caller: &Caller) -> Result<Vec<Arc<DestinationType>>, ControlError> {
        caller.require(Permission::Read)?;
        Ok(self.parts().catalogue.list())
    }

    /// The installed type called `name`.
    ///
    /// # Errors
    /// When there is none.
    pub fn destination_type(&self, caller: &Caller, name: &str) -> Result<Arc<DestinationType>, ControlError> {
        caller.require(Permission::Read)?;
        self.parts().catalogue.get(name).ok_or(ControlError::NotFound { kind: "destination type" })
    }
}
