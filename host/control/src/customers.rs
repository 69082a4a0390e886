//! Customers of a tenant: made, found by id or by the vendor's own id, listed, deleted with all that is theirs.

use freehold_model::customer::Customer;
use freehold_model::lane::Lane;
use freehold_model::page::{Page, PageRequest};
use freehold_model::permission::Permission;
use freehold_model::{CustomerId, Scope, limits};
use serde_json::json;

use crate::caller::Caller;
use crate::error::{ControlError, Problem, refuse_if_any};
use crate::{Control, names};

const KIND: &str = "customer";

/// What a new customer shall be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomerDraft {
    /// What people call it; the external id when missing.
    pub name: Option<String>,
    /// The vendor's own id for it.
    pub external_id: Option<String>,
}

impl Control {
    /// Makes a customer.
    ///
    /// # Errors
    /// When the caller is no admin, a field is unfit, the external id is taken, or the store fails.
    pub async fn create_customer(&self, caller: &Caller, draft: CustomerDraft) -> Result<Customer, ControlError> {
        let scope = caller.require_of_tenant(Permission::Admin)?;
        let (name, external_id) = check(&draft)?;
        if let Some(external_id) = &external_id
            && self.resolve_customer(scope, external_id).await?.is_some()
        {
            return Err(external_id_taken());
        }
        let sources = &self.parts().sources;
        let customer = Customer {
            id: CustomerId::generate(sources),
            tenant: scope.tenant().clone(),
            external_id,
            name,
            created_at: sources.now(),
        };
        let details = json!({ "name": customer.name, "external_id": customer.external_id });
        let entry = caller.entry("customer.create", (KIND, customer.id.as_str()), Some(&customer.id), details);
        self.store().create_customer(scope, &customer, &entry).await.map_err(ControlError::of(KIND))?;
        Ok(customer)
    }

    /// The customer with this id or external id.
    ///
    /// # Errors
    /// When there is none, or the store fails.
    pub async fn customer(&self, caller: &Caller, reference: &str) -> Result<Customer, ControlError> {
        self.find_customer(caller.require(Permission::Read)?, reference).await
    }

    /// The id of the customer with this id or external id, if there is one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn customer_id(&self, caller: &Caller, reference: &str) -> Result<Option<CustomerId>, ControlError> {
        self.resolve_customer(caller.require(Permission::Read)?, reference).await
    }

    /// The tenant's customers.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn customers(&self, caller: &Caller, page: &PageRequest) -> Result<Page<Customer>, ControlError> {
        let scope = caller.require(Permission::Read)?;
        self.store().customers(scope, page).await.map_err(ControlError::of(KIND))
    }

    /// The tenant's customers whose name or external id has `text` in it.
    ///
    /// # Errors
    /// When the caller may not see all of the tenant's, or the store fails.
    pub async fn search_customers(
        &self,
        caller: &Caller,
        text: &str,
        page: &PageRequest,
    ) -> Result<Page<Customer>, ControlError> {
        let scope = caller.require_of_tenant(Permission::Read)?;
        self.store().search_customers(scope, text, page).await.map_err(ControlError::of(KIND))
    }

    /// Deletes a customer: its destinations end, what is queued for them is cancelled, its credentials are destroyed.
    ///
    /// # Errors
    /// When the caller is no admin, there is no such customer, or the store fails.
    pub async fn delete_customer(&self, caller: &Caller, reference: &str) -> Result<(), ControlError> {
        let scope = caller.require_of_tenant(Permission::Admin)?;
        let customer = self.find_customer(scope, reference).await?;
        let _changing = self.0.changing.lock().await;
        let lanes = self.lanes_of(scope, &customer.id).await?;
        let details = json!({ "name": customer.name, "destinations": lanes.len() });
        let entry = caller.entry("customer.delete", (KIND, customer.id.as_str()), Some(&customer.id), details);
        self.store().delete_customer(scope, &customer.id, &entry).await.map_err(ControlError::of(KIND))?;
        self.parts().vault.forget_customer(scope.tenant(), &customer.id);
        for lane in &lanes {
            self.parts().lanes.retire(lane);
        }
        Ok(())
    }

    pub(crate) async fn find_customer(&self, scope: &Scope, reference: &str) -> Result<Customer, ControlError> {
        let id = self.resolve_customer(scope, reference).await?.ok_or(ControlError::NotFound { kind: KIND })?;
        let found = self.store().customer(scope, &id).await.map_err(ControlError::of(KIND))?;
        found.ok_or(ControlError::NotFound { kind: KIND })
    }

    async fn resolve_customer(&self, scope: &Scope, reference: &str) -> Result<Option<CustomerId>, ControlError> {
        let references = [reference.to_owned()];
        let mut found = self.store().resolve_customers(scope, &references).await.map_err(ControlError::of(KIND))?;
        Ok(found.remove(reference))
    }

    async fn lanes_of(&self, scope: &Scope, customer: &CustomerId) -> Result<Vec<Lane>, ControlError> {
        let mut lanes = Vec::new();
        let mut page = PageRequest { after: None, limit: limits::PAGE_ROWS_MAX };
        loop {
            let found =
                self.store().destinations(scope, Some(customer), &page).await.map_err(ControlError::of(KIND))?;
            lanes.extend(found.items.into_iter().map(|destination| Lane {
                tenant: destination.tenant,
                customer: destination.customer,
                destination: destination.id,
            }));
            match found.next {
                Some(next) => page.after = Some(next),
                None => return Ok(lanes),
            }
        }
    }
}

fn external_id_taken() -> ControlError {
    ControlError::conflict("/external_id", "another customer has this external id already")
}

fn check(draft: &CustomerDraft) -> Result<(String, Option<String>), ControlError> {
    let mut problems = Vec::new();
    let external_id =
        draft.external_id.as_deref().and_then(|text| keep(names::external_id("/external_id", text), &mut problems));
    let name = match (&draft.name, &draft.external_id) {
        (Some(name), _) => keep(names::name("/name", name), &mut problems),
        (None, Some(external_id)) => Some(external_id.clone()),
        (None, None) => {
            problems.push(Problem::new("/name", "is required when there is no `external_id`"));
            None
        }
    };
    refuse_if_any(problems)?;
    Ok((name.unwrap_or_default(), external_id))
}

fn keep<T>(result: Result<T, Problem>, problems: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|problem| problems.push(problem)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(name: Option<&str>, external_id: Option<&str>) -> CustomerDraft {
        CustomerDraft { name: name.map(str::to_owned), external_id: external_id.map(str::to_owned) }
    }

    #[test]
    fn a_customer_needs_a_name_or_an_external_id() {
        assert_eq!(check(&draft(None, Some("acme"))).unwrap(), ("acme".to_owned(), Some("acme".to_owned())));
        assert_eq!(check(&draft(Some("Acme"), None)).unwrap(), ("Acme".to_owned(), None));
        assert!(check(&draft(None, None)).is_err());
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let Err(ControlError::Invalid(problems)) = check(&draft(Some(""), Some("a b"))) else { panic!("accepted") };

        let pointers: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(pointers, ["/external_id", "/name"]);
    }
}
