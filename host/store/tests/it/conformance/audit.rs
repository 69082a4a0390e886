//! The audit log as chains of records.

use freehold_audit::hash;
use freehold_model::audit::{AuditEntry, AuditRecord, Chain, Digest};
use freehold_store::{AuditFilter, StoredCheckpoint};
use serde_json::json;

use super::on_every_engine;
use crate::support::{Home, audit, first, retry};

on_every_engine!(
    each_record_follows_the_one_before_it_in_its_own_chain,
    changes_at_once_make_one_chain,
    a_change_that_fails_leaves_no_gap,
    personal_values_are_told_until_they_are_erased,
    the_deployment_has_a_chain_of_its_own,
    a_checkpoint_follows_the_last_one_or_is_not_stored,
    attempts_are_digested_up_to_the_first_that_is_under_way,
);

async fn chain(home: &Home, chain: &Chain) -> Vec<AuditRecord> {
    home.store.audit_after_across_tenants(chain, 0, 1_000).await.unwrap()
}

fn assert_linked(records: &[AuditRecord]) {
    let mut prev = Digest::ZERO;
    for (seq, record) in (1..).zip(records) {
        assert_eq!((record.seq, record.prev), (seq, prev), "{record:?}");
        assert_eq!(hash(record), record.hash, "{record:?}");
        prev = record.hash;
    }
}

fn named(subject: &str) -> AuditEntry {
    AuditEntry {
        target: ("thing", subject.into()),
        details: json!({ "name": "Ada", "of": 1 }),
        ..audit("thing.create")
    }
}

async fn each_record_follows_the_one_before_it_in_its_own_chain(mut home: Home) {
    let (stranger, _) = home.stranger().await;
    home.destination().await;
    home.reopen().await;
    home.destination().await;

    let ours = chain(&home, &Chain::Tenant(home.scope.tenant().clone())).await;
    let theirs = chain(&home, &Chain::Tenant(stranger.tenant().clone())).await;

    assert_eq!((ours.len(), theirs.len()), (4, 2));
    assert_linked(&ours);
    assert_linked(&theirs);
    assert!(ours.iter().all(|record| record.chain.as_str() == home.scope.tenant().as_str()));
}

async fn changes_at_once_make_one_chain(home: Home) {
    let entry = audit("thing.do");
    let writes = (0..40).map(|_| home.store.record(&home.scope, &entry));

    let done = futures_util::future::join_all(writes).await;

    assert!(done.iter().all(Result::is_ok));
    let records = chain(&home, &Chain::Tenant(home.scope.tenant().clone())).await;
    assert_eq!(records.len(), 42);
    assert_linked(&records);
}

async fn a_change_that_fails_leaves_no_gap(home: Home) {
    let tenant = home.store.find_tenant_across_tenants(home.scope.tenant().as_str()).await.unwrap().unwrap();

    home.store.create_tenant_across_tenants(&tenant, &audit("tenant.create")).await.unwrap_err();
    home.store.record(&home.scope, &audit("thing.do")).await.unwrap();

    let records = chain(&home, &Chain::Tenant(tenant.id)).await;
    assert_eq!(records.len(), 3);
    assert_linked(&records);
}

async fn personal_values_are_told_until_they_are_erased(home: Home) {
    home.store.record(&home.scope, &named("thing_a")).await.unwrap();
    home.store.record(&home.scope, &named("thing_b")).await.unwrap();
    let tenant = Chain::Tenant(home.scope.tenant().clone());
    let before = chain(&home, &tenant).await;

    let entry = |records| AuditEntry { details: json!({ "records": records }), ..audit("audit.erase") };
    let erased = home.store.erase_audit(&home.scope, "thing_a", entry).await.unwrap();

    assert_eq!(erased, 1);
    let after = chain(&home, &tenant).await;
    assert_linked(&after);
    assert_eq!(before[2].hash, after[2].hash);
    assert_eq!(
        (before[2].full_details(), after[2].full_details()),
        (json!({ "name": "Ada", "of": 1 }), json!({ "of": 1 }))
    );
    assert_eq!(after[2].erased(), ["name"]);
    assert_eq!(after[3].full_details()["name"], "Ada");
    assert_eq!(after[4].full_details(), json!({ "records": 1 }));
    let listed = home.store.audit(&home.scope, &AuditFilter::default(), &first(10)).await.unwrap();
    assert_eq!(listed.items[1].full_details()["name"], "Ada");
}

async fn the_deployment_has_a_chain_of_its_own(home: Home) {
    home.store.record_across_tenants(&audit("server.start")).await.unwrap();

    let records = chain(&home, &Chain::Deployment).await;

    assert_eq!(records.len(), 1);
    assert_linked(&records);
    let ours = home.store.audit(&home.scope, &AuditFilter::default(), &first(10)).await.unwrap();
    assert!(ours.items.iter().all(|record| record.action != "server.start"));
}

async fn a_checkpoint_follows_the_last_one_or_is_not_stored(home: Home) {
    let chain = Chain::Tenant(home.scope.tenant().clone());
    let checkpoint = |size| StoredCheckpoint {
        chain: chain.clone(),
        size,
        at: home.now(),
        edge: vec![7; 32],
        note: format!("note {size}"),
        public_key: "key".into(),
    };

    assert!(home.store.add_checkpoint_across_tenants(&checkpoint(1), 0).await.unwrap());
    assert!(!home.store.add_checkpoint_across_tenants(&checkpoint(2), 0).await.unwrap(), "another was quicker");
    assert!(home.store.add_checkpoint_across_tenants(&checkpoint(2), 1).await.unwrap());

    let found = home.store.checkpoints_across_tenants(&chain, (0, 10)).await.unwrap();
    assert_eq!(found, [checkpoint(1), checkpoint(2)]);
    assert_eq!(home.store.checkpoints_across_tenants(&chain, (1, 1)).await.unwrap(), []);
    assert_eq!(home.store.last_checkpoint_across_tenants(&chain).await.unwrap(), Some(checkpoint(2)));
    let lengths = home.store.chain_lengths_across_tenants().await.unwrap();
    assert_eq!(lengths, [(Chain::Deployment, 0, 0), (chain, 2, 2)]);
}

async fn attempts_are_digested_up_to_the_first_that_is_under_way(home: Home) {
    let destination = home.destination().await;
    home.publish(&["a", "b", "c"]).await;
    let claim = home.claim(&destination, 3).await;
    home.settle(&claim.batches[0], vec![retry(home.now())]).await;
    home.settle(&claim.batches[2], vec![retry(home.now())]).await;

    let settled = home.store.settled_attempts_across_tenants(0, 100).await.unwrap();

    assert_eq!(settled.iter().map(|attempt| &attempt.id).collect::<Vec<_>>(), [&claim.batches[0].attempt]);
    let to = settled[0].seq;
    let entries = vec![(home.scope.tenant().clone(), audit("attempts.digest"))];
    assert!(home.store.record_digests_across_tenants((0, to), entries.clone()).await.unwrap());
    assert!(!home.store.record_digests_across_tenants((0, to), entries).await.unwrap(), "once is enough");
    assert_eq!(home.store.attempts_digested_across_tenants().await.unwrap(), to);
    let id = settled[0].id.as_str();
    let again = home.store.attempts_between(&home.scope, (id, id), 0, 10).await.unwrap();
    assert_eq!(again, settled);
}
