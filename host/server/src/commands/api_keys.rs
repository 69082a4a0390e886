//! `freehold keys api`: make, list, rotate and revoke a tenant's API keys, directly on the database.

use freehold_control::{Caller, Control, KeyDraft, KeyRotation};
use freehold_model::Timestamp;
use freehold_model::api_key::{ApiKey, KeyKind};
use freehold_model::limits::PAGE_ROWS_MAX;
use freehold_model::page::PageRequest;
use freehold_model::permission::Permission;
use freehold_store::Store;

use crate::cli::{ApiKeysCommand, ScopeArg, WhereArgs};
use crate::commands::{open_control, print, refused, settings, table};
use crate::failure::Failure;
use crate::sources;

/// Runs the command.
pub(super) async fn run(command: ApiKeysCommand) -> Result<(), Failure> {
    match command {
        ApiKeysCommand::Create { tenant, name, scope, expires_in, test, place } => {
            let scopes = scope.into_iter().map(Permission::from).collect();
            let kind = if test { KeyKind::Test } else { KeyKind::Live };
            create(&tenant, KeyDraft { name, scopes, kind, expires_at: end(expires_in) }, &place).await
        }
        ApiKeysCommand::List { tenant, place } => list(&tenant, &place).await,
        ApiKeysCommand::Rotate { tenant, key, overlap, expires_in, place } => {
            let rotation = KeyRotation { overlap_ms: overlap, expires_at: end(expires_in) };
            rotate(&tenant, &key, rotation, &place).await
        }
        ApiKeysCommand::Revoke { tenant, key, place } => {
            let (control, store, caller) = open(&tenant, &place).await?;
            control.revoke_key(&caller, &key).await.map_err(refused)?;
            store.close().await;
            print(&format!("revoked: {key}\n"));
            Ok(())
        }
    }
}

fn end(lifetime_ms: Option<u64>) -> Option<Timestamp> {
    lifetime_ms.map(|ms| sources::system().now().plus_millis(ms))
}

async fn create(tenant: &str, draft: KeyDraft, place: &WhereArgs) -> Result<(), Failure> {
    let (control, store, caller) = open(tenant, place).await?;
    let made = control.create_key(&caller, draft).await.map_err(refused)?;
    store.close().await;
    print(&format!("id: {}\nkey: {}\n", made.key.id, made.text.show()));
    eprintln!("Keep the key: it is stored hashed and cannot be shown again.");
    Ok(())
}

async fn rotate(tenant: &str, key: &str, rotation: KeyRotation, place: &WhereArgs) -> Result<(), Failure> {
    let (control, store, caller) = open(tenant, place).await?;
    let rotated = control.rotate_key(&caller, key, rotation).await.map_err(refused)?;
    store.close().await;
    print(&format!("id: {}\nkey: {}\n", rotated.new.key.id, rotated.new.text.show()));
    let until = rotated.former.expires_at.map_or_else(String::new, |end| format!(" until {end}"));
    eprintln!("Keep the key: it is stored hashed and cannot be shown again. The former one goes on{until}.");
    Ok(())
}

async fn list(tenant: &str, place: &WhereArgs) -> Result<(), Failure> {
    let (control, store, caller) = open(tenant, place).await?;
    let (mut rows, now) = (Vec::new(), sources::system().now());
    let mut page = PageRequest { after: None, limit: PAGE_ROWS_MAX };
    loop {
        let found = control.keys(&caller, &page).await.map_err(refused)?;
        rows.extend(found.items.into_iter().map(|key| row(key, now)));
        let Some(next) = found.next else { break };
        page.after = Some(next);
    }
    store.close().await;
    print(&table(["id", "name", "scopes", "key", "state", "last used"], &rows));
    Ok(())
}

fn row(key: ApiKey, now: Timestamp) -> [String; 6] {
    let state = state(&key, now);
    let used = key.last_used_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    [key.id.to_string(), key.name, key.scopes.to_string(), format!("…{}", key.last4), state, used]
}

fn state(key: &ApiKey, now: Timestamp) -> String {
    let state = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) if at <= now => format!("expired {at}"),
        (None, Some(at)) => format!("until {at}"),
        (None, None) => "active".to_owned(),
    };
    key.replaced_by.as_ref().map_or(state.clone(), |by| format!("{state}, replaced by {by}"))
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

impl From<ScopeArg> for Permission {
    fn from(scope: ScopeArg) -> Self {
        match scope {
            ScopeArg::Publish => Permission::Publish,
            ScopeArg::Read => Permission::Read,
            ScopeArg::Manage => Permission::Manage,
            ScopeArg::Admin => Permission::Admin,
        }
    }
}
