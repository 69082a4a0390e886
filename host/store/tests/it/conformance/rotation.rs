//! Credential versions, from being given to being destroyed.

use freehold_model::destination::{DestinationChange, DestinationState, PauseReason};
use freehold_model::rotation::{Refused, VersionState};
use freehold_model::{DestinationId, ErrorKind, Timestamp};
use freehold_store::{Conflict, CredentialVersion, Settlement, StoreError, UnderLease, Verification};

use super::on_every_engine;
use crate::support::{
    COMPONENT, DRAIN_MS, Home, audit, cut_over, failure, first, hold, pause, retry, sealed, settlement,
};

on_every_engine!(
    a_version_carries_the_next_number_and_waits,
    a_version_takes_over_only_when_it_was_verified_for_what_runs_now,
    a_cutover_ends_an_auth_pause_and_no_other,
    a_version_that_has_drained_is_destroyed_and_its_record_stays,
    a_version_does_not_end_while_an_attempt_runs_with_it,
    signing_secrets_overlap_until_their_time_is_over,
    a_revoked_version_is_gone_at_once_and_its_lane_waits_for_another,
    a_pause_that_was_asked_for_outlives_a_revocation,
    a_refusal_of_a_draining_version_moves_the_batch_and_pauses_nothing,
    a_refusal_of_the_active_version_pauses_and_frees_the_batch,
    only_the_holder_of_the_newest_lease_gets_the_credential,
    people_are_reminded_once_for_each_day_that_counts,
    when_a_version_was_used_and_refused_is_told,
    each_change_has_one_audit_row,
);

const DAY_MS: i64 = 24 * 3_600_000;

async fn state(home: &Home, destination: &DestinationId, version: u32) -> VersionState {
    found(home, destination, version).await.state
}

async fn found(home: &Home, destination: &DestinationId, version: u32) -> CredentialVersion {
    let versions = home.store.credentials(&home.scope, destination).await.unwrap();
    versions.into_iter().find(|found| found.version == version).unwrap()
}

fn verification(home: &Home, component: &str) -> Verification {
    Verification { at: home.now(), config: "sha256:c".into(), component: component.into() }
}

fn refused(refused: Refused) -> StoreError {
    StoreError::Conflict(Conflict::Rotation(refused))
}

/// As the pipeline settles a batch whose credential was refused.
fn auth_refusal(home: &Home, batch: &freehold_model::delivery::ClaimedBatch) -> Settlement {
    let pause = (pause(home, PauseReason::Auth), audit("destination.pause"));
    Settlement { pause: Some(pause), ..settlement(batch, vec![hold()]) }
}

async fn a_version_carries_the_next_number_and_waits(home: Home) {
    let id = home.destination().await;
    let key = home.key().await;
    let add = |version| {
        let (store, scope, credential) = (&home.store, &home.scope, sealed(&home, &id, &key, version));
        async move { store.add_credential(scope, &credential, None, &audit("credential.add")).await }
    };

    assert_eq!(home.store.next_credential_version(&home.scope, &id).await.unwrap(), 1);
    assert_eq!(add(2).await.unwrap_err(), StoreError::Conflict(Conflict::CredentialVersion { next: 1 }));
    assert_eq!(add(1).await.unwrap().state, VersionState::Stored);
    assert_eq!(add(2).await.unwrap_err(), refused(Refused::Pending(1)));
    let destination = home.store.destination(&home.scope, &id).await.unwrap().unwrap();
    assert_eq!(destination.credential_version, None, "nothing uses it yet");
    home.force(&id, 1).await.unwrap();
    assert_eq!(add(2).await.unwrap().version, 2);
    let versions = home.store.credentials(&home.scope, &id).await.unwrap();
    assert_eq!(versions.iter().map(|version| version.version).collect::<Vec<_>>(), [2, 1]);
}

