//! Says to which destinations an event goes. Pure.

use freehold_model::event::Event;
use freehold_store::Subscriber;

/// The positions in `subscribers` of the destinations that want `event`: those of the event's own customer of which any
/// pattern matches. Each destination at most once.
pub fn matching(event: &Event, subscribers: &[Subscriber]) -> Vec<usize> {
    let wants = |subscriber: &Subscriber| {
        subscriber.customer == event.customer
            && subscriber.patterns.iter().any(|pattern| pattern.matches(&event.event_type))
    };
    subscribers.iter().enumerate().filter(|(_, subscriber)| wants(subscriber)).map(|(position, _)| position).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use freehold_model::event::{EventId, EventType};
    use freehold_model::subscription::EventPattern;
    use freehold_model::{CustomerId, DestinationId, Timestamp};

    use super::*;

    fn customer(last: char) -> CustomerId {
        format!("cus_01arz3ndektsv4rrffq69g5fa{last}").parse().unwrap()
    }

    fn subscriber(number: u8, customer: &CustomerId, patterns: &[&str]) -> Subscriber {
        Subscriber {
            destination: format!("dst_01arz3ndektsv4rrffq69g5fa{number}").parse::<DestinationId>().unwrap(),
            customer: customer.clone(),
            patterns: patterns.iter().map(|pattern| EventPattern::parse(pattern).unwrap()).collect(),
        }
    }

    #[test]
    fn an_event_goes_to_its_own_customers_matching_destinations_only() {
        let (ours, others) = (customer('a'), customer('b'));
        let subscribers = [
            subscriber(1, &ours, &["invoice.*"]),
            subscriber(2, &others, &["*"]),
            subscriber(3, &ours, &["order.*", "*"]),
            subscriber(4, &ours, &["order.*"]),
        ];
        let event = Event {
            tenant: "ten_01arz3ndektsv4rrffq69g5fav".parse().unwrap(),
            customer: ours,
            id: EventId::parse("e1").unwrap(),
            event_type: EventType::parse("invoice.paid").unwrap(),
            time: Timestamp::EPOCH,
            data: b"{}".to_vec(),
            metadata: BTreeMap::new(),
            accepted_at: Timestamp::EPOCH,
        };

        assert_eq!(matching(&event, &subscribers), [0, 2]);
    }
}
