//! Tenants, keys, customers, and who may see what.

use freehold_model::api_key::{ApiKey, KeyKind};
use freehold_model::delivery::Verdict;
use freehold_model::destination::DestinationChange;
use freehold_model::permission::Permission;
use freehold_model::portal_session::PortalSession;
use freehold_model::{ApiKeyId, CustomerId};
use freehold_store::{
    AttemptFilter, AuditFilter, Conflict, DeliveryFilter, EventFilter, Replay, StoreError, UnderLease, Verification,
};

use super::on_every_engine;
use crate::support::{COMPONENT, Home, audit, customer, cut_over, first, portal_session, sealed, tenant, wrapped_key};

on_every_engine!(
    a_tenant_is_found_by_name_and_by_id,
    names_of_tenants_are_unique,
    an_api_key_is_found_by_its_hash_until_it_is_revoked,
    a_key_is_replaced_once_and_ends_no_later_than_before,
    a_portal_session_is_opened_once_while_its_code_is_good,
    portal_sessions_end_with_their_customer_and_are_dropped_a_day_later,
    a_customer_is_named_by_id_or_external_id,
    an_external_id_is_free_again_after_its_customer_is_deleted,
    deleting_a_customer_ends_all_that_it_had,
    nothing_of_one_tenant_is_there_for_another,
    nothing_of_one_customer_is_there_for_another,
    the_audit_log_tells_of_every_change,
    the_canary_is_kept,
);

async fn a_tenant_is_found_by_name_and_by_id(home: Home) {
    let tenant = tenant(&home.sources, "globex");
    home.store.create_tenant_across_tenants(&tenant, &audit("tenant.create")).await.unwrap();

    for name in ["globex", tenant.id.as_str()] {
        assert_eq!(home.store.find_tenant_across_tenants(name).await.unwrap(), Some(tenant.clone()));
    }
    assert_eq!(home.store.find_tenant_across_tenants("nobody").await.unwrap(), None);
    assert_eq!(home.store.tenants_across_tenants().await.unwrap().len(), 2);
}

async fn names_of_tenants_are_unique(home: Home) {
    let again = tenant(&home.sources, "acme");

    let refused = home.store.create_tenant_across_tenants(&again, &audit("tenant.create")).await;

    assert_eq!(refused, Err(StoreError::Conflict(Conflict::TenantName)));
}

fn api_key(home: &Home, number: u8) -> ApiKey {
    ApiKey {
        id: ApiKeyId::generate(&home.sources),
        tenant: home.scope.tenant().clone(),
        name: "ci".into(),
        kind: KeyKind::Test,
        scopes: [Permission::Publish, Permission::Read].into_iter().collect(),
        hash: [number; 32],
        last4: "wxyz".into(),
        created_at: home.now(),
        created_by: "cli".into(),
        expires_at: Some(home.now().plus_millis(1_000)),
        revoked_at: None,
        last_used_at: None,
        replaced_by: None,
    }
}

async fn an_api_key_is_found_by_its_hash_until_it_is_revoked(home: Home) {
    let key = api_key(&home, 3);
    home.store.create_api_key(&home.scope, &key, &audit("key.create")).await.unwrap();
    let found = || async { home.store.find_api_key_across_tenants(&[3; 32]).await.unwrap() };

    assert_eq!(found().await, Some(key.clone()));
    home.store.touch_api_key(&home.scope, &key.id).await.unwrap();
    assert_eq!(found().await.unwrap().last_used_at, Some(home.now()));
    let (stranger, _) = home.stranger().await;
    let stolen = home.store.revoke_api_key(&stranger, &key.id, &audit("key.revoke")).await;
    assert_eq!(stolen, Err(StoreError::NotFound));
    home.store.revoke_api_key(&home.scope, &key.id, &audit("key.revoke")).await.unwrap();
    assert_eq!(found().await.unwrap().revoked_at, Some(home.now()));
    assert_eq!(home.store.api_keys(&home.scope, &first(9)).await.unwrap().items.len(), 1);
    assert_eq!(home.store.api_keys(&stranger, &first(9)).await.unwrap().items.len(), 0);
    assert_eq!(home.store.api_key(&stranger, &key.id).await.unwrap(), None);
}