async fn a_version_takes_over_only_when_it_was_verified_for_what_runs_now(home: Home) {
    let id = home.destination().await;
    home.add_version(&id).await.unwrap();
    let (store, scope) = (&home.store, &home.scope);
    let take_over = async || {
        let result = store.cut_over_credential(scope, (&id, 1), &cut_over(false), &audit("cut-over")).await;
        result.map(|rotated| rotated.destination.credential_version)
    };
    let verify = async |config_version, component| {
        let verification = verification(&home, component);
        let result = store.verify_credential(scope, (&id, 1), (config_version, &verification), &audit("verify")).await;
        result.map(|version| version.state)
    };
    let not_verified = Err(refused(Refused::NotVerified(1)));

    assert_eq!(take_over().await, not_verified);
    assert_eq!(verify(1, "sha256:other").await, Ok(VersionState::Verified));
    assert_eq!(take_over().await, not_verified, "another component verified it");
    assert_eq!(verify(1, COMPONENT).await, Ok(VersionState::Verified));
    let change = DestinationChange { config: Some(serde_json::json!({})), ..DestinationChange::default() };
    store.update_destination(scope, &id, &change, &audit("update")).await.unwrap();
    assert_eq!(take_over().await, not_verified, "it was verified with another config");
    assert_eq!(found(&home, &id, 1).await.verification, None);
    assert_eq!(verify(1, COMPONENT).await, Err(StoreError::Conflict(Conflict::ConfigChanged)));
    assert_eq!(verify(2, COMPONENT).await, Ok(VersionState::Verified));
    assert_eq!(take_over().await, Ok(Some(1)));
    assert_eq!(take_over().await, Err(refused(Refused::NotPending(1, VersionState::Active))));
}

async fn a_cutover_ends_an_auth_pause_and_no_other(home: Home) {
    for (reason, ends) in [(PauseReason::Auth, true), (PauseReason::Config, false), (PauseReason::Requested, false)] {
        let id = home.destination().await;
        let pause = pause(&home, reason);
        home.store.pause_destination(&home.scope, &id, &pause, &audit("pause")).await.unwrap();

        let after = home.activate(&id).await.destination;

        assert_eq!(after.state.is_active(), ends, "{reason:?}");
    }
}

async fn a_version_that_has_drained_is_destroyed_and_its_record_stays(home: Home) {
    let id = home.destination().await;
    home.activate(&id).await;
    home.publish(&["a"]).await;
    let batch = home.claim_one(&id).await;
    home.settle(&batch, vec![retry(home.now().plus_millis(DRAIN_MS * 2))]).await;
    home.activate(&id).await;

    assert!(home.retire_drained().await.is_empty(), "a batch is pinned to it");
    home.clock.advance(i64::try_from(DRAIN_MS).unwrap());
    let ended = home.retire_drained().await;

    assert_eq!(ended, [1]);
    assert_eq!(home.store.credential(&home.scope, &id, 1).await.unwrap(), None);
    let record = found(&home, &id, 1).await;
    assert_eq!((record.state, record.destroyed_at), (VersionState::Retired, Some(home.now())));
    assert_eq!((record.fingerprint.as_str(), record.created_by.as_str()), ("fp1", "key_test"));
    assert!(home.retire_drained().await.is_empty());
}

async fn a_version_does_not_end_while_an_attempt_runs_with_it(home: Home) {
    let id = home.destination().await;
    home.activate(&id).await;
    home.publish(&["a"]).await;
    let batch = home.claim_one(&id).await;
    let version = home.add_version(&id).await.unwrap();
    let terms = freehold_model::rotation::CutOver { drain_ms: 0, ..cut_over(true) };
    home.store.cut_over_credential(&home.scope, (&id, version), &terms, &audit("cut-over")).await.unwrap();

    assert!(home.retire_drained().await.is_empty());
    home.settle(&batch, vec![retry(home.now())]).await;
    let ended = home.retire_drained().await;

    assert_eq!(ended.len(), 1);
    assert_eq!(home.claim_one(&id).await.credential_version, Some(2));
}

async fn signing_secrets_overlap_until_their_time_is_over(home: Home) {
    let id = home.destination().await;
    let terms = freehold_model::rotation::CutOver { overlap_ms: 60_000, ..cut_over(true) };
    for _ in 0..3 {
        let version = home.add_version(&id).await.unwrap();
        home.store.cut_over_credential(&home.scope, (&id, version), &terms, &audit("cut-over")).await.unwrap();
        home.clock.advance(1_000);
    }
    let beside = async |version| {
        let found = home.store.credentials_beside(&home.scope, &id, version).await.unwrap();
        found.into_iter().map(|sealed| sealed.context.version).collect::<Vec<_>>()
    };

    assert_eq!(beside(3).await, [2, 1]);
    assert_eq!(beside(1).await, [3, 2], "what still drains signs with the newer ones as well");
    assert!(home.retire_drained().await.is_empty(), "they still sign");
    home.clock.advance(58_000);
    assert_eq!(beside(3).await, [2]);
    assert_eq!(home.retire_drained().await.len(), 1);
    home.clock.advance(1_000);
    assert_eq!(beside(3).await, [0; 0]);
}

