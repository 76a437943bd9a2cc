//! What the planner knows of tables that have just grown.
//!
//! PostgreSQL looks after that by itself, once a minute. In a burst on a new installation that is too late: statements were
//! planned for empty tables, where reading all of it is the best plan, and by then a table has a hundred thousand rows.

use sqlx::{AssertSqlSafe, PgPool};

/// Analyzes the tables that are four times as large as when they were last looked at, which makes the plans of all
/// connections anew, and tells how many those were.
pub async fn analyze_grown(pool: &PgPool) -> sqlx::Result<usize> {
    let grown = sqlx::query_scalar!(
        r#"SELECT quote_ident(relname) AS "table!" FROM pg_class
           WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
             AND pg_relation_size(oid) / current_setting('block_size')::bigint > greatest(4 * relpages, 4)"#
    )
    .fetch_all(pool)
    .await?;
    for table in &grown {
        sqlx::query(AssertSqlSafe(format!("ANALYZE {table}"))).execute(pool).await?;
    }
    Ok(grown.len())
}
