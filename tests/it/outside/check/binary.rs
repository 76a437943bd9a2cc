//! The binary: what it prints, and how it exits.

use serde_json::{Value, json};

use super::aftercall;
use crate::{
    outside::{drive_vars, openai_vars},
    support::{
        Database, TOKEN,
        drive::{DriveStandIn, Layout},
        openai::{Nature, OpenAiStandIn},
    },
};

type Vars = Vec<(&'static str, String)>;

/// A database of its own, and what goes with it.
async fn with_database() -> (tempfile::TempDir, Vars) {
    let (database, dir) = (Database::create().await, tempfile::tempdir().unwrap());
    let vars = vec![
        ("DATABASE_URL", database.url()),
        ("DATA_DIR", dir.path().display().to_string()),
        ("ENCRYPTION_KEYS", format!("k1:{}=", "A".repeat(43))),
        ("ADMIN_TOKEN", TOKEN.to_owned()),
    ];
    (dir, vars)
}

/// The first word of each line, and the second.
fn rows(stdout: &str) -> Vec<(&str, &str)> {
    let words = stdout.lines().map(|line| line.split_whitespace());
    words.map(|mut words| (words.next().unwrap_or_default(), words.next().unwrap_or_default())).collect()
}

#[tokio::test]
async fn nothing_configured_exits_0_in_both_forms() {
    let (_dir, vars) = with_database().await;
    let (code, stdout, stderr) = aftercall(&["check"], &vars);
    assert_eq!(code, 0, "{stdout}{stderr}");
    let expected =
        [("database", "ok"), ("gong", "-"), ("snowflake", "-"), ("openai", "-"), ("google-drive", "-"), ("smtp", "-")];
    assert_eq!(rows(&stdout), expected);
    let (code, stdout, _) = aftercall(&["check", "--json"], &vars);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &report["ok"], &report["systems"][1]["status"]), (0, &json!(true), &json!("not_configured")));
}

#[test]
fn a_private_database_is_started_for_it_and_stopped_again() {
    let dir = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = aftercall(&["check"], &[("DATA_DIR", dir.path().display().to_string())]);
    assert_eq!((code, rows(&stdout)[0]), (0, ("database", "ok")), "{stdout}{stderr}");
}

#[tokio::test]
async fn one_that_fails_exits_1_and_the_others_are_told_all_the_same() {
    let (_dir, vars) = with_database().await;
    let ends_soon = (chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now()) + chrono::TimeDelta::days(20))
        .date_naive();
    let date: &'static str = ends_soon.to_string().leak();
    let model = OpenAiStandIn::with(Nature { shutdown_date: Some(date), ..Nature::default() }).await;
    let drive = DriveStandIn::start(Layout::SharedDrive).await;
    drive.unshare();
    let vars: Vars = vars.into_iter().chain(openai_vars(&model)).chain(drive_vars(&drive)).collect();
    let (code, stdout, stderr) = aftercall(&["check"], &vars);
    assert_eq!(code, 1, "{stdout}{stderr}");
    for line in [
        "openai         ok       gpt-6-luna is there",
        &format!("               warning  the model gpt-6-luna is shut down on {date}"),
        "google-drive   FAILED   google-drive: the root folder does not exist or is not shared with",
    ] {
        assert!(stdout.contains(line), "{line} is not in:\n{stdout}");
    }
    let (code, json, stderr_of_json) = aftercall(&["check", "--json"], &vars);
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &report["ok"], &report["systems"][4]["status"]), (1, &json!(false), &json!("failed")));
    assert_eq!(report["systems"][3]["warnings"].as_array().unwrap().len(), 1);
    for text in [stdout, stderr, json, stderr_of_json] {
        for secret in [model.key(), "PRIVATE KEY", "ya29.", "eyJ", TOKEN] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_is_a_row_like_the_others_and_exits_1() {
    let (_dir, vars) = with_database().await;
    let model = OpenAiStandIn::start().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let gone = "postgres://aftercall:sesame@127.0.0.1:1/aftercall".to_owned();
    let own = |name: &str| !["DATABASE_URL", "ENCRYPTION_KEYS", "DATA_DIR"].contains(&name);
    let no_url = vars.iter().filter(|(name, _)| own(name)).cloned();
    let cases: [(&str, Vars, &str); 2] = [
        (
            "nobody there",
            vars.iter().cloned().chain([("DATABASE_URL", gone)]).collect(),
            "cannot connect to the database (DATABASE_URL)",
        ),
        (
            "no place for a private one",
            no_url.chain([("DATA_DIR", file.display().to_string())]).collect(),
            "the private PostgreSQL (DATA_DIR, or DATABASE_URL for another)",
        ),
    ];
    for (name, vars, says) in cases {
        let vars: Vars = vars.into_iter().chain(openai_vars(&model)).collect();
        let (code, stdout, stderr) = aftercall(&["check"], &vars);
        assert_eq!(code, 1, "{name}: {stdout}{stderr}");
        let found = rows(&stdout);
        assert_eq!(found[0], ("database", "FAILED"), "{name}: {stdout}");
        assert!(stdout.contains(says), "{name}: {stdout}");
        assert_eq!((found[1], found[3]), (("gong", "-"), ("openai", "?")), "{name}: {stdout}");
        let (code, json, _) = aftercall(&["check", "--json"], &vars);
        let report: Value = serde_json::from_str(&json).unwrap();
        let statuses: Vec<&str> =
            report["systems"].as_array().unwrap().iter().map(|row| row["status"].as_str().unwrap()).collect();
        let unset = "not_configured";
        assert_eq!((code, statuses), (1, vec!["failed", unset, unset, "not_contacted", unset, unset]), "{name}");
        assert!(!format!("{stdout}{stderr}{json}").contains("sesame"), "{name}: {stdout}{stderr}");
    }
    assert!(model.server.asked().is_empty());
}
