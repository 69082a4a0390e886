//! What may be done only in certain rooms: seeing plaintext, claiming a scope, dialling, unsafe code.

use freehold_tests::Result;

use crate::tree;

/// Where plaintext may be looked at.
const PLAINTEXT: [&str; 3] = ["host/vault/", "host/sandbox/", "host/model/src/secret.rs"];

/// Where a whole tenant may be claimed: after its key was checked, and on the operator's own command line.
const AUTHENTICATED: [&str; 3] =
    ["host/control/src/authenticate.rs", "host/control/src/caller.rs", "host/control/src/console.rs"];

/// Where one customer may be claimed: for the lane that is being served.
const DISPATCHED: [&str; 3] =
    ["host/pipeline/src/queue/dispatcher.rs", "host/pipeline/src/send.rs", "host/pipeline/src/credentials.rs"];

#[test]
fn plaintext_is_seen_in_the_vault_and_the_sandbox_alone() -> Result {
    let found = uses(".expose()", &PLAINTEXT)?;

    assert!(found.is_empty(), "only vault and sandbox may expose a secret: {found:#?}");
    Ok(())
}

#[test]
fn a_scope_is_claimed_only_where_it_is_known_whose_data_is_meant() -> Result {
    let authenticated = uses("Scope::authenticated(", &AUTHENTICATED)?;
    let dispatched = uses("Scope::dispatched(", &DISPATCHED)?;

    assert!(authenticated.is_empty(), "a tenant's scope is claimed here as well: {authenticated:#?}");
    assert!(dispatched.is_empty(), "a customer's scope is claimed here as well: {dispatched:#?}");
    Ok(())
}

#[test]
fn unsafe_code_is_in_the_sandbox_alone() -> Result {
    let found = uses("unsafe {", &["host/sandbox/src/code_cache.rs"])?;

    assert!(found.is_empty(), "{found:#?}");
    Ok(())
}

#[test]
fn sockets_are_opened_by_the_egress_door_alone() -> Result {
    let found = uses("TcpStream::connect", &["host/sandbox/src/egress"])?;

    assert!(found.is_empty(), "{found:#?}");
    Ok(())
}

/// Where production code of the host and the SDK uses `text`, but for the places that may.
fn uses(text: &str, allowed: &[&str]) -> Result<Vec<String>> {
    let files = tree::rust()?;
    let production = files.iter().filter(|file| file.path.starts_with("host/") || file.path.starts_with("sdk/"));
    let elsewhere =
        production.filter(|file| !file.is_test() && !allowed.iter().any(|room| file.path.starts_with(room)));
    Ok(elsewhere
        .flat_map(|file| file.code().map(move |(number, line)| (file, number, line)))
        .filter(|(_, _, line)| line.contains(text))
        .map(|(file, number, _)| format!("{}:{number}", file.path))
        .collect())
}
