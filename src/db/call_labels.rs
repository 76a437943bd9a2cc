//! Calls by their titles: for lists that tell what something is about.

use sqlx::PgExecutor;

/// What a call is called.
#[derive(Debug)]
pub struct CallLabel {
    /// The source's id.
    pub call_id: String,
    /// The title as it was told, with whatever contacts are in it.
    pub title: Option<String>,
    /// Whether it is private: its title is nobody's business.
    pub is_private: bool,
    /// Whether it was erased: only its id is left.
    pub is_erased: bool,
}

/// Finds calls by the source's ids; what is no call is left out.
pub async fn find_labels(db: impl PgExecutor<'_>, tenant: &str, ids: &[String]) -> sqlx::Result<Vec<CallLabel>> {
    sqlx::query_as!(
        CallLabel,
        r#"SELECT call_id, title, is_private, erased_at IS NOT NULL AS "is_erased!" FROM calls
           WHERE tenant_id = $1 AND call_id = ANY($2)"#,
        tenant,
        ids,
    )
    .fetch_all(db)
    .await
}
