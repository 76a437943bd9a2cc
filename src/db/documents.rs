//! The folder and the two documents of each account in a remote store, and what is filed there of each call. It stands here
//! first; whoever holds the claim writes it to the store. Ids are stored before they are used again.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
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

/// Files a call, in the place of what was filed of it before, and tells whether it stands in the store already.
pub async fn file_entry(
    db: impl PgExecutor<'_>,
    key: FolderKey<'_>,
    entry: &NewEntry<'_>,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"WITH folder AS (
               INSERT INTO documents (tenant_id, store, folder_name, updated_at) VALUES ($1, $2, $3, $8)
               ON CONFLICT DO NOTHING
           )
           INSERT INTO document_entries AS e (tenant_id, store, folder_name, call_id, held_at, summary_html, entry_html,
                                              filed_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT (tenant_id, store, folder_name, call_id) DO UPDATE SET
               held_at = $5, summary_html = $6, entry_html = $7, filed_at = $8,
               written_at = CASE WHEN (e.held_at, e.summary_html, e.entry_html) = ($5, $6, $7) THEN e.written_at END
           RETURNING written_at IS NOT NULL AS "written!""#,
        key.tenant,
        key.store,
        key.folder,
        entry.call_id,
        entry.held_at,
        entry.summary_html,
        entry.entry_html,
        now,
    )
    .fetch_one(db)
    .await
}

/// Whether what is filed of a call stands in the store.
pub async fn is_written(db: impl PgExecutor<'_>, key: FolderKey<'_>, call_id: &str) -> sqlx::Result<bool> {
    let written = sqlx::query_scalar!(
        r#"SELECT written_at IS NOT NULL AS "written!" FROM document_entries
           WHERE tenant_id = $1 AND store = $2 AND folder_name = $3 AND call_id = $4"#,
        key.tenant,
        key.store,
        key.folder,
        call_id,
    );
    Ok(written.fetch_optional(db).await?.unwrap_or(false))
}

/// A folder and its documents as they are known.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The folder's id, made before the folder.
    pub folder_id: Option<String>,
    /// Known once the folder is there.
    pub folder_url: Option<String>,
    /// "Call Summary".
    pub summary: KnownDocument,
    /// "Summary Log".
    pub log: KnownDocument,
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
        "SELECT folder_id, folder_url, summary_id, summary_url, summary_begun_at, log_id, log_url, log_begun_at
         FROM documents WHERE tenant_id = $1 AND store = $2 AND folder_name = $3",
        key.tenant,
        key.store,
        key.folder,
    );
    Ok(row.fetch_optional(db).await?.map(|row| Folder {
        folder_id: row.folder_id,
        folder_url: row.folder_url,
        summary: KnownDocument { id: row.summary_id, url: row.summary_url, begun_at: row.summary_begun_at },
        log: KnownDocument { id: row.log_id, url: row.log_url, begun_at: row.log_begun_at },
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

/// Renews the claim of a folder; `false` when it is somebody else's by now.
pub async fn extend_claim(
    db: impl PgExecutor<'_>,
    key: FolderKey<'_>,
    claim_id: Uuid,
    until: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let extended = sqlx::query!(
        "UPDATE documents SET claimed_until = $5
         WHERE tenant_id = $1 AND store = $2 AND folder_name = $3 AND claim_id = $4",
        key.tenant,
        key.store,
        key.folder,
        claim_id,
        until,
    );
    Ok(extended.execute(db).await?.rows_affected() > 0)
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
                              log_id = $10, log_url = $11, log_begun_at = $12
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
    );
    Ok(saved.execute(db).await?.rows_affected() > 0)
}

/// Lets the next writer in, and remembers which entries stand in the store now; those filed anew since `read_at` do not.
pub async fn release_folder(
    db: impl PgExecutor<'_>,
    key: FolderKey<'_>,
    claim_id: Uuid,
    written: &[String],
    read_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH released AS (
             UPDATE documents SET claim_id = NULL, claimed_until = NULL
             WHERE tenant_id = $1 AND store = $2 AND folder_name = $3 AND claim_id = $4
             RETURNING tenant_id, store, folder_name
         )
         UPDATE document_entries e SET written_at = $6 FROM released r
         WHERE e.tenant_id = r.tenant_id AND e.store = r.store AND e.folder_name = r.folder_name
           AND e.call_id = ANY($5) AND e.filed_at <= $6 AND e.written_at IS NULL",
        key.tenant,
        key.store,
        key.folder,
        claim_id,
        written,
        read_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// An entry that may be written.
#[derive(Debug)]
pub struct Entry {
    /// The call.
    pub call_id: String,
    /// Its entry in "Summary Log".
    pub entry_html: String,
    /// How many entries there are, these included.
    pub total: i64,
}

/// Lists what of a folder may be written for `call_id`'s sake, newest first: what stands in the store already, and what
/// was filed since `fresh_from`, when its call's privacy was asked for too. Nothing of a call that is private by now.
pub async fn list_entries(
    db: impl PgExecutor<'_>,
    key: FolderKey<'_>,
    call_id: &str,
    fresh_from: DateTime<Utc>,
    limit: i64,
) -> sqlx::Result<Vec<Entry>> {
    sqlx::query_as!(
        Entry,
        r#"SELECT e.call_id, e.entry_html, count(*) OVER () AS "total!"
           FROM document_entries e JOIN calls c ON c.tenant_id = e.tenant_id AND c.call_id = e.call_id
           WHERE e.tenant_id = $1 AND e.store = $2 AND e.folder_name = $3 AND NOT c.is_private
             AND (e.call_id = $4 OR e.written_at IS NOT NULL OR e.filed_at >= $5)
           ORDER BY e.held_at DESC, e.call_id DESC LIMIT $6"#,
        key.tenant,
        key.store,
        key.folder,
        call_id,
        fresh_from,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Finds the text of "Call Summary" of one entry.
pub async fn find_summary_html(
    db: impl PgExecutor<'_>,
    key: FolderKey<'_>,
    call_id: &str,
) -> sqlx::Result<Option<String>> {
    let html = sqlx::query_scalar!(
        "SELECT summary_html FROM document_entries
         WHERE tenant_id = $1 AND store = $2 AND folder_name = $3 AND call_id = $4",
        key.tenant,
        key.store,
        key.folder,
        call_id,
    );
    html.fetch_optional(db).await
}
