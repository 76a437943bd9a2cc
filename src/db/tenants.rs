//! Tenants: whose data is whose. One that leaves is closed at once; the retention job removes what it had.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

/// A tenant.
#[derive(Debug, Clone)]
pub struct TenantRow {
    /// Its id, a slug.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// At most so many deliveries a minute.
    pub rate_limit_per_minute: Option<i32>,
    /// When it came.
    pub created_at: DateTime<Utc>,
}

/// Inserts a tenant; `false` when the id is taken, be it by one whose data is still being removed.
pub async fn insert_tenant(db: impl PgExecutor<'_>, tenant: &TenantRow) -> sqlx::Result<bool> {
    let inserted = sqlx::query!(
        "INSERT INTO tenants (id, name, rate_limit_per_minute, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (id) DO NOTHING",
        tenant.id,
        tenant.name,
        tenant.rate_limit_per_minute,
        tenant.created_at,
    );
    Ok(inserted.execute(db).await?.rows_affected() > 0)
}

/// Lists tenants by their ids, those behind `after`; `id` narrows to one.
pub async fn list_tenants(
    db: impl PgExecutor<'_>,
    id: Option<&str>,
    after: Option<&str>,
    limit: i64,
) -> sqlx::Result<Vec<TenantRow>> {
    sqlx::query_as!(
        TenantRow,
        "SELECT id, name, rate_limit_per_minute, created_at FROM tenants
         WHERE deleted_at IS NULL AND ($1::text IS NULL OR id = $1) AND ($2::text IS NULL OR id > $2)
         ORDER BY id LIMIT $3",
        id,
        after,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Finds a tenant.
pub async fn find_tenant(db: impl PgExecutor<'_>, id: &str) -> sqlx::Result<Option<TenantRow>> {
    Ok(list_tenants(db, Some(id), None, 1).await?.pop())
}

/// Finds a tenant and keeps others from changing it until the transaction ends.
pub async fn lock_tenant(db: &mut PgConnection, id: &str) -> sqlx::Result<Option<TenantRow>> {
    sqlx::query!("SELECT id FROM tenants WHERE id = $1 FOR NO KEY UPDATE", id).fetch_optional(&mut *db).await?;
    find_tenant(db, id).await
}

/// Changes a tenant.
pub async fn update_tenant(db: impl PgExecutor<'_>, tenant: &TenantRow) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE tenants SET name = $2, rate_limit_per_minute = $3 WHERE id = $1",
        tenant.id,
        tenant.name,
        tenant.rate_limit_per_minute,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Closes a tenant: its tokens, connections and endpoints end, and nothing of it goes out or comes in any more.
pub async fn close_tenant(db: &mut PgConnection, id: &str, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!("UPDATE tenants SET deleted_at = $2 WHERE id = $1", id, now).execute(&mut *db).await?;
    sqlx::query!("UPDATE tokens SET revoked_at = $2 WHERE tenant_id = $1 AND revoked_at IS NULL", id, now)
        .execute(&mut *db)
        .await?;
    sqlx::query!("UPDATE sources SET deleted_at = $2 WHERE tenant_id = $1 AND deleted_at IS NULL", id, now)
        .execute(&mut *db)
        .await?;
    sqlx::query!(
        "UPDATE endpoints SET deleted_at = $2, enabled = false, updated_at = $2
         WHERE tenant_id = $1 AND deleted_at IS NULL",
        id,
        now,
    )
    .execute(&mut *db)
    .await?;
    // Not counted: its figures go, too.
    sqlx::query!(
        "WITH jobs AS (DELETE FROM jobs WHERE tenant_id = $1)
         UPDATE runs SET state = 'skipped', reason = 'tenant_closed', finished_at = $2
         WHERE tenant_id = $1 AND state = 'active'",
        id,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}
