//! Keeps others from what a transaction is about to decide on. Where only one process writes there is nothing to keep off.

use freehold_model::audit::Chain;
use freehold_model::{BatchId, DestinationId, Scope};

use crate::StoreError;
use crate::engine::Tx;
use crate::sql::connection::Connection;
use crate::sql::statement::{query, scoped};

/// Takes the lane for a claim. False when another host is claiming or settling in it right now.
pub(crate) async fn lane_unless_busy(
    tx: &mut Tx,
    scope: &Scope,
    destination: &DestinationId,
) -> Result<bool, StoreError> {
    if !tx.connection.is_shared() {
        return Ok(true);
    }
    let sql = "SELECT destination_id FROM destinations
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3
        FOR NO KEY UPDATE SKIP LOCKED";
    Ok(scoped(sql, scope).bind(destination.as_str()).fetch_optional(&mut tx.connection).await?.is_some())
}

/// Waits for the lane of a batch.
pub(crate) async fn lane_of(tx: &mut Tx, scope: &Scope, batch: &BatchId) -> Result<(), StoreError> {
    if tx.connection.is_shared() {
        let sql = "SELECT destination_id FROM destinations
            WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = (
                SELECT destination_id FROM batches WHERE tenant_id = $1 AND batch_id = $3)
            FOR NO KEY UPDATE";
        scoped(sql, scope).bind(batch.as_str()).fetch_optional(&mut tx.connection).await?;
    }
    Ok(())
}

/// Waits for the end of a chain, so that two records do not follow the same one. Until [`chain_written`], the transaction sees
/// all of its tenant, even when it is for one customer: a record follows the last one, whoever's it is.
pub(crate) async fn chain(connection: &mut Connection, chain: &Chain) -> Result<(), StoreError> {
    if connection.is_shared() {
        let sql = "SELECT pg_advisory_xact_lock(hashtextextended('audit ' || $1, 0)),
            set_config('freehold.bound_to', current_setting('freehold.customer', true), true),
            set_config('freehold.customer', '', true)";
        query(sql).bind(chain.as_str()).execute(connection).await?;
    }
    Ok(())
}

/// Bounds the transaction to its customer again.
pub(crate) async fn chain_written(connection: &mut Connection) -> Result<(), StoreError> {
    if connection.is_shared() {
        let sql = "SELECT set_config('freehold.customer', current_setting('freehold.bound_to'), true)";
        query(sql).execute(connection).await?;
    }
    Ok(())
}
