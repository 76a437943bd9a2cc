//! The folder and the two documents of each account in a remote store. What is filed stands here first; whoever holds
//! the claim writes it to the store. Ids are stored before they are used again.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

/// One account's folder in one store.
#[derive(Debug, Clone, Copy)]
pub struct FolderKey<'a> {
    /// Whose it is.
    pub tenant: &'a str,
    /// The store and its root.
    pub store: &'a str,
    /// The name of the folder.
    pub folder: &'a str,
}

/// What is filed of one call.
#[derive(Debug)]
pub struct NewEntry<'a> {
    /// The call.
    pub call_id: &'a str,
    /// When it was.
    pub held_at: DateTime<Utc>,
    /// The text of "Call Summary", shown unless a later call is filed.
    pub summary_html: &'a str,
    /// The call's entry in "Summary Log".
    pub entry_html: &'a str,
}

/// Files a call, in the place of what was filed of it before, and returns the version that has it.
pub async fn file_entry(
    db: &mut PgConnection,
    key: FolderKey<'_>,
    entry: &NewEntry<'_>,
    now: DateTime<Utc>,
) -> sqlx::Result<i64> {
    let version = sqlx::query_scalar!(
        "INSERT INTO documents AS d (tenant_id, store, folder_name, version, summary_html, summary_held_at, updated_at)
         VALUES ($1, $2, $3, 1, $4, $5, $6)
         ON CONFLICT (tenant_id, store, folder_name) DO UPDATE SET
             version = d.version + 1,
             summary_html = CASE WHEN d.summary_held_at > $5 THEN d.summary_html ELSE $4 END,
             summary_held_at = greatest(d.summary_held_at, $5),
             updated_at = $6
         RETURNING version",
        key.tenant,
        key.store,
        key.folder,
        entry.summary_html,
        entry.held_at,
        now,
    )
    .fetch_one(&mut *db)
    .await?;
    sqlx::query!(
        "INSERT INTO document_entries (tenant_id, store, folder_name, call_id, held_at, html)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (tenant_id, store, folder_name, call_id) DO UPDATE SET held_at = $5, html = $6",
        key.tenant,
        key.store,
        key.folder,
        entry.call_id,
        entry.held_at,
        entry.entry_html,
    )
    .execute(db)
    .await?;
    Ok(version)
}

/// A folder and its documents as they are known.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Everything filed up to this version...
    pub version: i64,
    /// ...and written up to this one.
    pub written_version: i64,
    /// The folder's id, made before the folder.
    pub folder_id: Option<String>,
    /// Known once the folder is there.
    pub folder_url: Option<String>,
    /// "Call Summary".
    pub summary: KnownDocument,
    /// "Summary Log".
    pub log: KnownDocument,
    /// The text of "Call Summary".
    pub summary_html: String,
}

/// A document of a folder as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownDocument {
    /// Its id.
    pub id: Option<String>,
    /// Its page.
    pub url: Option<String>,
    /// When a creation was begun whose answer nobody has seen.
    pub begun_at: Option<DateTime<Utc>>,
}

/// Finds a folder.
pub async fn find_folder(db: impl PgExecutor<'_>, key: FolderKey<'_>) -> sqlx::Result<Option<Folder>> {
    let row = sqlx::query!(
        "SELECT version, written_version, folder_id, folder_url, summary_id, summary_url, summary_begun_at, log_id,
                log_url, log_begun_at, summary_html
         FROM documents WHERE tenant_id = $1 AND store = $2 AND folder_name = $3",
        key.tenant,
        key.store,
        key.folder,
    );
    Ok(row.fetch_optional(db).await?.map(|row| Folder {
        version: row.version,
        written_version: row.written_version,
        folder_id: row.folder_id,
        folder_url: row.folder_url,
        summary: KnownDocument { id: row.summary_id, url: row.summary_url, begun_at: row.summary_begun_at },
        log: KnownDocument { id: row.log_id, url: row.log_url, begun_at: row.log_begun_at },
        summary_html: row.summary_html.unwrap_or_default(),
    }))
}

/// Makes `claim_id` the folder's only writer until `until`; `false` while there is another.
pub async fn claim_folder(
    db: impl PgExecutor<'_>,
    key: FolderKey<'_>,
    claim_id: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let claimed = sqlx::query!(
        "UPDATE documents SET claim_id = $4, claimed_until = $6
         WHERE tenant_id = $1 AND store = $2 AND folder_name = $3 AND (claimed_until IS NULL OR claimed_until <= $5)",
        key.tenant,
        key.store,
        key.folder,
        claim_id,
        now,
        until,
    );
    Ok(claimed.execute(db).await?.rows_affected() > 0)
}

/// Remembers what the writer has learnt of the folder's ids; `false` when it is not the writer any more.
pub async fn save_folder(
    db: impl PgExecutor<'_>,
    key: FolderKey<'_>,
    claim_id: Uuid,
    folder: &Folder,
) -> sqlx::Result<bool> {
    let saved = sqlx::query!(
        "UPDATE documents SET folder_id = $5, folder_url = $6, summary_id = $7, summary_url = $8, summary_begun_at = $9,
                              log_id = $10, log_url = $11, log_begun_at = $12, written_version = $13
         WHERE tenant_id = $1 AND store = $2 AND folder_name = $3 AND claim_id = $4",
        key.tenant,
        key.store,
        key.folder,
        claim_id,
        folder.folder_id,
        folder.folder_url,
        folder.summary.id,
        folder.summary.url,
        folder.summary.begun_at,
        folder.log.id,
        folder.log.url,
        folder.log.begun_at,
        folder.written_version,
    );
    Ok(saved.execute(db).await?.rows_affected() > 0)
}

/// Lets the next writer in.
pub async fn release_folder(db: impl PgExecutor<'_>, key: FolderKey<'_>, claim_id: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE documents SET claim_id = NULL, claimed_until = NULL
         WHERE tenant_id = $1 AND store = $2 AND folder_name = $3 AND claim_id = $4",
        key.tenant,
        key.store,
        key.folder,
        claim_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Lists the entries of "Summary Log", newest first, as many as fit into `room` bytes, and tells how many were left out.
pub async fn list_entries(db: impl PgExecutor<'_>, key: FolderKey<'_>, room: i64) -> sqlx::Result<(Vec<String>, i64)> {
    let rows = sqlx::query!(
        r#"WITH entries AS (
               SELECT html, held_at, call_id,
                      sum(octet_length(html)) OVER (ORDER BY held_at DESC, call_id DESC) AS bytes,
                      count(*) OVER () AS total
               FROM document_entries WHERE tenant_id = $1 AND store = $2 AND folder_name = $3
           )
           SELECT html AS "html!", total AS "total!" FROM entries WHERE bytes <= $4 ORDER BY held_at DESC, call_id DESC"#,
        key.tenant,
        key.store,
        key.folder,
        room,
    )
    .fetch_all(db)
    .await?;
    let total = rows.first().map_or(0, |row| row.total);
    let shown = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    Ok((rows.into_iter().map(|row| row.html).collect(), total - shown))
}
