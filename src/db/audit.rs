//! Every admin change, written in the transaction of the change itself.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;
use uuid::Uuid;

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
        Uuid::now_v7(),
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
