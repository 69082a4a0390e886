//! Fair turns: round robin over tenants, within a tenant over customers, within a customer over lanes. Pure.
//!
//! A tenant with a thousand busy lanes therefore gets as many turns as a tenant with one, and so does a customer.

use std::collections::{HashMap, HashSet, VecDeque};

use freehold_model::lane::Lane;
use freehold_model::{CustomerId, DestinationId, TenantId};

/// The lanes that are ready, in the order of their turns.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    order: VecDeque<TenantId>,
    tenants: HashMap<TenantId, Customers>,
    present: HashSet<DestinationId>,
}

#[derive(Debug, Default)]
struct Customers {
    order: VecDeque<CustomerId>,
    lanes: HashMap<CustomerId, VecDeque<Lane>>,
}

impl Turns {
    /// Puts a lane at the end of its customer's line. Does nothing when it is in line already.
    pub(crate) fn push(&mut self, lane: Lane) {
        if !self.present.insert(lane.destination.clone()) {
            return;
        }
        let tenant = match self.tenants.get_mut(&lane.tenant) {
            Some(tenant) => tenant,
            None => {
                self.order.push_back(lane.tenant.clone());
                self.tenants.entry(lane.tenant.clone()).or_default()
            }
        };
        match tenant.lanes.get_mut(&lane.customer) {
            Some(lanes) => lanes.push_back(lane),
            None => {
                tenant.order.push_back(lane.customer.clone());
                tenant.lanes.insert(lane.customer.clone(), VecDeque::from([lane]));
            }
        }
    }

    /// The lane whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<Lane> {
        let tenant_id = self.order.pop_front()?;
        let tenant = self.tenants.get_mut(&tenant_id)?;
        let customer_id = tenant.order.pop_front()?;
        let lanes = tenant.lanes.get_mut(&customer_id)?;
        let lane = lanes.pop_front()?;
        if lanes.is_empty() {
            tenant.lanes.remove(&customer_id);
        } else {
            tenant.order.push_back(customer_id);
        }
        if tenant.order.is_empty() {
            self.tenants.remove(&tenant_id);
        } else {
            self.order.push_back(tenant_id);
        }
        self.present.remove(&lane.destination);
        Some(lane)
    }

    /// Whether the lane of this destination is in line.
    pub(crate) fn contains(&self, destination: &DestinationId) -> bool {
        self.present.contains(destination)
    }

    /// Whether nobody is in line.
    pub(crate) fn is_empty(&self) -> bool {
        self.present.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lane(tenant: u8, customer: u8, destination: u8) -> Lane {
        let id = |prefix: &str, digits: String| format!("{prefix}_{digits:0>26}");
        Lane {
            tenant: id("ten", tenant.to_string()).parse().unwrap(),
            customer: id("cus", format!("{tenant}x{customer}")).parse().unwrap(),
            destination: id("dst", format!("{tenant}x{customer}x{destination}")).parse().unwrap(),
        }
    }

    #[test]
    fn a_tenant_with_many_lanes_gets_no_more_turns_than_one_with_a_single_lane() {
        let mut turns = Turns::default();
        for destination in 0..100 {
            turns.push(lane(1, destination % 10, destination));
        }
        turns.push(lane(2, 0, 0));

        let first_two = [turns.pop().unwrap(), turns.pop().unwrap()];

        assert!(first_two.contains(&lane(2, 0, 0)), "{first_two:?}");
    }

    #[test]
    fn a_customer_with_many_lanes_gets_no_more_turns_than_its_sibling() {
        let mut turns = Turns::default();
        for destination in 0..100 {
            turns.push(lane(1, 1, destination));
        }
        turns.push(lane(1, 2, 0));

        let first_two = [turns.pop().unwrap(), turns.pop().unwrap()];

        assert!(first_two.contains(&lane(1, 2, 0)), "{first_two:?}");
    }

    proptest! {
        #[test]
        fn every_lane_in_line_gets_exactly_one_turn(pushes in prop::collection::vec((0u8..4, 0u8..4, 0u8..4), 0..200)) {
            let mut turns = Turns::default();
            let mut expected: Vec<Lane> = pushes.iter().map(|(t, c, d)| lane(*t, *c, *d)).collect();
            for lane in &expected {
                turns.push(lane.clone());
            }
            expected.sort();
            expected.dedup();

            let mut got: Vec<Lane> = std::iter::from_fn(|| turns.pop()).collect();

            got.sort();
            prop_assert_eq!(got, expected);
            prop_assert!(turns.is_empty());
        }

        #[test]
        fn nobody_waits_longer_than_a_round_of_its_rivals(tenants in 1u8..6, turn in 0usize..5) {
            let mut turns = Turns::default();
            for tenant in 0..tenants {
                for destination in 0..10 {
                    turns.push(lane(tenant, 0, destination));
                }
            }
            for _ in 0..turn * usize::from(tenants) {
                turns.pop();
            }

            let round: HashSet<TenantId> = (0..tenants).filter_map(|_| turns.pop()).map(|lane| lane.tenant).collect();

            prop_assert_eq!(round.len(), usize::from(tenants));
        }
    }
}
