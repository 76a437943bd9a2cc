//! A database for each test: from `DATABASE_URL` if it is set, otherwise on a private cluster that ends with the process.

use aftercall::db::{
    self,
    embedded::{EmbeddedPostgres, Settings},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, postgres::PgConnectOptions};
use tokio::sync::OnceCell;
use uuid::Uuid;

static SERVER: OnceCell<PgConnectOptions> = OnceCell::const_new();

/// A migrated database of its own.
pub struct Database {
    pub pool: PgPool,
    pub options: PgConnectOptions,
}

impl Database {
    pub async fn create() -> Self {
        let server = SERVER.get_or_init(server_with_template).await.clone();
        let name = format!("test_{}", Uuid::now_v7().simple());
        let mut connection = PgConnection::connect_with(&server).await.expect("the server takes connections");
        let create = format!("CREATE DATABASE {name} TEMPLATE {}", template());
        sqlx::query(AssertSqlSafe(create)).execute(&mut connection).await.expect("a database is made");
        connection.close().await.expect("closes");
        let options = server.database(&name);
        let pool = db::connect(options.clone(), 12).await.expect("the database opens");
        Self { pool, options }
    }

    /// As `DATABASE_URL` for a process.
    pub fn url(&self) -> String {
        use sqlx::ConnectOptions;
        self.options.to_url_lossy().to_string()
    }
}

/// Everything that stands in the tables, whatever its type: `table.column` and all its values as one text.
pub async fn contents(pool: &PgPool) -> Vec<(String, String)> {
    let columns: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns
         JOIN information_schema.tables USING (table_schema, table_name)
         WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1, ordinal_position",
    )
    .fetch_all(pool)
    .await
    .expect("columns");
    let mut contents = Vec::new();
    for (table, column, data_type) in columns {
        let value =
            if data_type == "bytea" { format!("encode({column}, 'escape')") } else { format!("{column}::text") };
        let query = AssertSqlSafe(format!("SELECT coalesce(string_agg({value}, E'\\n'), '') FROM {table}"));
        let text: String = sqlx::query_scalar(query).fetch_one(pool).await.expect("values");
        contents.push((format!("{table}.{column}"), text));
    }
    contents
}

/// One template per run of the tests, so that runs on one server do not meet.
fn template() -> String {
    format!("template_{}", std::process::id())
}

async fn server_with_template() -> PgConnectOptions {
    let server = match std::env::var_os("DATABASE_URL") {
        Some(url) => url.to_str().and_then(|url| url.parse().ok()).expect("DATABASE_URL is a URL"),
        None => private_server().await,
    };
    let mut connection = PgConnection::connect_with(&server).await.expect("the server takes connections");
    for statement in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
        let statement = format!("{statement} {}", template());
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.expect("the template is made");
    }
    let pool = db::connect(server.clone().database(&template()), 1).await.expect("the template opens");
    db::MIGRATOR.run(&pool).await.expect("the migrations apply");
    pool.close().await;
    server
}

/// The same cluster that `serve` uses, without waiting for the disk. It ends and is removed with this process.
async fn private_server() -> PgConnectOptions {
    // A thread with a runtime of its own keeps it: the runtime of the first test ends with that test.
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let data_dir = std::env::temp_dir().join(format!("aftercall-tests-{}", std::process::id()));
            std::fs::create_dir_all(&data_dir).expect("a directory for the cluster");
            let settings = Settings { data_dir, binaries: None, fast_and_unsafe: true };
            let server = EmbeddedPostgres::start(&settings).await.expect("a private PostgreSQL starts");
            tell.send(server.connect_options()).expect("somebody waits for it");
            std::future::pending::<()>().await;
        });
    });
    told.await.expect("the private PostgreSQL starts")
}
