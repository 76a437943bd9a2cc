//! Calls as other things name them: what each is called, whether it may be shown, and how it stands now.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::{ids::RunId, run::RunState};

/// What is said of a call where it is not the subject.
#[derive(Debug)]
pub struct CallHead {
    /// The source's id.
    pub call_id: String,
    /// The title.
    pub title: Option<String>,
    /// Whether it is private; one that was erased is.
    pub is_private: bool,
    /// When it was erased, if it was.
    pub erased_at: Option<DateTime<Utc>>,
    /// Its latest run; nothing for a call that no run was started for.
    pub run_id: Option<RunId>,
    /// How that run stands.
    pub run_state: Option<RunState>,
}

/// Finds calls by the source's ids, those that were erased included.
pub async fn list_heads(db: impl PgExecutor<'_>, tenant: &str, call_ids: &[String]) -> sqlx::Result<Vec<CallHead>> {
    sqlx::query_as!(
        CallHead,
        r#"SELECT c.call_id, c.title, c.is_private, c.erased_at, r.id AS "run_id?: RunId", r.state AS "run_state?: RunState"
           FROM calls c
           LEFT JOIN LATERAL (SELECT id, state FROM runs WHERE tenant_id = c.tenant_id AND call_id = c.call_id
                              ORDER BY number DESC LIMIT 1) r ON true
           WHERE c.tenant_id = $1 AND c.call_id = ANY($2)"#,
        tenant,
        call_ids,
    )
    .fetch_all(db)
    .await
}