async fn a_key_is_replaced_once_and_ends_no_later_than_before(home: Home) {
    let (old, new, third) = (api_key(&home, 1), api_key(&home, 2), api_key(&home, 3));
    home.store.create_api_key(&home.scope, &old, &audit("key.create")).await.unwrap();
    let (stranger, _) = home.stranger().await;
    let rotate = async |scope, old: &ApiKey, new: &ApiKey, end| {
        home.store.rotate_api_key(scope, (&old.id, new), end, &audit("key.rotate")).await
    };
    let late = home.now().plus_millis(9_000);

    assert_eq!(rotate(&stranger, &old, &new, late).await, Err(StoreError::NotFound));
    rotate(&home.scope, &old, &new, late).await.unwrap();
    assert_eq!(rotate(&home.scope, &old, &third, late).await, Err(StoreError::Conflict(Conflict::KeyEnded)));
    rotate(&home.scope, &new, &third, home.now().plus_millis(5)).await.unwrap();

    let kept = async |key: &ApiKey| home.store.api_key(&home.scope, &key.id).await.unwrap().unwrap();
    assert_eq!((kept(&old).await.expires_at, kept(&old).await.replaced_by), (old.expires_at, Some(new.id.clone())));
    assert_eq!(kept(&new).await.expires_at, Some(home.now().plus_millis(5)));
    home.store.revoke_api_key(&home.scope, &third.id, &audit("key.revoke")).await.unwrap();
    let fourth = api_key(&home, 4);
    assert_eq!(rotate(&home.scope, &third, &fourth, late).await, Err(StoreError::Conflict(Conflict::KeyEnded)));
}

async fn a_portal_session_is_opened_once_while_its_code_is_good(home: Home) {
    let (store, scope) = (&home.store, &home.scope);
    let (session, late) = (portal_session(&home, &home.customer, 1), portal_session(&home, &home.customer, 2));
    for session in [&session, &late] {
        store.create_portal_session(scope, session, &audit("session.create")).await.unwrap();
    }
    let of_nobody = portal_session(&home, &CustomerId::generate(&home.sources), 3);
    let made = store.create_portal_session(scope, &of_nobody, &audit("session.create")).await;
    assert_eq!(made, Err(StoreError::NotFound));
    let (stranger, _) = home.stranger().await;
    let open = async |scope, session: &PortalSession, number| {
        store.open_portal_session(scope, &session.id, [number; 32], &audit("session.open")).await
    };

    assert_eq!(store.find_portal_session_by_code_across_tenants(&[1; 32]).await.unwrap(), Some(session.clone()));
    assert_eq!(store.find_portal_session_by_token_across_tenants(&[9; 32]).await.unwrap(), None);
    assert_eq!(open(&stranger, &session, 9).await, Err(StoreError::NotFound));
    open(scope, &session, 9).await.unwrap();
    assert_eq!(open(scope, &session, 8).await, Err(StoreError::NotFound), "it serves once");
    let found = store.find_portal_session_by_token_across_tenants(&[9; 32]).await.unwrap().unwrap();
    assert_eq!(found, PortalSession { token_hash: Some([9; 32]), ..session.clone() });

    home.clock.advance(1_000);
    assert_eq!(open(scope, &late, 7).await, Err(StoreError::NotFound), "its time is over");
    let revoked = store.revoke_portal_session(&stranger, &session.id, &audit("session.revoke")).await;
    assert_eq!(revoked, Err(StoreError::NotFound));
    store.revoke_portal_session(scope, &session.id, &audit("session.revoke")).await.unwrap();
    let found = store.portal_session(scope, &session.id).await.unwrap().unwrap();
    assert_eq!(found.revoked_at, Some(home.now()));
    assert_eq!(store.portal_session(&stranger, &session.id).await.unwrap(), None);
}

async fn portal_sessions_end_with_their_customer_and_are_dropped_a_day_later(home: Home) {
    let (store, scope) = (&home.store, &home.scope);
    let other = customer(&home.sources, scope.tenant(), None);
    store.create_customer(scope, &other, &audit("customer.create")).await.unwrap();
    let (theirs, ours) = (portal_session(&home, &other.id, 1), portal_session(&home, &home.customer, 2));
    for session in [&theirs, &ours] {
        store.create_portal_session(scope, session, &audit("session.create")).await.unwrap();
    }

    store.delete_customer(scope, &other.id, &audit("customer.delete")).await.unwrap();

    let kept = async |session: &PortalSession| store.portal_session(scope, &session.id).await.unwrap();
    assert_eq!(kept(&theirs).await.unwrap().revoked_at, Some(home.now()));
    assert_eq!(kept(&ours).await.unwrap().revoked_at, None);
    home.clock.advance(24 * 3600 * 1000 + 10_001);
    let next = portal_session(&home, &home.customer, 3);
    store.create_portal_session(scope, &next, &audit("session.create")).await.unwrap();
    assert_eq!(kept(&ours).await, None);
    assert!(kept(&next).await.is_some());
}

