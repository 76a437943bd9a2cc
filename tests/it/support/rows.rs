//! What stands in the database, as text: to see that nothing changed, or that something is nowhere.

use sqlx::AssertSqlSafe;

use super::TestApp;

/// Rows of tables, as text.
#[derive(Debug, PartialEq, Eq)]
pub struct Rows(pub Vec<String>);

impl Rows {
    /// Every row of every table.
    pub async fn all(app: &TestApp) -> Self {
        Self::read(app, None).await
    }

    /// Every row that names the tenant, in whichever table, and its own.
    pub async fn of(app: &TestApp, tenant: &str) -> Self {
        Self::read(app, Some(tenant)).await
    }

    async fn read(app: &TestApp, tenant: Option<&str>) -> Self {
        let pool = &app.app.pool;
        let tables: Vec<(String, bool)> = sqlx::query_as(
            "SELECT t.table_name::text, c.column_name IS NOT NULL FROM information_schema.tables t
             LEFT JOIN information_schema.columns c
                ON c.table_schema = t.table_schema AND c.table_name = t.table_name AND c.column_name = 'tenant_id'
             WHERE t.table_schema = 'public' AND t.table_type = 'BASE TABLE'",
        )
        .fetch_all(pool)
        .await
        .expect("the tables");
        let selects = tables.iter().filter_map(|(table, has_tenant)| {
            let whose = match (tenant, has_tenant) {
                (None, _) => "true",
                (Some(_), true) => "tenant_id = $1",
                (Some(_), false) if table == "tenants" => "id = $1",
                (Some(_), false) => return None,
            };
            Some(format!("SELECT '{table} ' || to_jsonb(t)::text FROM {table} t WHERE {whose}"))
        });
        let sql = format!(
            "SELECT * FROM ({}) AS rows(text) WHERE $1::text IS NOT DISTINCT FROM $1 ORDER BY 1",
            selects.collect::<Vec<_>>().join(" UNION ALL ")
        );
        Self(sqlx::query_scalar(AssertSqlSafe(sql)).bind(tenant).fetch_all(pool).await.expect("the rows"))
    }

    /// Fails with the rows that differ.
    #[track_caller]
    pub fn expect(&self, same: &Self, what: &str) {
        let only = |of: &Self, other: &Self| of.0.iter().filter(|row| !other.0.contains(row)).cloned().collect();
        let (gone, new): (Vec<String>, Vec<String>) = (only(same, self), only(self, same));
        assert!(self == same, "{what} changed rows\nfrom {gone:#?}\nto {new:#?}");
    }

    /// The ids of the rows, as they stand in answers behind their prefixes.
    pub fn ids(&self) -> Vec<String> {
        let id = |row: &String| {
            let row: serde_json::Value = serde_json::from_str(row.split_once(' ')?.1).ok()?;
            let id = uuid::Uuid::try_parse(row["id"].as_str()?).ok()?;
            Some(id.simple().to_string())
        };
        self.0.iter().filter_map(id).collect()
    }

    /// Fails where a text is readable, also in bytes.
    #[track_caller]
    pub fn expect_nothing_of(&self, secret: &str) {
        let bytes = hex::encode(secret);
        for row in &self.0 {
            assert!(!row.contains(secret) && !row.contains(&bytes), "{secret} is readable in {row}");
        }
    }
}
