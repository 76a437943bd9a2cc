//! `aftercall sync gong`, the real binary: its lines, its exit codes, and killed midway. It goes by the machine's clock,
//! so its calls are of a year that is over.

use std::{
    collections::HashMap,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use super::{LIST, add_at, windows};
use crate::support::{Database, Fault, gong_api::GongApiStandIn};

const WEEKS: [&str; 3] = ["2025-03-01", "2025-03-08", "2025-03-15"];
const SPAN: [&str; 6] = ["--mode", "full", "--from", "2025-03-01", "--to", "2025-03-22"];

/// A database, a Gong with a call a week, and the variables of both.
struct Place {
    gong: GongApiStandIn,
    database: Database,
    data_dir: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        let gong = GongApiStandIn::start().await;
        for (number, day) in WEEKS.iter().enumerate() {
            add_at(&gong, &number.to_string(), &format!("{day}T12:00:00Z"));
        }
        Self { gong, database: Database::create().await, data_dir: tempfile::tempdir().unwrap() }
    }

    fn start(&self, args: &[&str], more: &[(&str, &str)]) -> Child {
        let mut vars: HashMap<&str, String> = [
            ("DATABASE_URL", self.database.url()),
            ("ENCRYPTION_KEYS", format!("k1:{}=", "A".repeat(43))),
            ("DATA_DIR", self.data_dir.path().display().to_string()),
            ("GONG_API_URL", self.gong.url().to_owned()),
            ("GONG_ACCESS_KEY", self.gong.key().to_owned()),
            ("GONG_ACCESS_KEY_SECRET", self.gong.secret().to_owned()),
            ("LOG_LEVEL", "error".to_owned()),
        ]
        .into();
        vars.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Command::new(env!("CARGO_BIN_EXE_aftercall"))
            .args(["sync", "gong"])
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(vars)
            .current_dir(self.data_dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts")
    }

    fn run(&self, args: &[&str], more: &[(&str, &str)]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.start(args, more).wait_with_output().expect("it ends");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let (stdout, stderr) = (text(stdout), text(stderr));
        for said in [&stdout, &stderr] {
            assert!(!said.contains(self.gong.secret()), "{said}");
            assert!(!said.contains(['\u{1b}', '\r']), "nobody is at a terminal: {said:?}");
        }
        (status.code().unwrap_or(-1), stdout, stderr)
    }
}

#[tokio::test]
async fn it_prints_plain_lines_and_what_it_brought_and_exits_0() {
    let place = Place::new().await;
    let (code, stdout, stderr) = place.run(&[&SPAN[..], &["--process"]].concat(), &[]);
    assert_eq!(
        (code, stdout.as_str()),
        (0, "listed 3 calls, stored 3 and 3 transcripts, started 3 runs\n"),
        "{stderr}"
    );
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 3, "a line a week: {stderr}");
    assert_eq!(lines[2], "100 % 3 listed, 3 stored, 3 transcripts");
    let (code, stdout, _) =
        place.run(&["--from", "2025-03-01", "--to", "2025-03-22T00:00:00+00:00", "--mode", "backfill"], &[]);
    assert_eq!((code, stdout.as_str()), (0, "listed 3 calls, stored 0 and 0 transcripts, started 0 runs\n"));
}

#[tokio::test]
async fn what_goes_wrong_is_said_and_exits_1_and_bad_usage_exits_2() {
    let place = Place::new().await;
    let (code, _, stderr) = place.run(&SPAN, &[("GONG_ACCESS_KEY_SECRET", "an-older-secret")]);
    assert!(code == 1 && stderr.contains("wrong access key or secret"), "{code}: {stderr}");
    assert!(!stderr.contains("an-older-secret"), "{stderr}");
    let (code, _, stderr) = place.run(&["--from", "2025-03-22", "--to", "2025-03-01"], &[]);
    assert!(code == 2 && stderr.contains("--from: must be before --to"), "{code}: {stderr}");
    let unset = [("GONG_API_URL", ""), ("GONG_ACCESS_KEY", ""), ("GONG_ACCESS_KEY_SECRET", "")];
    let (code, _, stderr) = place.run(&SPAN, &unset);
    assert!(code == 2 && stderr.contains("GONG_ACCESS_KEY: must be given"), "{code}: {stderr}");
    for usage in [&["--mode", "everything"][..], &["--from", "yesterday"], &["--batch-size", "0"], &["--what"]] {
        let (code, _, stderr) = place.run(usage, &[]);
        assert!(code == 2 && stderr.contains(usage[0]), "{code}: {stderr}");
    }
}

#[tokio::test]
async fn killed_midway_it_goes_on_where_it_was() {
    let place = Place::new().await;
    let lists = &place.gong.server;
    for pause in [0, 0, 600] {
        lists.fail_next(LIST, Fault::Slow(Duration::from_secs(pause)));
    }
    let mut killed = place.start(&SPAN, &[]);
    let patience = Instant::now() + Duration::from_secs(60);
    while lists.count(LIST) < 3 {
        assert!(Instant::now() < patience, "the third week is not asked for");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    // Its lease of twenty seconds is over.
    sqlx::query("UPDATE sync_state SET claimed_until = now()").execute(&place.database.pool).await.unwrap();
    let (code, stdout, stderr) = place.run(&SPAN, &[]);
    assert_eq!(
        (code, stdout.as_str()),
        (0, "listed 3 calls, stored 3 and 3 transcripts, started 0 runs\n"),
        "{stderr}"
    );
    let lines: Vec<&str> = stderr.lines().collect();
    let done = "3 listed, 3 stored, 3 transcripts (resumed)";
    assert_eq!(lines, [format!(" 66 % {done}"), format!("100 % {done}")], "the third call, and the end of its week");
    assert_eq!(windows(&place.gong, 3), WEEKS[2..], "the first two weeks are not read again");
}
