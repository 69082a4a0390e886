//! What proves that a component may run.

use freehold_model::installed_type::SignedBy;
use freehold_store::StoredComponent;
use freehold_trust::{Signer, TrustList, Untrusted, digest};
use freehold_vault::Vault;

/// The name of the key that the deployment marks components with.
const MARK: &str = "trusted component";

/// Whom the operator trusts.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The keys whose signatures count.
    pub keys: TrustList,
    /// Whether components without a signature may run too.
    pub allow_unsigned: bool,
    /// Whether a tenant may install types for itself.
    pub tenant_installs: bool,
}

impl Trust {
    /// Who signed `component`; `None` when nobody did and nobody has to.
    ///
    /// # Errors
    /// When its signature proves nothing, or it has none and needs one.
    pub fn judge(&self, component: &[u8], signature: Option<&[u8]>) -> Result<Option<SignedBy>, String> {
        match signature {
            Some(signature) => match self.keys.signer(component, signature) {
                Ok(signer) => Ok(Some(signed_by(signer))),
                // In development nobody needs to be trusted; a signature that is wrong is wrong all the same.
                Err(Untrusted::NoKeys | Untrusted::UnknownKey { .. } | Untrusted::ByNobody) if self.allow_unsigned => {
                    Ok(None)
                }
                Err(error) => Err(error.to_string()),
            },
            None if self.allow_unsigned => Ok(None),
            None => {
                Err("it has no signature; sign it with `freehold plugin sign`, by a key of `trust.keys`".to_owned())
            }
        }
    }

    /// Whether a stored component may run.
    pub(crate) fn check(&self, stored: &StoredComponent, vault: &Vault) -> Result<(), String> {
        let is_marked = stored.mark.as_ref().is_some_and(|mark| is_marked(vault, &stored.component, mark));
        if is_marked { Ok(()) } else { self.judge(&stored.component, stored.signature.as_deref()).map(drop) }
    }
}

fn signed_by(signer: Signer) -> SignedBy {
    let form = signer.form().to_owned();
    SignedBy { name: signer.name, key: signer.key, form }
}

/// The deployment's own mark on a component that lay in a folder of the operator's.
pub(crate) fn mark(vault: &Vault, component: &[u8]) -> Vec<u8> {
    vault.authenticate(MARK, digest(component).as_bytes()).to_vec()
}

fn is_marked(vault: &Vault, component: &[u8], mark: &[u8]) -> bool {
    mark.len() == 32 && vault.is_authentic(MARK, digest(component).as_bytes(), mark)
}
