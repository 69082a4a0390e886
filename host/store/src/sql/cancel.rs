//! Takes destinations out of use: what they have queued is cancelled.
//!
//! A destination may have a million deliveries queued, and one transaction over all of them would make everyone wait.
//! So the first transaction ends the destination and whatever is under way, and the rest goes in portions, which a
//! restart continues: nothing of an ended destination is claimed in the meantime.

use crate::sql::connection::Connection;
use freehold_model::lane::Lane;
use freehold_model::{DestinationId, Scope, TenantId};

use crate::StoreError;
use crate::engine::Tx;
use crate::sql::queue::{self, Standing};
use crate::sql::statement::{query, run_all, scoped};

/// Deliveries without batch, and batches, in one portion: some 50 ms of work.
const PORTION_ROWS: u64 = 10_000;
const PORTION_BATCHES: u64 = 500;

const END: &str = "UPDATE destinations SET deleted_at = $4, updated_at = $4
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3;
    UPDATE credentials SET state = 'retired', blob = NULL, drain_until = NULL, destroyed_at = $4
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3 AND blob IS NOT NULL;
    UPDATE attempts SET state = 'lost', finished_at = $4
        WHERE tenant_id = $1 AND state = 'started' AND attempt_id IN (
            SELECT attempt_id FROM batches INDEXED BY batches_leased
            WHERE tenant_id = $1 AND destination_id = $3 AND lease_until IS NOT NULL);
    UPDATE batches INDEXED BY batches_leased SET lease_until = NULL, attempt_id = NULL
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3
            AND lease_until IS NOT NULL;
    DELETE FROM lane_hours WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3";

const PORTION: &str = "UPDATE deliveries SET state = 'cancelled', settled_at = $3
        WHERE +tenant_id = $1 AND seq IN (SELECT seq FROM deliveries INDEXED BY deliveries_queue
            WHERE tenant_id = $1 AND destination_id = $2 AND state = 'queued' AND batch_id IS NULL LIMIT $4);
    UPDATE deliveries SET state = 'cancelled', settled_at = $3, attempts = ended.attempts
        FROM (SELECT tenant_id, batch_id, attempts FROM batches INDEXED BY batches_open
            WHERE tenant_id = $1 AND destination_id = $2 AND open = 1 ORDER BY next_at LIMIT $5) AS ended
        WHERE deliveries.tenant_id = ended.tenant_id AND deliveries.batch_id = ended.batch_id AND deliveries.state = 'queued';
    UPDATE batches SET open = 0
        WHERE tenant_id = $1 AND batch_id IN (SELECT batch_id FROM batches INDEXED BY batches_open
            WHERE tenant_id = $1 AND destination_id = $2 AND open = 1 ORDER BY next_at LIMIT $5)";

/// Ends a destination with its credentials and whatever is under way. What is queued is left to [`portion`].
pub(crate) async fn end(tx: &mut Tx, scope: &Scope, id: &DestinationId) -> Result<(), StoreError> {
    let statement = scoped(END, scope).bind(id.as_str()).bind(tx.now().millis());
    run_all(&mut tx.connection, statement).await?;
    portion(tx, scope.tenant(), id).await?;
    Ok(())
}

/// Cancels a portion of what an ended destination has queued. Says whether there may be more.
pub(crate) async fn portion(tx: &mut Tx, tenant: &TenantId, id: &DestinationId) -> Result<bool, StoreError> {
    let statement = query(PORTION)
        .bind(tenant.as_str())
        .bind(id.as_str())
        .bind(tx.now().millis())
        .bind(i64::try_from(PORTION_ROWS).unwrap_or(i64::MAX))
        .bind(i64::try_from(PORTION_BATCHES).unwrap_or(i64::MAX));
    let answers = run_all(&mut tx.connection, statement).await?;
    let changed = |place: usize| answers.get(place).map_or(0, |answer| answer.changed);
    Ok(changed(0) >= PORTION_ROWS || changed(2) >= PORTION_BATCHES)
}

/// Lanes of ended destinations that still have something queued.
pub(crate) async fn left_across_tenants(connection: &mut Connection) -> Result<Vec<Lane>, StoreError> {
    queue::lanes_across_tenants(connection, Standing::Ended).await
}
