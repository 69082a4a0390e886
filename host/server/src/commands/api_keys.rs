//! `freehold api-keys`: make, list and revoke a tenant's API keys, directly on the database.

use freehold_control::{Caller, Control, KeyDraft, KeyKind};
use freehold_model::Timestamp;
use freehold_model::api_key::{ApiKey, Role};
use freehold_store::Store;

use crate::cli::{ApiKeysCommand, RoleArg, WhereArgs};
use crate::commands::{open_control, print, refused, settings, table};
use crate::failure::Failure;
use crate::sources;

/// Runs the command.
pub(super) async fn run(command: ApiKeysCommand) -> Result<(), Failure> {
    match command {
        ApiKeysCommand::Create { tenant, name, role, expires_in, test, place } => {
            let expires_at = expires_in.map(|ms| sources::system().now().plus_millis(ms));
            let kind = if test { KeyKind::Test } else { KeyKind::Live };
            create(&tenant, KeyDraft { name, role: role.into(), kind, expires_at }, &place).await
        }
        ApiKeysCommand::List { tenant, place } => list(&tenant, &place).await,
        ApiKeysCommand::Revoke { tenant, key, place } => {
            let (control, store, caller) = open(&tenant, &place).await?;
            control.revoke_key(&caller, &key).await.map_err(refused)?;
            store.close().await;
            print(&format!("revoked: {key}\n"));
            Ok(())
        }
    }
}

async fn create(tenant: &str, draft: KeyDraft, place: &WhereArgs) -> Result<(), Failure> {
    let (control, store, caller) = open(tenant, place).await?;
    let made = control.create_key(&caller, draft).await.map_err(refused)?;
    store.close().await;
    print(&format!("id: {}\nkey: {}\n", made.key.id, made.text.show()));
    eprintln!("Keep the key: it is stored hashed and cannot be shown again.");
    Ok(())
}

async fn list(tenant: &str, place: &WhereArgs) -> Result<(), Failure> {
    let (control, store, caller) = open(tenant, place).await?;
    let keys = control.keys(&caller).await.map_err(refused)?;
    store.close().await;
    let now = sources::system().now();
    let rows: Vec<_> = keys
        .into_iter()
        .map(|key| {
            let state = state(&key, now);
            let used = key.last_used_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
            [key.id.to_string(), key.name, key.role.as_str().to_owned(), format!("…{}", key.last4), state, used]
        })
        .collect();
    print(&table(["id", "name", "role", "key", "state", "last used"], &rows));
    Ok(())
}

fn state(key: &ApiKey, now: Timestamp) -> String {
    match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) if at <= now => format!("expired {at}"),
        (None, Some(at)) => format!("until {at}"),
        (None, None) => "active".to_owned(),
    }
}

async fn open(tenant: &str, place: &WhereArgs) -> Result<(Control, Store, Caller), Failure> {
    let (control, store) = open_control(&settings(place)?.config).await?;
    let found = control.find_tenant(tenant).await.map_err(refused)?;
    let tenant = found.ok_or_else(|| {
        Failure::new(format!("there is no tenant `{tenant}`; `freehold tenants list` shows those there are"))
    })?;
    let caller = control.operator(tenant.id);
    Ok((control, store, caller))
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Admin => Role::Admin,
            RoleArg::Publisher => Role::Publisher,
            RoleArg::Reader => Role::Reader,
        }
    }
}
