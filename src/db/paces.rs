//! Limits of deliveries a minute, of an endpoint or of a whole tenant. Counting is the claim's (`db::deliveries`).

use sqlx::PgExecutor;

use crate::domain::ids::EndpointId;

/// Sets, changes or lifts a limit. What the last minute has used counts on when one is changed; a lifted one is forgotten.
pub async fn set_pace(
    db: impl PgExecutor<'_>,
    tenant: &str,
    endpoint_id: Option<EndpointId>,
    per_minute: Option<i32>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH lifted AS (
             DELETE FROM delivery_paces
             WHERE tenant_id = $1 AND endpoint_id IS NOT DISTINCT FROM $2::uuid AND $3::int IS NULL
         )
         INSERT INTO delivery_paces (tenant_id, endpoint_id, per_minute) SELECT $1, $2, $3 WHERE $3 IS NOT NULL
         ON CONFLICT ON CONSTRAINT delivery_paces_unique DO UPDATE SET per_minute = excluded.per_minute",
        tenant,
        endpoint_id.map(EndpointId::uuid),
        per_minute,
    )
    .execute(db)
    .await?;
    Ok(())
}
