//! `freehold tenants`: make and list tenants, directly on the database.

use crate::cli::TenantsCommand;
use crate::commands::{open_control, print, refused, settings, table};
use crate::data_dir::DataDir;
use crate::failure::Failure;

/// Runs the command.
pub(super) async fn run(command: TenantsCommand) -> Result<(), Failure> {
    match command {
        TenantsCommand::Create { name, place } => {
            let config = settings(&place)?.config;
            DataDir::open_or_create(&config.data)?;
            let (control, store) = open_control(&config).await?;
            let made = control.create_tenant(&name).await.map_err(refused)?;
            store.close().await;
            print(&format!("tenant: {}\nkey: {}\n", made.tenant.id, made.key.text.show()));
            eprintln!(
                "Keep the key: it is stored hashed and cannot be shown again. It may do everything within this tenant."
            );
            Ok(())
        }
        TenantsCommand::List { place } => {
            let (control, store) = open_control(&settings(&place)?.config).await?;
            let tenants = control.tenants().await.map_err(refused)?;
            store.close().await;
            let rows: Vec<_> = tenants
                .into_iter()
                .map(|tenant| [tenant.id.to_string(), tenant.name, tenant.created_at.to_string()])
                .collect();
            print(&table(["id", "name", "created"], &rows));
            Ok(())
        }
    }
}
