//! How far each recurring reader of a source has come, and that there is one of it at a time.

use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{PgExecutor, types::Json};
use uuid::Uuid;

use crate::domain::ids::SourceId;

/// Which reader of which source.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// Whose it is.
    pub tenant: &'a str,
    /// What it reads.
    pub source: SourceId,
    /// Its name, such as `poll`.
    pub name: &'a str,
}

/// Takes the reader for `claim_id` until `until`, and tells its state; `None` while somebody else has it.
pub async fn claim_reader<T: Serialize + DeserializeOwned + Default + Send + Unpin + 'static>(
    db: impl PgExecutor<'_>,
    reader: Reader<'_>,
    claim_id: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> sqlx::Result<Option<T>> {
    let state = sqlx::query_scalar!(
        r#"INSERT INTO sync_state AS s (tenant_id, source_id, name, state, updated_at, claim_id, claimed_until)
           VALUES ($1, $2, $3, $4, $6, $5, $7)
           ON CONFLICT (source_id, name) DO UPDATE SET claim_id = $5, claimed_until = $7
           WHERE s.claimed_until IS NULL OR s.claimed_until <= $6
           RETURNING state AS "state: Json<T>""#,
        reader.tenant,
        reader.source.uuid(),
        reader.name,
        Json(T::default()) as _,
        claim_id,
        now,
        until,
    );
    Ok(state.fetch_optional(db).await?.map(|state| state.0))
}

/// Remembers how far a claimed reader has come and keeps the claim until `until`; `None` gives it back. `false` says that
/// the claim had run out and somebody else reads now.
pub async fn save_reader<T: Serialize + Send + Sync>(
    db: impl PgExecutor<'_>,
    reader: Reader<'_>,
    claim_id: Uuid,
    state: &T,
    now: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
) -> sqlx::Result<bool> {
    let saved = sqlx::query!(
        "UPDATE sync_state SET state = $4, updated_at = $5, claimed_until = $6,
                               claim_id = CASE WHEN $6::timestamptz IS NULL THEN NULL ELSE claim_id END
         WHERE source_id = $1 AND name = $2 AND claim_id = $3",
        reader.source.uuid(),
        reader.name,
        claim_id,
        Json(state) as _,
        now,
        until,
    );
    Ok(saved.execute(db).await?.rows_affected() > 0)
}

/// Renews the claim of a reader; `false` when it is somebody else's by now.
pub async fn extend_reader(
    db: impl PgExecutor<'_>,
    reader: Reader<'_>,
    claim_id: Uuid,
    until: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let extended = sqlx::query!(
        "UPDATE sync_state SET claimed_until = $4 WHERE source_id = $1 AND name = $2 AND claim_id = $3",
        reader.source.uuid(),
        reader.name,
        claim_id,
        until,
    );
    Ok(extended.execute(db).await?.rows_affected() > 0)
}

/// Gives a reader back as it is.
pub async fn release_reader(db: impl PgExecutor<'_>, reader: Reader<'_>, claim_id: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE sync_state SET claim_id = NULL, claimed_until = NULL
         WHERE source_id = $1 AND name = $2 AND claim_id = $3",
        reader.source.uuid(),
        reader.name,
        claim_id,
    )
    .execute(db)
    .await?;
    Ok(())
}
