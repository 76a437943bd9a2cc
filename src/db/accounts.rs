//! Customers, as an administrator told us of them.

use sqlx::PgExecutor;

use crate::domain::call::Account;

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
