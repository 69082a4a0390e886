//! What is still there after a restart, and after a crash.

use freehold_model::attempt::AttemptState;
use freehold_store::StoreError;

use super::on_every_engine;
use crate::support::{Home, audit, first, hold, member_ids};

on_every_engine!(
    what_was_acknowledged_survives_a_crash,
    leases_of_the_former_process_are_lost,
    a_closed_store_says_so,
    close_finishes_what_was_asked_before,
);

async fn what_was_acknowledged_survives_a_crash(mut home: Home) {
    let destination = home.destination_with(|destination| destination.settings.batch_events = 3).await;
    home.publish(&["a", "b", "c"]).await;

    home.crash().await;

    assert_eq!(member_ids(&home.claim_one(&destination).await), ["a", "b", "c"]);
    home.reopen().await;
    assert!(home.store.destination(&home.scope, &destination).await.unwrap().is_some());
}

async fn leases_of_the_former_process_are_lost(mut home: Home) {
    let destination = home.destination().await;
    home.publish(&["a", "b"]).await;
    let batch = home.claim_one(&destination).await;

    home.crash().await;
    let again = home.claim_one(&destination).await;
    let late = home.settle(&batch, vec![hold()]).await;

    assert_eq!((&again.id, again.lease_token, again.attempt_number), (&batch.id, 2, 2));
    assert!(late.stale);
    let attempt = home.store.attempt(&home.scope, &batch.attempt).await.unwrap().unwrap();
    assert_eq!(attempt.state, AttemptState::Lost);
    assert_eq!(home.store.recover_leases_across_tenants().await.unwrap(), 1);
    assert_eq!(home.store.recover_leases_across_tenants().await.unwrap(), 0);
}

async fn a_closed_store_says_so(home: Home) {
    let destination = home.destination().await;

    home.store.close().await;
    home.store.close().await;

    let deleted = home.store.delete_destination(&home.scope, &destination, &audit("delete")).await;
    assert_eq!(deleted, Err(StoreError::Closed));
    assert_eq!(home.store.customers(&home.scope, &first(1)).await, Err(StoreError::Closed));
}

async fn close_finishes_what_was_asked_before(mut home: Home) {
    let destination = home.destination_with(|destination| destination.settings.batch_events = 100).await;
    let asked: Vec<_> = (0..50)
        .map(|number| {
            let (store, scope, event) = (home.store.clone(), home.scope.clone(), home.event(&format!("evt-{number}")));
            let request = freehold_store::IngestRequest { events: vec![event], idempotency: None };
            tokio::spawn(async move { store.ingest(&scope, request, crate::support::matching).await })
        })
        .collect();

    home.reopen().await;

    let mut accepted = 0;
    for task in asked {
        accepted += usize::from(task.await.unwrap().is_ok());
    }
    let queued = home.store.queued_across_tenants().await.unwrap();
    assert_eq!(usize::try_from(queued), Ok(accepted), "what was acknowledged is there, what was not is not");
    if accepted > 0 {
        assert_eq!(home.claim_one(&destination).await.members.len(), accepted);
    }
}
