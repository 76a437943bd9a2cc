//! Transcripts, one per call.

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, types::Json};

use crate::domain::transcript::StoredTurn;

/// Stores a transcript of a known call; a newer one takes the place of the older. That of a call that was erased is not
/// stored, nor that of one that is being erased at this moment: the lock waits for the erasure, or has it wait.
pub async fn upsert_transcript(
    db: impl PgExecutor<'_>,
    tenant: &str,
    call_id: &str,
    turns: &[StoredTurn],
    origin: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO transcripts (tenant_id, call_id, turns, origin, fetched_at)
         SELECT tenant_id, call_id, $3, $4, $5 FROM calls
         WHERE tenant_id = $1 AND call_id = $2 AND erased_at IS NULL FOR SHARE
         ON CONFLICT (tenant_id, call_id) DO UPDATE SET turns = excluded.turns, origin = excluded.origin,
             fetched_at = excluded.fetched_at",
        tenant,
        call_id,
        Json(turns) as _,
        origin,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Whether a call has a transcript with anything said in it, without reading it.
pub async fn has_words(db: impl PgExecutor<'_>, tenant: &str, call_id: &str) -> sqlx::Result<bool> {
    let turns = sqlx::query_scalar!(
        r#"SELECT jsonb_array_length(turns) > 0 AS "spoken!" FROM transcripts WHERE tenant_id = $1 AND call_id = $2"#,
        tenant,
        call_id,
    );
    Ok(turns.fetch_optional(db).await?.unwrap_or(false))
}

/// Finds the turns of a call.
pub async fn find_transcript(
    db: impl PgExecutor<'_>,
    tenant: &str,
    call_id: &str,
) -> sqlx::Result<Option<Vec<StoredTurn>>> {
    let turns = sqlx::query_scalar!(
        r#"SELECT turns AS "turns: Json<Vec<StoredTurn>>" FROM transcripts WHERE tenant_id = $1 AND call_id = $2"#,
        tenant,
        call_id,
    );
    Ok(turns.fetch_optional(db).await?.map(|turns| turns.0))
}
