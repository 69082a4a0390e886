//! Changing the deployment's key: whatever happens in between, every living customer's credential opens, and nothing that
//! is still needed can be retired.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use freehold_control::{Conflict, ControlError, Rewrapped};
use freehold_model::kek::KekState;
use freehold_model::page::PageRequest;
use freehold_store::StoreError;
use freehold_vault::{Kek, Keyring, Vault};
use proptest::prelude::*;

use crate::deployment::{Customer, Deployment, new_kek};

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Customer,
    /// A server that has not heard of the newest key makes a customer's key.
    LateCustomer,
    Delete(prop::sample::Index),
    Rotate,
    /// A run of the re-wrapping that is broken off after so many looks at it.
    Rewrap {
        looks: u32,
    },
    Retire(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Customer),
        1 => Just(Step::LateCustomer),
        1 => any::<prop::sample::Index>().prop_map(Step::Delete),
        2 => Just(Step::Rotate),
        3 => (0..40_u32).prop_map(|looks| Step::Rewrap { looks }),
        2 => any::<prop::sample::Index>().prop_map(Step::Retire),
    ]
}

/// Lets `future` go on `looks` times, then drops it where it stands.
async fn broken_off<F: Future>(future: F, looks: u32) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..looks {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

async fn play(steps: Vec<Step>) {
    let mut deployment = Deployment::new().await;
    let mut wraps = 0;
    let mut living: Vec<Customer> = Vec::new();
    for step in steps {
        let control = deployment.control(wraps).await;
        match step {
            Step::Customer => {
                let vault = deployment.vault(wraps).await;
                living.push(deployment.customer(&control, &vault).await.unwrap());
            }
            Step::LateCustomer if wraps > 0 => {
                let late = Keyring::of(deployment.keks[wraps - 1].clone(), Vec::new());
                let late = Vault::new(late, deployment.sources.clone());
                assert!(deployment.customer(&control, &late).await.is_none(), "a key under a former key slipped in");
            }
            Step::LateCustomer => {}
            Step::Delete(index) if !living.is_empty() => {
                let customer = living.swap_remove(index.index(living.len()));
                control.delete_customer(&deployment.operator(&control), customer.id.as_str()).await.unwrap();
                assert_eq!(deployment.stored_key(&customer).await, None);
            }
            Step::Delete(_) => {}
            Step::Rotate => {
                deployment.keks.push(Arc::new(Kek::generate(&deployment.sources)));
                wraps = deployment.keks.len() - 1;
                let control = deployment.control(wraps).await;
                control.wrap_with_kek(&new_kek(&deployment.keks[wraps])).await.unwrap();
            }
            Step::Rewrap { looks } => {
                broken_off(control.rewrap_customer_keys(|_| ()), looks).await.transpose().unwrap();
                // What it had handed to the writer comes before this: the next step sees all of it or none.
                let canary = deployment.store.canary_across_tenants().await.unwrap().unwrap();
                deployment.store.set_canary_across_tenants(&canary).await.unwrap();
            }
            Step::Retire(index) => {
                let number = index.index(deployment.keks.len());
                let id = deployment.keks[number].id().to_owned();
                let mut needed = number == wraps;
                for customer in &living {
                    needed |= deployment.stored_key(customer).await.unwrap().kek_id == id;
                }
                assert_eq!(control.retire_kek(&id).await.is_err(), needed, "{id}");
            }
        }
        all_open(&deployment, wraps, &living).await;
    }
    finish(&deployment, wraps, &living).await;
}

/// Every living customer's credential opens with what the store has now.
async fn all_open(deployment: &Deployment, wraps: usize, living: &[Customer]) {
    let vault = deployment.vault(wraps).await;
    for customer in living {
        let key = deployment.stored_key(customer).await.unwrap();
        vault.open(&key, &customer.sealed).await.unwrap();
    }
}

/// Run again to its end, the change leaves nothing under any other key: all of them can go.
async fn finish(deployment: &Deployment, wraps: usize, living: &[Customer]) {
    let control = deployment.control(wraps).await;
    control.rewrap_customer_keys(|_| ()).await.unwrap();
    let alone = Keyring::of(deployment.keks[wraps].clone(), Vec::new());
    let canary = deployment.store.canary_across_tenants().await.unwrap().unwrap();
    let vault = Vault::unlock(alone, &canary, deployment.sources.clone()).await.unwrap();
    for customer in living {
        vault.open(&deployment.stored_key(customer).await.unwrap(), &customer.sealed).await.unwrap();
    }
    for (number, kek) in deployment.keks.iter().enumerate() {
        if number == wraps {
            continue;
        }
        control.retire_kek(kek.id()).await.unwrap();
        let again = control.wrap_with_kek(&new_kek(kek)).await;
        assert!(matches!(again, Err(ControlError::Conflict(_))), "a retired key wraps again");
    }
    let records = control.keks().await.unwrap();
    assert_eq!(records.iter().map(|record| record.wraps).sum::<u64>(), u64::try_from(living.len()).unwrap());
    assert_eq!(records.iter().filter(|record| record.state == KekState::Encrypting).count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn no_order_of_things_loses_a_credential_or_retires_what_is_needed(steps in prop::collection::vec(step(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();

        runtime.block_on(play(steps));
    }
}

/// A deployment that has begun to change to a second key while `customers` are under the first.
async fn changing(customers: usize) -> (Deployment, Vec<Customer>) {
    let mut deployment = Deployment::new().await;
    let (control, vault) = (deployment.control(0).await, deployment.vault(0).await);
    let mut living = Vec::new();
    for _ in 0..customers {
        living.push(deployment.customer(&control, &vault).await.unwrap());
    }
    deployment.keks.push(Arc::new(Kek::generate(&deployment.sources)));
    deployment.control(1).await.wrap_with_kek(&new_kek(&deployment.keks[1])).await.unwrap();
    (deployment, living)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_customers_than_one_portion_are_wrapped_anew_and_progress_is_told() {
    let (deployment, _) = changing(230).await;
    let mut told = Vec::new();

    let done = deployment.control(1).await.rewrap_customer_keys(|so_far| told.push(so_far.done)).await.unwrap();

    assert_eq!(done, Rewrapped { done: 230, broken: 0 });
    assert_eq!(told, [100, 200, 230]);
    let again = deployment.control(1).await.rewrap_customer_keys(|_| ()).await.unwrap();
    assert_eq!(again, Rewrapped::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_does_not_open_keeps_no_other_from_being_wrapped_anew() {
    let (mut deployment, living) = changing(2).await;
    let control = deployment.control(1).await;
    control.rewrap_customer_keys(|_| ()).await.unwrap();
    // The second customer's row is moved to a third key's name, under which it cannot open.
    let stored = deployment.stored_key(&living[1]).await.unwrap();
    let spoiled = freehold_model::credential::WrappedKey { wrapped: vec![1; 60], ..stored.clone() };
    deployment.store.rewrap_across_tenants(vec![(stored, spoiled)]).await.unwrap();
    deployment.keks.push(Arc::new(Kek::generate(&deployment.sources)));
    let control = deployment.control(2).await;
    control.wrap_with_kek(&new_kek(&deployment.keks[2])).await.unwrap();

    let done = control.rewrap_customer_keys(|_| ()).await.unwrap();

    assert_eq!(done, Rewrapped { done: 1, broken: 1 });
    let refused = control.retire_kek(deployment.keks[1].id()).await.unwrap_err();
    assert!(matches!(&refused, ControlError::Conflict(Conflict { message, .. }) if message.starts_with("1 customers")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_wrapped_anew_meanwhile_stays() {
    let (deployment, living) = changing(1).await;
    let vault = deployment.vault(1).await;
    let old = deployment.stored_key(&living[0]).await.unwrap();
    let (mine, theirs) = (vault.rewrap(&old).await.unwrap(), vault.rewrap(&old).await.unwrap());

    let first = deployment.store.rewrap_across_tenants(vec![(old.clone(), theirs.clone())]).await;
    let second = deployment.store.rewrap_across_tenants(vec![(old, mine)]).await;

    assert_eq!((first, second), (Ok(1), Ok(0)));
    assert_eq!(deployment.stored_key(&living[0]).await, Some(theirs));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_wrapped_back_under_a_former_key() {
    let (deployment, living) = changing(1).await;
    let old = deployment.stored_key(&living[0]).await.unwrap();
    let under_former = deployment.vault(0).await.rewrap(&old).await.unwrap();

    let refused = deployment.store.rewrap_across_tenants(vec![(old, under_former)]).await;

    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_tenant_finds_the_change_in_its_log() {
    let (deployment, _) = changing(1).await;
    let control = deployment.control(1).await;
    control.rewrap_customer_keys(|_| ()).await.unwrap();

    control.retire_kek(deployment.keks[0].id()).await.unwrap();

    let caller = deployment.operator(&control);
    let page = PageRequest { after: None, limit: 100 };
    let found = control.audit(&caller, &freehold_control::AuditFilter::default(), &page).await.unwrap();
    let of_keks: Vec<_> = found.items.iter().filter(|record| record.target_kind == "kek").collect();
    let told: Vec<_> = of_keks.iter().map(|record| (record.action.as_str(), record.target_id.as_str())).collect();
    let (former, new) = (deployment.keks[0].id(), deployment.keks[1].id());
    assert_eq!(told, [("kek.retire", former), ("kek.rotate", new)]);
}
