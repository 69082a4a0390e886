//! The rules, one by one.

use super::*;

const NOW: Timestamp = Timestamp::EPOCH;

fn version(number: u32, state: VersionState) -> Version {
    let verified_with = (state == VersionState::Verified).then(|| "sha256:a".to_owned());
    let drain_until = (state == VersionState::Draining).then(|| NOW.plus_millis(u64::from(number)));
    Version { number, state, verified_with, drain_until }
}

fn rotation(states: &[VersionState]) -> Rotation {
    let versions: Vec<Version> = (1..).zip(states).map(|(number, state)| version(number, *state)).collect();
    Rotation { epoch: 7, newest: u32::try_from(states.len()).unwrap(), previous: None, versions }
}

fn terms(force: bool) -> CutOver {
    CutOver { drain_ms: 1_000, overlap_ms: 0, force, component: "sha256:a".into() }
}

use VersionState::{Active, Draining, Revoked, Stored, Verified};

#[test]
fn one_version_waits_at_a_time() {
    assert_eq!(rotation(&[]).add(), Ok(1));
    assert_eq!(rotation(&[Draining, Active]).add(), Ok(3));
    assert_eq!(rotation(&[Active, Stored]).add(), Err(Refused::Pending(2)));
}

#[test]
fn a_cutover_makes_one_active_and_lets_the_other_drain() {
    let step = rotation(&[Active, Verified]).cut_over(2, &terms(false), NOW).unwrap();

    let drains = Change { drain_until: Some(NOW.plus_millis(1_000)), ..Change::to(1, Draining) };
    assert_eq!(step.changes, [drains, Change::to(2, Active)]);
    assert_eq!((step.epoch, step.active, step.previous), (8, Some(2), Some(1)));
}

#[test]
fn an_unverified_version_takes_over_only_by_force() {
    let rotation = rotation(&[Active, Stored]);

    assert_eq!(rotation.cut_over(2, &terms(false), NOW), Err(Refused::NotVerified(2)));
    assert!(rotation.cut_over(2, &terms(true), NOW).is_ok());
}

#[test]
fn what_another_component_verified_does_not_count() {
    let terms = CutOver { component: "sha256:b".into(), ..terms(false) };

    assert_eq!(rotation(&[Active, Verified]).cut_over(2, &terms, NOW), Err(Refused::NotVerified(2)));
}

#[test]
fn a_third_version_drains_only_when_the_oldest_is_ended_by_force() {
    let rotation = rotation(&[Draining, Draining, Active, Verified]);

    assert_eq!(rotation.cut_over(4, &terms(false), NOW), Err(Refused::Draining(1, 2)));
    let forced = rotation.cut_over(4, &terms(true), NOW).unwrap();
    assert_eq!(forced.changes[0], Change::to(1, VersionState::Retired));
}

#[test]
fn only_what_was_active_before_can_be_restored() {
    let rotation = Rotation { previous: Some(2), ..rotation(&[Draining, Draining, Active]) };

    assert_eq!(rotation.roll_back(1, (0, 0), NOW), Err(Refused::NotPrevious(1)));
    let step = rotation.roll_back(2, (0, 0), NOW).unwrap();
    assert_eq!((step.active, step.previous, step.epoch), (Some(2), Some(3), 8));
    assert_eq!(rotation.roll_back(3, (0, 0), NOW), Err(Refused::NotPrevious(3)));
}

#[test]
fn a_revoked_version_leaves_nobody_in_its_place() {
    let step = rotation(&[Draining, Active]).revoke(2).unwrap();

    assert_eq!(step.changes, [Change::to(2, Revoked)]);
    assert_eq!((step.active, step.epoch), (None, 8));
    assert_eq!(rotation(&[Active]).revoke(2), Err(Refused::Ended(2)));
}

#[test]
fn a_batch_keeps_its_version_while_there_is_time_for_it() {
    let later = Some(NOW.plus_millis(1));

    assert_eq!(version_for_attempt(Some(2), None, None, NOW), Some(2));
    assert_eq!(version_for_attempt(Some(2), Some(2), None, NOW), Some(2));
    assert_eq!(version_for_attempt(Some(2), Some(1), later, NOW), Some(1));
    assert_eq!(version_for_attempt(Some(2), Some(1), Some(NOW), NOW), Some(2));
    assert_eq!(version_for_attempt(Some(2), Some(1), None, NOW), Some(2));
    assert_eq!(version_for_attempt(None, Some(1), None, NOW), None);
}