async fn a_customer_is_named_by_id_or_external_id(home: Home) {
    let known = customer(&home.sources, home.scope.tenant(), Some("42"));
    home.store.create_customer(&home.scope, &known, &audit("customer.create")).await.unwrap();
    let same_name = customer(&home.sources, home.scope.tenant(), Some("42"));

    let refused = home.store.create_customer(&home.scope, &same_name, &audit("customer.create")).await;
    let names = ["42".to_owned(), known.id.to_string(), "nobody".to_owned()];
    let resolved = home.store.resolve_customers(&home.scope, &names).await.unwrap();

    assert_eq!(refused, Err(StoreError::Conflict(Conflict::ExternalId)));
    assert_eq!(resolved.len(), 2);
    assert!(resolved.values().all(|id| *id == known.id));
    assert_eq!(home.store.customer(&home.scope, &known.id).await.unwrap(), Some(known));
}

async fn an_external_id_is_free_again_after_its_customer_is_deleted(home: Home) {
    let former = customer(&home.sources, home.scope.tenant(), Some("42"));
    home.store.create_customer(&home.scope, &former, &audit("customer.create")).await.unwrap();
    home.store.delete_customer(&home.scope, &former.id, &audit("customer.delete")).await.unwrap();
    let next = customer(&home.sources, home.scope.tenant(), Some("42"));

    home.store.create_customer(&home.scope, &next, &audit("customer.create")).await.unwrap();

    assert_eq!(home.store.customer(&home.scope, &former.id).await.unwrap(), None);
    let resolved = home.store.resolve_customers(&home.scope, &["42".to_owned()]).await.unwrap();
    assert_eq!(resolved["42"], next.id);
}

async fn deleting_a_customer_ends_all_that_it_had(home: Home) {
    let destination = home.destination().await;
    let key = home.key().await;
    home.activate(&destination).await;
    let ingested = home.publish(&["a", "b"]).await;
    let batch = home.claim_one(&destination).await;

    let ended = home.store.delete_customer(&home.scope, &home.customer, &audit("customer.delete")).await.unwrap();

    assert_eq!(ended, ingested.lanes);
    assert_eq!(home.store.destination(&home.scope, &destination).await.unwrap(), None);
    assert_eq!(home.store.credential(&home.scope, &destination, 1).await.unwrap(), None);
    assert_eq!(home.store.key_by_id(&home.scope, &key).await.unwrap(), None);
    assert_eq!(home.store.customer_key(&home.lane_scope()).await.unwrap(), None);
    assert_eq!(home.store.queued_across_tenants().await.unwrap(), 0);
    assert!(home.settle(&batch, vec![Verdict::Delivered]).await.stale);
    let attempt = home.store.attempt(&home.scope, &batch.attempt).await.unwrap().unwrap();
    assert_eq!(attempt.state.as_str(), "lost");
    assert!(home.try_publish(vec![home.event("c")]).await.is_err());
    let again = home.store.delete_customer(&home.scope, &home.customer, &audit("customer.delete")).await;
    assert_eq!(again, Err(StoreError::NotFound));
}

async fn nothing_of_one_tenant_is_there_for_another(home: Home) {
    let (stranger, _) = home.stranger().await;

    sees_nothing(&home, &stranger).await;
}

async fn nothing_of_one_customer_is_there_for_another(home: Home) {
    let other = customer(&home.sources, home.scope.tenant(), None);
    home.store.create_customer(&home.scope, &other, &audit("customer.create")).await.unwrap();

    sees_nothing(&home, &home.scope.narrowed_to(&other.id)).await;
}

/// Makes one thing of each kind and looks for all of them with another scope.
async fn sees_nothing(home: &Home, other: &freehold_model::Scope) {
    let destination = home.destination().await;
    let key = wrapped_key(&home.sources, home.scope.tenant(), &home.customer);
    home.store.insert_customer_key(&home.scope, &key).await.unwrap();
    let credential = sealed(home, &destination, &key.id, 2);
    home.activate(&destination).await;
    let event = home.publish(&["a"]).await.events.remove(0).id;
    let batch = home.claim_one(&destination).await;
    let delivery = &batch.members[0].id;
    let store = &home.store;

    assert_eq!(store.customer(other, &home.customer).await.unwrap(), None);
    assert_eq!(store.resolve_customers(other, &[home.customer.to_string()]).await.unwrap().len(), 0);
    assert_eq!(store.destination(other, &destination).await.unwrap(), None);
    assert_eq!(store.destinations(other, Some(&home.customer), &first(9)).await.unwrap().items, []);
    assert_eq!(store.credential(other, &destination, 1).await.unwrap(), None);
    assert_eq!(store.credentials(other, &destination).await.unwrap(), []);
    assert_eq!(store.credentials_beside(other, &destination, 2).await.unwrap(), []);
    let under_lease = store.credential_under_lease(other, &batch.id, batch.lease_token).await;
    assert_eq!(under_lease, Ok(UnderLease::Over));
    assert_eq!(store.next_credential_version(other, &destination).await, Err(StoreError::NotFound));
    assert_eq!(store.key_by_id(other, &key.id).await.unwrap(), None);
    assert_eq!(store.insert_customer_key(other, &key).await, Err(StoreError::NotFound));
    assert_eq!(store.event(other, &event).await.unwrap(), None);
    assert_eq!(store.events(other, &EventFilter::default(), &first(9)).await.unwrap().items, []);
    assert_eq!(store.delivery(other, delivery).await.unwrap(), None);
    assert_eq!(store.attempt(other, &batch.attempt).await.unwrap(), None);
    for event in [None, Some(event)] {
        let filter = DeliveryFilter { event: event.clone(), ..DeliveryFilter::default() };
        assert_eq!(store.deliveries(other, &filter, &first(9)).await.unwrap().items, []);
        let filter = AttemptFilter { event, ..AttemptFilter::default() };
        assert_eq!(store.attempts(other, &filter, &first(9)).await.unwrap().items, []);
    }
    let of_customer = AuditFilter { customer: Some(home.customer.clone()), ..AuditFilter::default() };
    assert_eq!(store.audit(other, &of_customer, &first(9)).await.unwrap().items, []);
    changes_nothing(home, other, &destination, delivery, &credential).await;
}

