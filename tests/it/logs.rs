//! Log lines of the real binary: daily files that do not pile up, and nothing that waits for whoever should take them.

use std::{collections::HashMap, fs::File, path::Path, process::Command, time::Duration};

use serde_json::Value;

use crate::support::{Database, Gong, Server, TOKEN, callback};

fn vars(database: &Database, gong: &Gong) -> HashMap<&'static str, String> {
    [
        ("DATABASE_URL", database.url()),
        ("ENCRYPTION_KEYS", format!("k1:{}=", "A".repeat(43))),
        ("ADMIN_TOKEN", TOKEN.to_owned()),
        ("GONG_WEBHOOK_PUBLIC_KEY", gong.bare_key.clone()),
    ]
    .into()
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap().filter_map(Result::ok);
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn daily_files_are_written_with_a_date_and_fourteen_are_kept() {
    let (database, gong, dir) = (Database::create().await, Gong::shared(), tempfile::tempdir().unwrap());
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let old: Vec<_> = (1..=20).map(|day| format!("aftercall.2026-01-{day:02}.json")).collect();
    for name in &old {
        std::fs::write(logs.join(name), "{}\n").unwrap();
        tokio::time::sleep(Duration::from_millis(15)).await; // files are told apart by when they were made
    }
    std::fs::write(logs.join("notes.txt"), "not ours").unwrap();
    let mut vars = vars(&database, &gong);
    vars.extend([("LOG_DIR", logs.display().to_string()), ("LOG_LEVEL", "info".to_owned())]);
    let mut server = Server::start(&["serve"], &vars, &dir.path().join("data")).await;
    assert_eq!(server.terminate(), Some(0));

    let names = names(&logs);
    assert_eq!(names.iter().filter(|name| name.starts_with("aftercall.")).count(), 14, "{names:?}");
    assert!(names.contains(&"notes.txt".to_owned()), "{names:?}");
    let (today, kept) = names[..14].split_last().unwrap();
    assert_eq!(kept, &old[7..], "the oldest went");
    let date = today.strip_prefix("aftercall.").and_then(|name| name.strip_suffix(".json")).unwrap();
    assert!(chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok(), "{today}");
    let text = std::fs::read_to_string(logs.join(today)).unwrap();
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect();
    assert_eq!(lines.last().unwrap()["message"], "stopped", "the last line is there too");
}

#[tokio::test]
async fn a_full_disk_under_the_log_costs_lines_and_no_request() {
    let (database, gong, dir) = (Database::create().await, Gong::shared(), tempfile::tempdir().unwrap());
    let mut vars = vars(&database, &gong);
    vars.insert("LOG_LEVEL", "debug".to_owned());
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut server = Server::start_writing(&["serve"], &vars, dir.path(), &full).await;
    for call in 0..5 {
        let (status, body) =
            server.post_signed(&gong, &callback(&format!("{}", 8000 + call))).await.expect("an answer");
        assert_eq!(status, 202, "{body}");
    }
    assert_eq!(server.terminate(), Some(0));
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_up_nothing() {
    let (database, gong, dir) = (Database::create().await, Gong::shared(), tempfile::tempdir().unwrap());
    let mut vars = vars(&database, &gong);
    vars.insert("LOG_LEVEL", "trace".to_owned());
    // A pipe takes 64 KiB and then makes its writer wait.
    let mut sleeper = Command::new("sleep").arg("600").stdin(std::process::Stdio::piped()).spawn().unwrap();
    let pipe = File::from(std::os::fd::OwnedFd::from(sleeper.stdin.take().unwrap()));
    let mut server = Server::start_writing(&["serve"], &vars, dir.path(), &pipe).await;
    for call in 0..100 {
        let answer = server.post_signed(&gong, &callback(&format!("{}", 8100 + call))).await.expect("an answer");
        assert_eq!(answer.0, 202, "{}", answer.1);
    }
    assert_eq!(server.terminate(), Some(0));
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
}
