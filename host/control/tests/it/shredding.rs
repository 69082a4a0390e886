//! When a customer is deleted, nothing opens its credentials any more: not the store, not what the vault remembers.

use std::sync::Arc;

use freehold_vault::VaultError;

use crate::deployment::Deployment;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_a_deleted_customer_is_gone_from_the_database_file_and_its_log() {
    let deployment = Deployment::new().await;
    let vault = Arc::new(deployment.vault(0).await);
    let control = deployment.control_over(vault.clone());
    let customer = deployment.customer(&control, &vault).await.unwrap();
    let other = deployment.customer(&control, &vault).await.unwrap();
    let needle = customer.key.wrapped.clone();

    control.delete_customer(&deployment.operator(&control), customer.id.as_str()).await.unwrap();
    deployment.store.close().await;

    // Closing moves the write-ahead log into the database, so all that is kept is looked at.
    for entry in std::fs::read_dir(deployment.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!contains(&bytes, &needle), "{} still holds the wrapped key", path.display());
    }
    let database = std::fs::read(deployment.folder.path().join("freehold.db")).unwrap();
    assert!(contains(&database, &other.key.wrapped), "another customer's key was not to be touched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_credential_that_somebody_kept_does_not_open_after_its_customer_is_deleted() {
    let deployment = Deployment::new().await;
    let vault = Arc::new(deployment.vault(0).await);
    let control = deployment.control_over(vault.clone());
    let customer = deployment.customer(&control, &vault).await.unwrap();
    assert!(vault.open(&customer.key, &customer.sealed).await.is_ok());

    control.delete_customer(&deployment.operator(&control), customer.id.as_str()).await.unwrap();

    assert_eq!(deployment.stored_key(&customer).await, None);
    // Whatever key is put in the place of the one that was destroyed, the sealed bytes stay closed.
    let another = deployment.customer(&control, &vault).await.unwrap();
    let standing_in = freehold_model::credential::WrappedKey {
        id: customer.key.id.clone(),
        customer: customer.id.clone(),
        ..another.key
    };
    let refused = vault.open(&standing_in, &customer.sealed).await.unwrap_err();
    assert!(matches!(refused, VaultError::DoesNotOpen), "{refused}");
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
