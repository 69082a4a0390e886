//! Installed versions of types: whose they are, which is current, and what destinations run.

use freehold_model::audit::Chain;
use freehold_model::installed_type::{InstalledType, Origin, Repin, SignedBy};
use freehold_store::{StoreError, StoredComponent, TypeChange};

use super::on_every_engine;
use crate::support::{Home, audit};

on_every_engine!(
    the_newest_version_is_current_and_the_one_before_is_remembered,
    a_component_that_is_installed_again_brings_the_proof_that_it_lacked,
    what_one_tenant_installs_is_not_the_deployments,
    a_destination_goes_over_unless_it_was_changed_meanwhile,
    destinations_from_before_are_pinned_to_what_is_current,
);

fn version(home: &Home, number: u8) -> (InstalledType, StoredComponent) {
    let installed = InstalledType {
        tenant: None,
        name: "webhook".into(),
        version: format!("{number}.0.0"),
        digest: format!("sha256:{number}"),
        manifest: "{}".into(),
        imports: vec!["freehold:destination/http@0.1.0".into()],
        bytes: 3,
        origin: Origin::Install,
        signed_by: None,
        installed_by: "cli".into(),
        installed_at: home.now(),
        is_disabled: false,
        is_current: true,
        former: None,
    };
    let component = StoredComponent { component: vec![number; 3], signature: Some(vec![1]), mark: None };
    (installed, component)
}

async fn install(home: &Home, number: u8) -> bool {
    let (installed, component) = version(home, number);
    let entry = audit("destination-type.install");
    home.store.install_type_across_tenants(&installed, component, &entry).await.unwrap()
}

async fn the_newest_version_is_current_and_the_one_before_is_remembered(home: Home) {
    assert!(install(&home, 1).await);
    assert!(install(&home, 2).await);
    assert!(!install(&home, 1).await, "it is installed already");

    let all = home.store.installed_types_across_tenants().await.unwrap();
    let told: Vec<_> = all.iter().map(|it| (it.version.as_str(), it.is_current, it.former.as_deref())).collect();
    assert_eq!(told, [("1.0.0", false, None), ("2.0.0", true, Some("sha256:1"))]);
    assert_eq!(
        home.store.component_across_tenants(None, "sha256:2").await.unwrap(),
        Some(StoredComponent { component: vec![2; 3], signature: Some(vec![1]), mark: None })
    );
    let back = TypeChange::Current { digest: "sha256:1".into(), former: None };
    home.store
        .change_types_across_tenants("webhook", vec![], &back, &audit("destination-type.rollback"))
        .await
        .unwrap();
    let off = TypeChange::Disabled(true);
    let digests = vec!["sha256:2".to_owned()];
    home.store.change_types_across_tenants("webhook", digests, &off, &audit("destination-type.disable")).await.unwrap();
    let all = home.store.installed_types_across_tenants().await.unwrap();
    let told: Vec<_> = all.iter().map(|it| (it.is_current, it.is_disabled)).collect();
    assert_eq!(told, [(true, false), (false, true)]);
    let missing = home
        .store
        .change_types_across_tenants("webhook", vec!["sha256:9".into()], &off, &audit("destination-type.disable"))
        .await;
    assert_eq!(missing, Err(StoreError::NotFound));
    let (records, _) = home.store.chain_length_across_tenants(&Chain::Deployment).await.unwrap();
    assert_eq!(records, 4, "each change has its record");
}

