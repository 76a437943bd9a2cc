//! The real binary, as a newcomer runs it.

use std::{collections::HashMap, process::Command};

use crate::support::{Database, Server, serve_vars};

fn aftercall(args: &[&str], vars: &[(&str, &str)]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_aftercall"))
        .args(args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(vars.iter().copied())
        .current_dir(std::env::temp_dir())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_demo_does_the_whole_main_job_with_nothing_configured_twice() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().display().to_string();
    for _ in 0..2 {
        let (code, stdout, stderr) = aftercall(&["demo", "--once"], &[("DATA_DIR", &data_dir)]);
        assert_eq!(code, 0, "{stdout}\n{stderr}");
        for said in ["verified", "documents", "call.summarised", "skipped (private)", "12 of 12 webhooks verified"] {
            assert!(stdout.contains(said), "{said} is missing in:\n{stdout}\n{stderr}");
        }
    }
    let leaked = |path: &std::path::Path| -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path).unwrap().filter_map(Result::ok) {
            if entry.path().is_dir() {
                continue;
            }
            let text = String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned();
            found.extend(text.contains("Larkspur").then(|| entry.path().display().to_string()));
        }
        found
    };
    assert_eq!(leaked(&dir.path().join("outbox")), [""; 0], "nothing of the private call is written");
}

#[test]
fn bad_configuration_is_reported_at_once_by_name_and_exits_2() {
    let vars = [("PORT", "x"), ("TIMEOUT", "y"), ("SMTP_USER", "me"), ("SMTP_HOST", "mail.example")];
    let (code, _, stderr) = aftercall(&["serve"], &vars);
    assert_eq!(code, 2, "{stderr}");
    for name in ["PORT", "TIMEOUT", "SMTP_PASSWORD", "FROM_EMAIL"] {
        assert!(stderr.contains(name), "{name} is missing in:\n{stderr}");
    }
    assert_eq!(aftercall(&["nonsense"], &[]).0, 2);
    assert_eq!(aftercall(&["import"], &[]).0, 2);
}

#[test]
fn help_and_openapi_need_nothing() {
    let (code, stdout, _) = aftercall(&["--help"], &[]);
    assert_eq!(code, 0);
    for command in ["serve", "worker", "demo", "migrate", "import", "token", "openapi", "healthcheck"] {
        assert!(stdout.contains(command), "{command}");
        assert_eq!(aftercall(&[command, "--help"], &[]).0, 0);
    }
    let (code, stdout, _) = aftercall(&["openapi"], &[]);
    assert_eq!((code, stdout.contains("\"openapi\"")), (0, true));
}

#[tokio::test]
async fn a_server_answers_its_health_check_and_stops_cleanly_on_a_signal() {
    let database = Database::create().await;
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(&["serve"], &serve_vars(&database), dir.path()).await;
    let port = server.port.to_string();
    assert_eq!(aftercall(&["healthcheck"], &[("PORT", &port)]).0, 0);
    assert_eq!(server.terminate(), Some(0));
    assert_eq!(aftercall(&["healthcheck"], &[("PORT", &port)]).0, 1);
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked_straight_on_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let vars: HashMap<&str, String> = [("ADMIN_TOKEN", crate::support::TOKEN.to_owned())].into();
    let server = Server::start(&["serve"], &vars, dir.path()).await;
    let data = dir.path().display().to_string();
    let token = |args: &[&str]| aftercall(&[&["token"], args].concat(), &[("DATA_DIR", &data)]);
    let (code, stdout, stderr) = token(&["create", "--name", "Reports", "--role", "viewer"]);
    assert_eq!(code, 0, "{stderr}");
    let (id, secret) = (stdout.lines().next().unwrap(), stdout.lines().nth(1).unwrap());
    let ask = || async {
        let url = format!("http://127.0.0.1:{}/api/v1/admin/calls", server.port);
        reqwest::Client::builder().build().unwrap().get(url).bearer_auth(secret).send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask().await, 200);
    let (_, listed, _) = token(&["list"]);
    assert!(listed.contains(id) && listed.contains("Reports") && !listed.contains(secret), "{listed}");
    assert_eq!(token(&["revoke", id]).0, 0);
    assert_eq!(ask().await, 401);
    assert_eq!(token(&["revoke", id]).0, 1);
    assert_eq!(token(&["create", "--name", "x", "--role", "king"]).0, 2);
    assert_eq!(token(&["create", "--name", "x", "--role", "viewer", "--tenant", "nobody"]).0, 1);
}

