//! Finds the rows of calls. The statement is built for what is asked.

use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::CallFilter;
use crate::db::Page;

/// So many of the newest calls are looked through before an index is asked: what is frequent is among them, and an index
/// would name all of it.
const NEWEST: i64 = 5_000;

/// Finds the rows of a page.
pub(super) async fn find_rows(
    db: &mut PgConnection,
    tenant: &str,
    filter: &CallFilter,
    page: Page,
) -> sqlx::Result<Vec<Uuid>> {
    let CallFilter { text, account, state: _, since, until } = filter;
    if text.is_none() && account.is_none() && since.is_none() && until.is_none() {
        let mut sql = QueryBuilder::new("SELECT call_row FROM call_search WHERE ");
        push_conditions(&mut sql, tenant, filter, page.before);
        return fetch(sql, db, page.limit).await;
    }
    let mut sql = QueryBuilder::new("SELECT call_row FROM (SELECT * FROM call_search WHERE ");
    push_conditions(&mut sql, tenant, &CallFilter::default(), page.before);
    sql.push(" ORDER BY call_row DESC LIMIT ").push_bind(NEWEST).push(") newest WHERE ");
    push_conditions(&mut sql, tenant, filter, None);
    let found = fetch(sql, &mut *db, page.limit).await?;
    if i64::try_from(found.len()).is_ok_and(|found| found == page.limit) {
        return Ok(found);
    }
    // By itself, so that the planner does not walk on in the hope for the last ones.
    let mut sql = QueryBuilder::new("WITH found AS MATERIALIZED (SELECT call_row FROM call_search WHERE ");
    push_conditions(&mut sql, tenant, filter, page.before);
    sql.push(") SELECT call_row FROM found");
    fetch(sql, db, page.limit).await
}

async fn fetch(mut sql: QueryBuilder<Postgres>, db: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<Uuid>> {
    sql.push(" ORDER BY call_row DESC LIMIT ").push_bind(limit);
    // Planned for these very values: what is right for a rare one is wrong for a frequent one.
    sql.build_query_scalar().persistent(false).fetch_all(db).await
}

fn push_conditions(sql: &mut QueryBuilder<Postgres>, tenant: &str, filter: &CallFilter, before: Option<Uuid>) {
    sql.push("tenant_id = ").push_bind(tenant);
    if filter.text.is_some() || filter.account.is_some() {
        sql.push(" AND words @@ (SELECT concat_ws(' & ', quote_literal('@' || ").push_bind(tenant).push(")");
        if let Some(text) = &filter.text {
            // A text without a word finds nothing: no word is "!".
            sql.push(", (SELECT coalesce(string_agg(quote_literal(word) || ':*', ' & '), quote_literal('!'))");
            sql.push(" FROM unnest(words_of(").push_bind(text).push(")) AS word)");
        }
        if let Some(account) = &filter.account {
            sql.push(", '''=' || replace(replace(left(folded(").push_bind(account.trim());
            sql.push(r"), 200), '\', '\\'), '''', '''''') || ''''");
        }
        sql.push("))::tsquery");
    }
    if let Some(state) = &filter.state {
        sql.push(" AND state = ").push_bind(state);
    }
    if let Some(since) = filter.since {
        sql.push(" AND held_at >= ").push_bind(since);
    }
    if let Some(until) = filter.until {
        sql.push(" AND held_at < ").push_bind(until);
    }
    if let Some(before) = before {
        sql.push(" AND call_row < ").push_bind(before);
    }
}