async fn changes_nothing(
    home: &Home,
    other: &freehold_model::Scope,
    destination: &freehold_model::DestinationId,
    delivery: &freehold_model::DeliveryId,
    credential: &freehold_model::credential::SealedCredential,
) {
    let (store, entry) = (&home.store, &audit("change"));
    let pause = &crate::support::pause(home, freehold_model::destination::PauseReason::Requested);
    let change = &DestinationChange { name: Some("stolen".into()), ..DestinationChange::default() };
    let before = store.destination(&home.scope, destination).await.unwrap();
    let missing = Err(StoreError::NotFound);

    assert_eq!(store.delete_customer(other, &home.customer, entry).await.map(|_| ()), missing);
    assert_eq!(store.update_destination(other, destination, change, entry).await.map(|_| ()), missing);
    assert_eq!(store.pause_destination(other, destination, pause, entry).await.map(|_| ()), missing);
    assert_eq!(store.resume_destination(other, destination, entry).await.map(|_| ()), missing);
    assert_eq!(store.delete_destination(other, destination, entry).await, missing);
    assert_eq!(store.add_credential(other, credential, None, entry).await.map(|_| ()), missing);
    let version = (destination, 1);
    let verification = &Verification { at: home.now(), config: "c".into(), component: COMPONENT.into() };
    assert_eq!(store.verify_credential(other, version, (1, verification), entry).await.map(|_| ()), missing);
    assert_eq!(store.reject_credential(other, version, entry).await.map(|_| ()), missing);
    assert_eq!(store.cut_over_credential(other, version, &cut_over(true), entry).await.map(|_| ()), missing);
    assert_eq!(store.roll_back_credential(other, version, (0, 0), entry).await.map(|_| ()), missing);
    assert_eq!(store.revoke_credential(other, version, pause, entry).await.map(|_| ()), missing);
    assert_eq!(store.set_credential_expiry(other, version, None, entry).await.map(|_| ()), missing);
    for replay in [Replay::One(delivery.clone()), Replay::DeadLetters { destination: destination.clone() }] {
        assert_eq!(store.replay(other, &replay, entry).await.map(|_| ()), missing);
    }

    assert_eq!(store.destination(&home.scope, destination).await.unwrap(), before);
}

async fn the_audit_log_tells_of_every_change(home: Home) {
    let mut entry = audit("destination.create");
    entry.customer = Some(home.customer.clone());
    let destination = crate::support::destination(&home.sources, home.scope.tenant(), &home.customer);

    home.store.create_destination(&home.scope, &destination, None, &entry).await.unwrap();

    let log = home.store.audit(&home.scope, &AuditFilter::default(), &first(10)).await.unwrap();
    let actions: Vec<&str> = log.items.iter().map(|record| record.action.as_str()).collect();
    assert_eq!(actions, ["destination.create", "customer.create", "tenant.create"]);
    assert_eq!(log.items[0].actor, entry.actor);
    assert_eq!(log.items[0].details, entry.details);
    assert_eq!(log.items[0].at, home.now());
    let of_customer = AuditFilter { customer: Some(home.customer.clone()), ..AuditFilter::default() };
    assert_eq!(home.store.audit(&home.scope, &of_customer, &first(10)).await.unwrap().items.len(), 1);
}

async fn the_canary_is_kept(home: Home) {
    assert_eq!(home.store.canary_across_tenants().await.unwrap(), None);

    home.store.set_canary_across_tenants(b"one").await.unwrap();
    home.store.set_canary_across_tenants(b"two").await.unwrap();

    assert_eq!(home.store.canary_across_tenants().await.unwrap(), Some(b"two".to_vec()));
}