#[tokio::test]
async fn what_is_imported_for_a_tenant_belongs_to_it_alone() {
    let dir = tempfile::tempdir().unwrap();
    let vars: HashMap<&str, String> = [("ADMIN_TOKEN", crate::support::TOKEN.to_owned())].into();
    let server = Server::start(&["serve"], &vars, dir.path()).await;
    let emea = serde_json::json!({"id": "emea", "name": "EMEA"});
    server.api(reqwest::Method::POST, "/api/v1/admin/tenants", Some(emea)).await.unwrap();
    let file = dir.path().join("call.json");
    std::fs::write(&file, crate::support::transcript("1").to_string()).unwrap();
    let (data, file) = (dir.path().display().to_string(), file.display().to_string());
    let import = |tenant: &str| aftercall(&["import", "--process", "--tenant", tenant, &file], &[("DATA_DIR", &data)]);
    let (code, stdout, stderr) = import("emea");
    assert!(code == 0 && stdout.contains("started 1 runs"), "{stdout}{stderr}");
    assert_eq!(import("nobody").0, 1);
    let token =
        aftercall(&["token", "create", "--name", "x", "--role", "viewer", "--tenant", "emea"], &[("DATA_DIR", &data)]);
    let token = token.1.lines().nth(1).unwrap().to_owned();
    let calls = async |token: &str| -> serde_json::Value {
        let url = format!("http://127.0.0.1:{}/api/v1/admin/calls", server.port);
        let asked = reqwest::Client::builder().build().unwrap().get(url).bearer_auth(token).send().await.unwrap();
        asked.json().await.unwrap()
    };
    assert_eq!(calls(&token).await["items"][0]["id"], "1");
    assert_eq!(calls(crate::support::TOKEN).await["items"], serde_json::json!([]));
}

#[tokio::test]
async fn a_lost_encryption_key_is_named_at_the_start() {
    let database = Database::create().await;
    let dir = tempfile::tempdir().unwrap();
    let key = |id: &str, letter: &str| format!("{id}:{}=", letter.repeat(43));
    let mut vars: HashMap<&str, String> = [
        ("DATABASE_URL", database.url()),
        ("ENCRYPTION_KEYS", key("old", "A")),
        ("ADMIN_TOKEN", crate::support::TOKEN.to_owned()),
    ]
    .into();
    let mut server = Server::start(&["serve"], &vars, dir.path()).await;
    let body = serde_json::json!({"kind": "webhook", "target": "https://hooks.example.com/x"});
    server.api(reqwest::Method::POST, "/api/v1/admin/notify/endpoints", Some(body)).await.unwrap();
    server.terminate();
    vars.insert("ENCRYPTION_KEYS", key("new", "E"));
    vars.insert("PORT", "0".to_owned());
    let owned: Vec<(&str, &str)> = vars.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (code, _, stderr) = aftercall(&["serve"], &owned);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("ENCRYPTION_KEYS") && stderr.contains("\"old\""), "{stderr}");
}

#[test]
fn import_reports_a_bad_file_takes_the_rest_and_exits_1() {
    let dir = tempfile::tempdir().unwrap();
    let (data, files) = (dir.path().join("data").display().to_string(), dir.path().join("files"));
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("good.json"), crate::support::transcript("1").to_string()).unwrap();
    std::fs::write(files.join("bad.json"), "{").unwrap();
    let path = files.display().to_string();
    let (code, stdout, stderr) = aftercall(&["import", "--process", &path], &[("DATA_DIR", &data)]);
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(stdout.contains("took 1 calls and 1 transcripts") && stdout.contains("started 1 runs"), "{stdout}");
    assert!(stderr.contains("bad.json: not JSON"), "{stderr}");
    std::fs::remove_file(files.join("bad.json")).unwrap();
    let (code, stdout, _) = aftercall(&["import", "--process", &path], &[("DATA_DIR", &data)]);
    assert_eq!(code, 0);
    assert!(stdout.contains("started 0 runs, 1 calls were known"), "{stdout}");
}
