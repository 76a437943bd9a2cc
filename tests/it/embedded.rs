//! The private cluster with real servers and real second processes; those are this test binary again.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use aftercall::db::embedded::{EmbeddedPostgres, Search, Settings};
use rustix::process::{Pid, Signal, geteuid, kill_process, test_kill_process};
use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;

const NOBODY: u32 = 65_534;

fn directory() -> TempDir {
    let open = Permissions::from_mode(0o755);
    tempfile::Builder::new().permissions(open).tempdir().unwrap()
}

fn settings(data_dir: &Path, fast_and_unsafe: bool) -> Settings {
    let data_dir = data_dir.to_path_buf();
    Settings { data_dir, binaries: None, fast_and_unsafe }
}

async fn start(data_dir: &Path) -> EmbeddedPostgres {
    EmbeddedPostgres::start(&settings(data_dir, true)).await.unwrap()
}

async fn ask(server: &EmbeddedPostgres, question: &'static str) -> Result<String, sqlx::Error> {
    let mut session = PgConnection::connect_with(&server.connect_options()).await?;
    sqlx::query_scalar(question).fetch_one(&mut session).await
}

fn server_pid(data_dir: &Path) -> Option<Pid> {
    let file = fs::read_to_string(data_dir.join("postgres/cluster/postmaster.pid")).ok()?;
    Pid::from_raw(file.lines().next()?.parse().ok()?)
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60); // disks are busy when many tests end
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A second process that starts the server and keeps it until told to stop.
struct Other(Child, BufReader<ChildStdout>);

impl Other {
    fn start(data_dir: &Path, fast: &str) -> Self {
        Self::spawn(Command::new(std::env::current_exe().unwrap()), data_dir, fast)
    }

