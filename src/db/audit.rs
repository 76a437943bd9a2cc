//! Every admin change, written in the transaction of the change itself.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;

use super::Page;
use crate::domain::ids::AuditId;

/// A change about to be recorded. Secrets are redacted before they come here.
#[derive(Debug)]
pub struct NewAudit<'a> {
    /// Whose data was changed.
    pub tenant: &'a str,
    /// Who changed it.
    pub actor: &'a str,
    /// From where.
    pub address: Option<String>,
    /// What was done, such as `endpoint.create`.
    pub action: &'a str,
    /// To what.
    pub object: String,
    /// How it was.
    pub before: Option<Value>,
    /// How it is.
    pub after: Option<Value>,
}

/// Records a change.
pub async fn insert_audit(db: impl PgExecutor<'_>, audit: NewAudit<'_>, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO admin_audit (id, tenant_id, at, actor, address, action, object, before, after)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        AuditId::new().uuid(),
        audit.tenant,
        now,
        audit.actor,
        audit.address,
        audit.action,
        audit.object,
        audit.before,
        audit.after,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A recorded change.
#[derive(Debug)]
pub struct AuditRow {
    /// Its id.
    pub id: AuditId,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// Who made it.
    pub actor: String,
    /// From where.
    pub address: Option<String>,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
    /// How it was.
    pub before: Option<Value>,
    /// How it is.
    pub after: Option<Value>,
}

/// Lists changes, newest first, of one action or family of actions (`endpoint.*`), of one object, or all.
pub async fn list_audit(
    db: impl PgExecutor<'_>,
    tenant: &str,
    action: Option<&str>,
    object: Option<&str>,
    page: Page,
) -> sqlx::Result<Vec<AuditRow>> {
    sqlx::query_as!(
        AuditRow,
        r#"SELECT id AS "id!: AuditId", at AS "at!", actor AS "actor!", address, action AS "action!", object AS "object!",
                  before, after
           FROM (
               -- What is asked for by its own index.
               (SELECT * FROM admin_audit
                WHERE tenant_id = $1 AND object = $3
                  AND ($2::text IS NULL OR action = $2 OR right($2, 2) = '.*' AND starts_with(action, left($2, -1)))
                  AND ($4::uuid IS NULL OR id < $4)
                ORDER BY id DESC LIMIT $5)
               UNION ALL
               (SELECT * FROM admin_audit
                WHERE tenant_id = $1 AND action = $2 AND $3::text IS NULL AND ($4::uuid IS NULL OR id < $4)
                ORDER BY id DESC LIMIT $5)
               UNION ALL
               (SELECT * FROM admin_audit
                WHERE tenant_id = $1 AND right($2, 2) = '.*' AND starts_with(action, left($2, -1)) AND $3 IS NULL
                  AND ($4::uuid IS NULL OR id < $4)
                ORDER BY id DESC LIMIT $5)
               UNION ALL
               (SELECT * FROM admin_audit
                WHERE tenant_id = $1 AND $2 IS NULL AND $3 IS NULL AND ($4::uuid IS NULL OR id < $4)
                ORDER BY id DESC LIMIT $5)) AS wanted
           ORDER BY id DESC LIMIT $5"#,
        tenant,
        action,
        object,
        page.before,
        page.limit,
    )
    .fetch_all(db)
    .await
}