async fn a_revoked_version_is_gone_at_once_and_its_lane_waits_for_another(home: Home) {
    let id = home.destination().await;
    home.activate(&id).await;
    home.publish(&["a"]).await;
    let batch = home.claim_one(&id).await;
    let pause = pause(&home, PauseReason::Auth);

    let revoked = home.store.revoke_credential(&home.scope, (&id, 1), &pause, &audit("revoke")).await.unwrap();

    assert_eq!((revoked.ended, revoked.epoch), (vec![1], 2));
    assert_eq!(revoked.destination.credential_version, None);
    assert_eq!(home.store.credential(&home.scope, &id, 1).await.unwrap(), None);
    let under_lease = home.store.credential_under_lease(&home.lane_scope(), &batch.id, batch.lease_token).await;
    assert_eq!(under_lease, Ok(UnderLease::Ended));
    home.store.settle(&home.lane_scope(), &auth_refusal(&home, &batch)).await.unwrap();
    assert!(home.claim(&id, 1).await.batches.is_empty());
    let resumed = home.store.resume_destination(&home.scope, &id, &audit("resume")).await;
    assert_eq!(resumed, Err(StoreError::Conflict(Conflict::NoCredential)));
    assert!(home.activate(&id).await.destination.state.is_active());
    let again = home.claim_one(&id).await;
    assert_eq!((again.credential_version, again.attempt_number), (Some(2), 1), "no try was spent");
    let twice = home.store.revoke_credential(&home.scope, (&id, 1), &pause, &audit("revoke")).await;
    assert_eq!(twice.unwrap_err(), refused(Refused::Ended(1)));
}

async fn a_pause_that_was_asked_for_outlives_a_revocation(home: Home) {
    let id = home.destination().await;
    home.activate(&id).await;
    let requested = pause(&home, PauseReason::Requested);
    home.store.pause_destination(&home.scope, &id, &requested, &audit("pause")).await.unwrap();
    let lost = pause(&home, PauseReason::Auth);
    home.store.revoke_credential(&home.scope, (&id, 1), &lost, &audit("revoke")).await.unwrap();

    let resumed = home.store.resume_destination(&home.scope, &id, &audit("resume")).await;
    let given = home.activate(&id).await.destination;

    assert_eq!(resumed, Err(StoreError::Conflict(Conflict::NoCredential)));
    let DestinationState::Paused(pause) = given.state else { panic!("it goes on against somebody's wish") };
    assert_eq!(pause.reason, PauseReason::Requested);
    assert!(home.store.resume_destination(&home.scope, &id, &audit("resume")).await.unwrap().state.is_active());
}

async fn a_refusal_of_a_draining_version_moves_the_batch_and_pauses_nothing(home: Home) {
    let id = home.destination().await;
    home.activate(&id).await;
    home.publish(&["a"]).await;
    let batch = home.claim_one(&id).await;
    home.activate(&id).await;

    let settled = home.store.settle(&home.lane_scope(), &auth_refusal(&home, &batch)).await.unwrap();

    assert!(settled.repinned && settled.next_at == Some(home.now()));
    assert!(home.store.destination(&home.scope, &id).await.unwrap().unwrap().state.is_active());
    let again = home.claim_one(&id).await;
    assert_eq!((again.id, again.credential_version, again.attempt_number), (batch.id, Some(2), 1));
}

async fn a_refusal_of_the_active_version_pauses_and_frees_the_batch(home: Home) {
    let id = home.destination().await;
    home.activate(&id).await;
    home.publish(&["a"]).await;
    let batch = home.claim_one(&id).await;

    let settled = home.store.settle(&home.lane_scope(), &auth_refusal(&home, &batch)).await.unwrap();
    let paused = home.store.destination(&home.scope, &id).await.unwrap().unwrap();
    home.activate(&id).await;

    assert!(!settled.repinned && !paused.state.is_active());
    let again = home.claim_one(&id).await;
    assert_eq!((again.credential_version, again.attempt_number), (Some(2), 1), "it goes on with the right one");
}

