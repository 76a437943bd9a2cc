//! Calls by their titles: for lists that tell what something is about.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::{ids::RunId, run::RunState};

/// What a call is called, and how it stands.
#[derive(Debug)]
pub struct CallLabel {
    /// The source's id.
    pub call_id: String,
    /// The title as it was told, with whatever contacts are in it.
    pub title: Option<String>,
    /// Whether it is private: its title is nobody's business. One that was erased is.
    pub is_private: bool,
    /// When it was erased: only its id is left.
    pub erased_at: Option<DateTime<Utc>>,
    /// Its latest run; nothing for a call that no run was started for.
    pub run_id: Option<RunId>,
    /// How that run stands.
    pub run_state: Option<RunState>,
}

/// Finds calls by the source's ids; what is no call is left out.
pub async fn find_labels(db: impl PgExecutor<'_>, tenant: &str, ids: &[String]) -> sqlx::Result<Vec<CallLabel>> {
    sqlx::query_as!(
        CallLabel,
        r#"SELECT c.call_id, c.title, c.is_private, c.erased_at, r.id AS "run_id?: RunId",
                  r.state AS "run_state?: RunState"
           FROM calls c
           LEFT JOIN LATERAL (SELECT id, state FROM runs WHERE tenant_id = c.tenant_id AND call_id = c.call_id
                              ORDER BY number DESC LIMIT 1) r ON true
           WHERE c.tenant_id = $1 AND c.call_id = ANY($2)"#,
        tenant,
        ids,
    )
    .fetch_all(db)
    .await
}
