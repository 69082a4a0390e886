//! Writes the leases and attempts of one claim, however many batches it has, in one round trip.

use std::collections::BTreeSet;

use freehold_model::destination::Destination;
use freehold_model::{Scope, Timestamp};
use serde_json::json;

use crate::StoreError;
use crate::engine::Tx;
use crate::sql::claim::Leasing;
use crate::sql::row::to_json;
use crate::sql::statement::{run_all, scoped};

// Rows of batches are [batch, attempt, attempt number, members, tenant, credential version]. A `+` keeps SQLite from starting at all rows of
// the tenant: it is to start at the few rows that the parameters list.
const LEASE: &str = "UPDATE attempts SET state = 'lost', finished_at = $4
        WHERE tenant_id = $1 AND attempt_id IN (SELECT value FROM json_each($6)) AND state = 'started';
    INSERT INTO batches (tenant_id, customer_id, destination_id, batch_id, events, credential_version, attempts,
            first_attempt_at, next_at, open, lease_token, lease_until, lease_host, attempt_id)
        SELECT $1, $2, $3, value ->> 0, CAST(value ->> 3 AS BIGINT), CAST(value ->> 5 AS BIGINT), 0, $4, $5, 1, 1, $5, $12,
            value ->> 1
        FROM json_each($8);
    UPDATE deliveries SET batch_id = member.value ->> 1 FROM json_each($9) AS member
        WHERE +deliveries.tenant_id = $1 AND deliveries.seq = CAST(member.value ->> 0 AS BIGINT);
    UPDATE batches SET credential_version = CAST(due.value ->> 5 AS BIGINT),
            attempts = CAST(due.value ->> 2 AS BIGINT) - 1, next_at = $5, lease_until = $5,
            lease_host = $12, lease_token = lease_token + 1, attempt_id = due.value ->> 1
        FROM json_each($10) AS due
        WHERE +batches.tenant_id = $1 AND batches.tenant_id = due.value ->> 4 AND batches.batch_id = due.value ->> 0;
    INSERT INTO attempts (tenant_id, customer_id, destination_id, batch_id, attempt_id, number, state, events,
            started_at, credential_version, report)
        SELECT $1, $2, $3, value ->> 0, value ->> 1, CAST(value ->> 2 AS BIGINT), 'started', CAST(value ->> 3 AS BIGINT), $4,
            CAST(value ->> 5 AS BIGINT), '{}'
        FROM json_each($11);
    UPDATE credentials SET last_used_at = $4
        WHERE tenant_id = $1 AND destination_id = $3 AND version IN (SELECT CAST(value ->> 0 AS BIGINT) FROM json_each($7))
            AND ($4 > last_used_at + 60000 OR last_used_at IS NULL)";

/// Writes everything. Batches from `first_new` on are new.
pub(super) async fn leases(
    tx: &mut Tx,
    scope: &Scope,
    destination: &Destination,
    leasing: &[Leasing],
    first_new: usize,
    (now, lease_until): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    let (due, new) = leasing.split_at(first_new);
    let lost: Vec<_> = due.iter().filter_map(|leasing| leasing.lost.as_ref()).collect();
    let row = |leasing: &Leasing| {
        let batch = &leasing.batch;
        json!([
            batch.id,
            batch.attempt,
            batch.attempt_number,
            batch.members.len(),
            scope.tenant(),
            batch.credential_version
        ])
    };
    let new_batches: Vec<_> = new.iter().map(row).collect();
    let due_batches: Vec<_> = due.iter().map(row).collect();
    let attempts: Vec<_> = leasing.iter().map(row).collect();
    let members: Vec<_> =
        new.iter().flat_map(|leasing| leasing.new_members.iter().map(|seq| json!([seq, leasing.batch.id]))).collect();
    let versions: BTreeSet<[u32; 1]> =
        leasing.iter().filter_map(|leasing| leasing.batch.credential_version).map(|version| [version]).collect();
    let statement = scoped(LEASE, &scope.narrowed_to(&destination.customer))
        .bind(destination.id.as_str())
        .bind(now.millis())
        .bind(lease_until.millis())
        .bind(to_json(&lost)?)
        .bind(to_json(&versions)?)
        .bind(to_json(&new_batches)?)
        .bind(to_json(&members)?)
        .bind(to_json(&due_batches)?)
        .bind(to_json(&attempts)?)
        .bind(tx.host.as_deref());
    run_all(&mut tx.connection, statement).await?;
    Ok(())
}