async fn only_the_holder_of_the_newest_lease_gets_the_credential(home: Home) {
    let id = home.destination().await;
    home.activate(&id).await;
    home.publish(&["a"]).await;
    let batch = home.claim_one(&id).await;
    let ask = async |token| home.store.credential_under_lease(&home.lane_scope(), &batch.id, token).await.unwrap();

    assert!(matches!(ask(batch.lease_token).await, UnderLease::Held(sealed) if sealed.context.version == 1));
    assert_eq!(ask(batch.lease_token + 1).await, UnderLease::Over);
    home.clock.advance(i64::try_from(crate::support::LEASE_MS).unwrap());
    assert_eq!(ask(batch.lease_token).await, UnderLease::Over, "the lease ran out");
    let again = home.claim_one(&id).await;
    assert_eq!(ask(batch.lease_token).await, UnderLease::Over, "somebody else holds it");
    assert!(matches!(ask(again.lease_token).await, UnderLease::Held(_)));
}

async fn people_are_reminded_once_for_each_day_that_counts(home: Home) {
    let id = home.destination().await;
    home.activate(&id).await;
    let remind = async || {
        let reminders = home.store.remind_of_expiry_across_tenants().await.unwrap();
        reminders.iter().map(|expiring| expiring.days).collect::<Vec<_>>()
    };
    let end = home.now().plus_millis(40 * u64::try_from(DAY_MS).unwrap());
    let set = async |at: Option<Timestamp>| {
        home.store.set_credential_expiry(&home.scope, (&id, 1), at, &audit("expiry")).await.unwrap().expires_at
    };

    assert_eq!(set(Some(end)).await, Some(end));
    let mut reminded = Vec::new();
    for _ in 0..45 {
        reminded.extend(remind().await);
        assert!(remind().await.is_empty(), "once is enough");
        home.clock.advance(DAY_MS);
    }
    assert_eq!(reminded, [30, 14, 7, 1, 0]);
    let log = home.store.audit(&home.scope, &freehold_store::AuditFilter::default(), &first(9)).await.unwrap();
    assert_eq!(log.items[0].action, "credential.expired");
    assert_eq!(log.items[1].action, "credential.expiring");
    set(None).await;
    assert!(remind().await.is_empty());
    set(Some(home.now().plus_millis(3 * u64::try_from(DAY_MS).unwrap()))).await;
    assert_eq!(remind().await, [7], "only the nearest day is told of");
}

async fn when_a_version_was_used_and_refused_is_told(home: Home) {
    let id = home.destination().await;
    home.activate(&id).await;
    home.clock.advance(5_000);
    home.publish(&["a"]).await;
    let batch = home.claim_one(&id).await;
    let used_at = home.now();
    home.clock.advance(5_000);
    home.store.settle(&home.lane_scope(), &auth_refusal(&home, &batch)).await.unwrap();

    let told = found(&home, &id, 1).await;

    assert_eq!((told.last_used_at, told.last_auth_failure_at), (Some(used_at), Some(home.now())));
    assert_eq!(failure(ErrorKind::Auth).kind, ErrorKind::Auth);
}

async fn each_change_has_one_audit_row(home: Home) {
    let id = home.destination().await;
    for _ in 0..3 {
        home.activate(&id).await;
    }
    let forced = home.activate(&id).await;
    home.store.roll_back_credential(&home.scope, (&id, 3), (0, 0), &audit("credential.rollback")).await.unwrap();
    let revoked = pause(&home, PauseReason::Auth);
    home.store.revoke_credential(&home.scope, (&id, 2), &revoked, &audit("credential.revoke")).await.unwrap();
    home.retire_drained().await;
    home.add_version(&id).await.unwrap();
    home.store.reject_credential(&home.scope, (&id, 5), &audit("credential.reject")).await.unwrap();

    assert_eq!(forced.ended, [1]);
    let log = home.store.audit(&home.scope, &freehold_store::AuditFilter::default(), &first(100)).await.unwrap();
    let mut actions: Vec<&str> = log
        .items
        .iter()
        .rev()
        .map(|record| record.action.as_str())
        .filter(|action| action.contains("credential"))
        .collect();
    assert_eq!(actions.len(), 8 + 1 + 1 + 1 + 1 + 2);
    assert_eq!(
        actions.split_off(6),
        [
            "credential.add",
            "credential.retire",
            "credential.cutover",
            "credential.rollback",
            "credential.revoke",
            "credential.retire",
            "credential.add",
            "credential.reject",
        ]
    );
    let states = home.store.credentials(&home.scope, &id).await.unwrap();
    use VersionState::{Active, Rejected, Retired, Revoked};
    assert_eq!(
        states.iter().map(|version| version.state).collect::<Vec<_>>(),
        [Rejected, Retired, Active, Revoked, Retired]
    );
    assert_eq!(state(&home, &id, 3).await, Active);
}
