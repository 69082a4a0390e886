//! MACs over what goes out and comes back: they hold for the same purpose, bytes and key, and for nothing else.

use crate::fixture::{kek, vault};

#[test]
fn a_mac_holds_for_what_it_was_made_for() {
    let vault = vault(kek(1), vec![]);

    let mac = vault.authenticate("cursor", b"row 7");

    assert!(vault.is_authentic("cursor", b"row 7", &mac));
    assert!(vault.is_authentic("cursor", b"row 7", &mac[..16]));
}

#[test]
fn a_mac_holds_for_nothing_else() {
    let own = vault(kek(1), vec![]);
    let other = vault(kek(2), vec![kek(1)]);
    let mac = own.authenticate("cursor", b"row 7");
    let mut changed = mac;
    changed[31] ^= 1;

    assert!(!own.is_authentic("cursor", b"row 8", &mac));
    assert!(!own.is_authentic("code", b"row 7", &mac));
    assert!(!own.is_authentic("cursor", b"row 7", &changed));
    assert!(!own.is_authentic("cursor", b"row 7", &[]));
    assert!(!other.is_authentic("cursor", b"row 7", &mac));
}
