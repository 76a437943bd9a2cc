//! Customers, as an administrator told us of them.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Page;
use crate::domain::call::Account;

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// The key of the row, for the cursor.
    pub row_id: Uuid,
    /// The number it goes by.
    pub number: String,
    /// Its name.
    pub name: String,
    /// The e-mail domains of its people.
    pub domains: Vec<String>,
    /// Who takes care of it: customer success.
    pub cs_email: Option<String>,
    /// Who takes care of it: account management.
    pub am_email: Option<String>,
    /// When it was first told of.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Inserts a customer or replaces all that is known of it.
pub async fn upsert_account(db: impl PgExecutor<'_>, tenant: &str, account: &AccountRow) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO accounts (id, tenant_id, number, name, domains, cs_email, am_email, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT ON CONSTRAINT accounts_number_unique DO UPDATE SET name = excluded.name,
             domains = excluded.domains, cs_email = excluded.cs_email, am_email = excluded.am_email,
             updated_at = excluded.updated_at",
        account.row_id,
        tenant,
        account.number,
        account.name,
        &account.domains,
        account.cs_email,
        account.am_email,
        account.created_at,
        account.updated_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Lists customers, newest first; `number` narrows to one.
pub async fn list_accounts(
    db: impl PgExecutor<'_>,
    tenant: &str,
    number: Option<&str>,
    page: Page,
) -> sqlx::Result<Vec<AccountRow>> {
    sqlx::query_as!(
        AccountRow,
        "SELECT id AS row_id, number, name, domains, cs_email, am_email, created_at, updated_at FROM accounts
         WHERE tenant_id = $1 AND ($2::text IS NULL OR number = $2) AND ($3::uuid IS NULL OR id < $3)
         ORDER BY id DESC LIMIT $4",
        tenant,
        number,
        page.before,
        page.limit,
    )
    .fetch_all(db)
    .await
}

/// Lists customers whose name, number or domain holds a text, whatever its case, newest first.
pub async fn search_accounts(
    db: impl PgExecutor<'_>,
    tenant: &str,
    text: &str,
    page: Page,
) -> sqlx::Result<Vec<AccountRow>> {
    sqlx::query_as!(
        AccountRow,
        "SELECT id AS row_id, number, name, domains, cs_email, am_email, created_at, updated_at FROM accounts
         WHERE tenant_id = $1 AND ($3::uuid IS NULL OR id < $3)
           AND strpos(folded(concat_ws(' ', name, number, array_to_string(domains, ' '))), folded($2)) > 0
         ORDER BY id DESC LIMIT $4",
        tenant,
        text,
        page.before,
        page.limit,
    )
    .fetch_all(db)
    .await
}

/// Finds the customer that one of these e-mail domains belongs to.
pub async fn find_account_by_domains(
    db: impl PgExecutor<'_>,
    tenant: &str,
    domains: &[String],
) -> sqlx::Result<Option<Account>> {
    let row = sqlx::query!(
        "SELECT name, number FROM accounts WHERE tenant_id = $1 AND domains && $2 ORDER BY id LIMIT 1",
        tenant,
        domains,
    );
    Ok(row.fetch_optional(db).await?.map(|row| Account { name: row.name, number: Some(row.number) }))
}

/// Finds the addresses of those who take care of a customer, by its number or, where that is not known, by its name: two
/// customers may share one.
pub async fn find_contacts(
    db: impl PgExecutor<'_>,
    tenant: &str,
    number: Option<&str>,
    name: &str,
) -> sqlx::Result<Vec<String>> {
    let row = sqlx::query!(
        "SELECT cs_email, am_email FROM accounts
         WHERE tenant_id = $1 AND (number = $2 OR $2::text IS NULL AND lower(name) = lower($3)) ORDER BY id LIMIT 1",
        tenant,
        number,
        name,
    );
    let row = row.fetch_optional(db).await?;
    Ok(row.into_iter().flat_map(|row| [row.cs_email, row.am_email]).flatten().collect())
}
