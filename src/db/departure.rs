//! Removes what tenants had that have left, table by table, a batch a call.

use sqlx::{AssertSqlSafe, PgPool};

/// The tables in the order in which their rows can go: what refers to others comes first.
const TABLES: [&str; 17] = [
    "idempotency_keys",
    "deliveries",
    "delivery_paces",
    "endpoints",
    "runs",
    "events",
    "transcripts",
    "call_search",
    "document_entries",
    "documents",
    "calls",
    "accounts",
    "sync_state",
    "sources",
    "tokens",
    "admin_audit",
    "tallies",
];

/// Lists the tenants that have left and are still being removed.
pub async fn list_departed(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!("SELECT id FROM tenants WHERE deleted_at IS NOT NULL ORDER BY id").fetch_all(pool).await
}

/// Removes up to `limit` rows of a tenant that has left, from the first table that has any, and the tenant itself when none
/// has. Tells how many rows that were; 0 means that the tenant is gone, or that what is left of it is in other hands at
/// this moment and has to wait for the next time.
pub async fn remove_some(pool: &PgPool, tenant: &str, limit: i64) -> sqlx::Result<u64> {
    for table in TABLES {
        // The names are the constants above.
        let sql = format!(
            "DELETE FROM {table} WHERE ctid IN (SELECT ctid FROM {table} WHERE tenant_id = $1 LIMIT $2
                                                FOR UPDATE SKIP LOCKED)
             AND EXISTS (SELECT 1 FROM tenants WHERE id = $1 AND deleted_at IS NOT NULL)"
        );
        let removed = sqlx::query(AssertSqlSafe(sql)).bind(tenant).bind(limit).execute(pool).await?.rows_affected();
        if removed > 0 {
            return Ok(removed);
        }
        let left = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE tenant_id = $1)");
        if sqlx::query_scalar(AssertSqlSafe(left)).bind(tenant).fetch_one(pool).await? {
            return Ok(0); // other tables' rows may refer to these
        }
    }
    sqlx::query!("DELETE FROM tenants WHERE id = $1 AND deleted_at IS NOT NULL", tenant).execute(pool).await?;
    Ok(0)
}
