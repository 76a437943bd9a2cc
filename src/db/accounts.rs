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