    fn spawn(mut command: Command, data_dir: &Path, fast: &str) -> Self {
        let (_, module) = module_path!().split_once("::").unwrap();
        let itself = format!("{module}::is_the_other_process");
        command.args(["--ignored", "--nocapture", "--exact", &itself]);
        command.envs([("TEST_OTHER", data_dir), ("TEST_OTHER_IS", Path::new(fast))]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self(child, output)
    }

    fn says(&mut self, word: &str) -> bool {
        self.1.by_ref().lines().map_while(Result::ok).any(|line| line == word)
    }

    fn stop(mut self) {
        self.0.stdin.take().unwrap().write_all(b"stop\n").unwrap();
        assert!(self.says("stopped"));
        self.0.wait().unwrap();
    }

    fn kill(mut self) {
        self.0.kill().and_then(|()| self.0.wait()).unwrap();
    }
}

#[tokio::test]
#[ignore = "is no test: it is the second process of the tests here"]
async fn is_the_other_process() {
    let variable = |name| std::env::var_os(name).unwrap_or_default().into_string().unwrap();
    let (data_dir, kind) = (variable("TEST_OTHER"), variable("TEST_OTHER_IS"));
    if data_dir.is_empty() {
        return;
    }
    let settings = settings(Path::new(&data_dir), kind == "fast");
    let server = EmbeddedPostgres::start(&settings).await.unwrap();
    println!("\nready");
    std::io::stdin().lines().next();
    server.stop().await.unwrap();
    println!("\nstopped");
}

#[tokio::test]
async fn data_survives_a_stop_and_the_server_is_out_of_reach_of_the_network() {
    let place = directory();
    let data_dir = place.path().join("an odd, \"quoted\" name");
    let server = start(&data_dir).await;
    assert_eq!(ask(&server, "SHOW listen_addresses").await.unwrap(), "");
    assert_eq!(ask(&server, "SHOW data_checksums").await.unwrap(), "on");
    let mut session = PgConnection::connect(&server.url()).await.expect("the URL works too");
    session.execute("CREATE TABLE kept AS SELECT 'x' AS y").await.unwrap();
    server.stop().await.unwrap();
    assert!(server_pid(&data_dir).is_none());
    let server = start(&data_dir).await;
    assert_eq!(ask(&server, "SELECT y FROM kept").await.unwrap(), "x");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn two_processes_starting_at_once_share_one_server_until_the_last_stops() {
    let place = directory();
    let mut others = [Other::start(place.path(), "fast"), Other::start(place.path(), "fast")];
    assert!(others.iter_mut().all(|other| other.says("ready")));
    let pid = server_pid(place.path()).expect("one server");
    let server = start(place.path()).await;
    others.into_iter().for_each(Other::stop);
    assert_eq!(server_pid(place.path()), Some(pid));
    assert_eq!(ask(&server, "SELECT 'still'").await.unwrap(), "still");
    server.stop().await.unwrap();
    assert!(server_pid(place.path()).is_none());
}

#[tokio::test]
async fn a_server_that_is_killed_comes_back() {
    let place = directory();
    let server = start(place.path()).await;
    let pid = server_pid(place.path()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60); // disks are busy when many tests end
    while ask(&server, "SELECT 'back'").await.is_err() || server_pid(place.path()) == Some(pid) {
        assert!(Instant::now() < deadline, "the server did not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_outlived_its_service_is_used_again() {
    let place = directory();
    let mut other = Other::start(place.path(), "durable");
    assert!(other.says("ready"));
    let pid = server_pid(place.path());
    other.kill();
    let server = start(place.path()).await;
    assert_eq!(server_pid(place.path()), pid);
    server.stop().await.unwrap();
    assert!(server_pid(place.path()).is_none());
}

#[tokio::test]
async fn an_interrupted_initdb_is_not_in_the_way() {
    let place = directory();
    let other = Other::start(place.path(), "durable");
    let unfinished = |entry: fs::DirEntry| entry.path().join("base").is_dir() && entry.file_name() != "cluster";
    let entries = || fs::read_dir(place.path().join("postgres"));
    let begun = || entries().is_ok_and(|entries| entries.flatten().any(unfinished));
    wait_until("initdb is in the middle", begun);
    other.kill();
    let server = start(place.path()).await;
    assert!(!begun());
    server.stop().await.unwrap();
}

#[test]
fn a_test_process_that_is_killed_leaves_nothing_behind() {
    let place = directory();
    let mut other = Other::start(place.path(), "fast");
    assert!(other.says("ready"));
    let pid = server_pid(place.path()).unwrap();
    other.kill();
    wait_until("all is removed", || !place.path().exists());
    wait_until("the server is gone", || test_kill_process(pid).is_err());
}

#[test]
fn an_ordinary_user_needs_no_privilege() {
    if !geteuid().is_root() {
        return println!("skipped: every other test shows it when not run by root");
    }
    let (place, program) = (directory(), directory());
    let copy = program.path().join("it");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    chown(place.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let mut command = Command::new(copy);
    command.uid(NOBODY).gid(NOBODY);
    let mut other = Other::spawn(command, place.path(), "fast");
    assert!(other.says("ready"));
    other.stop();
}

#[tokio::test]
async fn a_directory_closed_to_the_servers_account_moves_the_cluster_and_says_where() {
    if !geteuid().is_root() {
        return println!("skipped: only root runs the server as another account");
    }
    let place = directory();
    fs::set_permissions(place.path(), Permissions::from_mode(0o700)).unwrap();
    let server = start(place.path()).await;
    assert_eq!(ask(&server, "SELECT 'works'").await.unwrap(), "works");
    server.stop().await.unwrap();
    let location = fs::read_to_string(place.path().join("postgres/location")).unwrap();
    assert!(Path::new(location.trim()).join("cluster/PG_VERSION").is_file());
}

#[tokio::test]
async fn a_long_path_gets_a_short_socket_directory_and_a_trap_there_is_refused() {
    let place = directory();
    let data_dir = place.path().join("long".repeat(30)).join("longer".repeat(30));
    let server = start(&data_dir).await;
    let setting = "SELECT btrim(current_setting('unix_socket_directories'), '\"')";
    let socket = &ask(&server, setting).await.unwrap();
    server.stop().await.unwrap();
    fs::remove_dir_all(socket).unwrap();
    symlink(place.path(), socket).unwrap();
    let outcome = EmbeddedPostgres::start(&settings(&data_dir, true)).await;
    let error = outcome.expect_err("a refusal");
    fs::remove_file(socket).unwrap();
    assert!(error.to_string().contains("symbolic link"), "{error}");
}

#[tokio::test]
async fn the_portable_bundle_serves_where_nothing_is_installed() {
    if std::env::var_os("AFTERCALL_TEST_BUNDLE").is_none() {
        return println!("skipped: fetches 25 MB; set AFTERCALL_TEST_BUNDLE=1 to run it");
    }
    let place = directory();
    for fetch in [true, false] {
        let cache = place.path().join("cache");
        let bundle = Search { directories: vec![], path: None, cache, fetch };
        let started = EmbeddedPostgres::start_with(&settings(place.path(), true), &bundle).await;
        let server = started.unwrap();
        assert!(ask(&server, "SHOW server_version").await.unwrap().starts_with("18."));
        server.stop().await.unwrap();
    }
}