async fn a_component_that_is_installed_again_brings_the_proof_that_it_lacked(home: Home) {
    let entry = audit("destination-type.install");
    let stored = |signature: Option<u8>, mark: Option<u8>| {
        let (_, component) = version(&home, 1);
        StoredComponent { signature: signature.map(|it| vec![it]), mark: mark.map(|it| vec![it]), ..component }
    };
    let by = |name: &str| SignedBy { name: name.into(), key: "a key".into(), form: "ed25519".into() };
    let (unsigned, _) = version(&home, 1);
    let signed = InstalledType { signed_by: Some(by("acme")), ..unsigned.clone() };
    assert!(home.store.install_type_across_tenants(&unsigned, stored(None, None), &entry).await.unwrap());

    let mut told = Vec::new();
    for (installed, component) in [
        (&signed, stored(Some(7), None)),
        (&unsigned, stored(Some(9), None)),
        (&signed, stored(Some(7), None)),
        (&unsigned, stored(None, Some(8))),
    ] {
        assert!(!home.store.install_type_across_tenants(installed, component, &entry).await.unwrap());
        let found = home.store.component_across_tenants(None, "sha256:1").await.unwrap().unwrap();
        told.push((found.signature, found.mark));
    }

    let kept = (Some(vec![7]), None);
    assert_eq!(told, [kept.clone(), kept.clone(), kept, (Some(vec![7]), Some(vec![8]))]);
    let all = home.store.installed_types_across_tenants().await.unwrap();
    assert_eq!(all[0].signed_by, Some(by("acme")));
    let (records, _) = home.store.chain_length_across_tenants(&Chain::Deployment).await.unwrap();
    assert_eq!(records, 3, "the installation and two proofs");
}

async fn what_one_tenant_installs_is_not_the_deployments(home: Home) {
    let (stranger, _) = home.stranger().await;
    let (installed, component) = version(&home, 1);
    let entry = audit("destination-type.install");

    home.store.install_type(&home.scope, &installed, component, &entry).await.unwrap();

    let all = home.store.installed_types_across_tenants().await.unwrap();
    assert_eq!(all.iter().map(|it| it.tenant.clone()).collect::<Vec<_>>(), [Some(home.scope.tenant().clone())]);
    assert_eq!(home.store.component_across_tenants(None, "sha256:1").await.unwrap(), None);
    assert_eq!(home.store.component_across_tenants(Some(stranger.tenant()), "sha256:1").await.unwrap(), None);
    let off = TypeChange::Disabled(true);
    let foreign = home.store.change_types(&stranger, "webhook", vec!["sha256:1".into()], &off, &entry).await;
    assert_eq!(foreign, Err(StoreError::NotFound));
}

async fn a_destination_goes_over_unless_it_was_changed_meanwhile(home: Home) {
    let pinned = home.destination_with(|it| it.component_digest = Some("sha256:1".into())).await;
    let other = home.destination_with(|it| it.component_digest = Some("sha256:3".into())).await;
    let repin = |destination: &freehold_model::DestinationId| {
        let repin = Repin {
            tenant: home.scope.tenant().clone(),
            customer: home.customer.clone(),
            destination: destination.clone(),
            from: Some("sha256:1".into()),
            to: "sha256:2".into(),
            former: Some("sha256:1".into()),
            config_version: 1,
        };
        (repin, audit("destination.upgrade"))
    };

    let (stranger, _) = home.stranger().await;
    assert_eq!(home.store.repin(&stranger, vec![repin(&pinned)]).await.unwrap(), []);
    let done = home.store.repin(&home.scope, vec![repin(&pinned), repin(&other)]).await.unwrap();

    assert_eq!(done.into_iter().map(|repin| repin.destination).collect::<Vec<_>>(), std::slice::from_ref(&pinned));
    let found = home.store.destination(&home.scope, &pinned).await.unwrap().unwrap();
    assert_eq!(
        (found.component_digest.as_deref(), found.former_digest.as_deref()),
        (Some("sha256:2"), Some("sha256:1"))
    );
    let running = home.store.running_types(&home.scope, "webhook").await.unwrap();
    let mut told: Vec<_> = running.into_iter().map(|it| (it.digest.unwrap(), it.destinations)).collect();
    told.sort();
    assert_eq!(told, [("sha256:2".to_owned(), 1), ("sha256:3".to_owned(), 1)]);
}

async fn destinations_from_before_are_pinned_to_what_is_current(home: Home) {
    let destination = home.destination().await;
    install(&home, 1).await;

    assert_eq!(home.store.pin_unpinned_across_tenants().await.unwrap(), 1);

    let found = home.store.destination(&home.scope, &destination).await.unwrap().unwrap();
    assert_eq!(found.component_digest.as_deref(), Some("sha256:1"));
    assert_eq!(home.store.pin_unpinned_across_tenants().await.unwrap(), 0);
}
