//! Each system, good and bad, by the admin API.

use serde_json::{Value, json};

use crate::{
    outside::{accept, drive_vars, mail::mail_vars, openai_vars},
    support::{
        Certificate, Fault, Protection, SmtpServer, TestApp, TestAppBuilder,
        drive::{CLIENT_EMAIL, DriveStandIn, Layout, USER},
        gong_api::GongApiStandIn,
        openai::{Nature, OpenAiStandIn},
        snowflake::{self, SnowflakeStandIn},
    },
};

type Vars = Vec<(&'static str, String)>;

const PATH: &str = "/api/v1/admin/config/check";

fn gong(gong: &GongApiStandIn) -> Vars {
    vec![
        ("GONG_API_URL", gong.url().to_owned()),
        ("GONG_ACCESS_KEY", gong.key().to_owned()),
        ("GONG_ACCESS_KEY_SECRET", gong.secret().to_owned()),
    ]
}

fn snowflake(snowflake: &SnowflakeStandIn) -> Vars {
    vec![
        ("SNOWFLAKE_URL", snowflake.url().to_owned()),
        ("SNOWFLAKE_ACCOUNT", snowflake::ACCOUNT.to_owned()),
        ("SNOWFLAKE_USER", snowflake::USER.to_owned()),
        ("SNOWFLAKE_PRIVATE_KEY_PATH", SnowflakeStandIn::private_key_pem()),
    ]
}

async fn with(vars: impl IntoIterator<Item = (&'static str, String)>) -> TestApp {
    TestAppBuilder::default().with_all(vars).start().await
}

/// The row of one system.
async fn row(app: &TestApp, system: &str) -> (Value, String) {
    let answer = app.get(PATH).await.expect(200);
    let rows = answer.body["systems"].as_array().unwrap();
    let row = rows.iter().find(|row| row["system"] == system).expect("a row").clone();
    let failed = rows.iter().any(|row| row["status"] == "failed");
    assert_eq!(answer.body["ok"], !failed, "{}", answer.text);
    (row, answer.text)
}

#[tokio::test]
async fn nothing_configured_is_a_whole_configuration() {
    let app = TestApp::start().await;
    let report = app.get(PATH).await.expect(200).body;
    let rows: Vec<(&str, &str)> = report["systems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["system"].as_str().unwrap(), row["status"].as_str().unwrap()))
        .collect();
    let unset = "not_configured";
    let expected = [
        ("database", "ok"),
        ("gong", unset),
        ("snowflake", unset),
        ("openai", unset),
        ("google-drive", unset),
        ("smtp", unset),
    ];
    assert_eq!((rows.as_slice(), &report["ok"]), (&expected[..], &json!(true)));
    let request = http::Request::builder().uri(PATH).body(axum::body::Body::empty()).unwrap();
    app.send(request).await.expect(401);
}

#[tokio::test]
async fn each_system_says_what_was_found() {
    let (calls, warehouse) = (GongApiStandIn::start().await, SnowflakeStandIn::start_at(clock()).await);
    let (model, drive) = (OpenAiStandIn::start().await, DriveStandIn::start(Layout::SharedDrive).await);
    let certificate = Certificate::of_loopback();
    let smtp = SmtpServer::start(Protection::Starttls, Some(crate::outside::mail::LOGIN), &certificate).await;
    let vars = gong(&calls)
        .into_iter()
        .chain(snowflake(&warehouse))
        .chain(openai_vars(&model))
        .chain(drive_vars(&drive))
        .chain(mail_vars(&smtp, Protection::Starttls))
        .chain([("EXTRA_CA_FILE", certificate.pem())]);
    let app = with(vars).await;
    let report = app.get(PATH).await.expect(200);
    for (system, found) in [
        ("database", "has every migration"),
        ("gong", "can be read; 3 of 10000 requests used today"),
        ("snowflake", "the transcript query brings"),
        ("openai", "gpt-6-luna is there"),
        ("google-drive", "the folder \"Customer calls\" (in a shared drive) takes documents"),
        ("smtp", "takes our connection and sign-in"),
    ] {
        let (row, _) = row(&app, system).await;
        assert_eq!((&row["status"], &row["warnings"]), (&json!("ok"), &json!([])), "{row}");
        // The count of requests is of the first check.
        let detail = report.body["systems"].as_array().unwrap().iter().find(|row| row["system"] == system).unwrap();
        assert!(detail["detail"].as_str().unwrap().contains(found), "{system}: {detail}");
        assert!(row["duration_ms"].is_u64());
    }
    assert_eq!(report.body["ok"], true);
    assert!(smtp.mails().is_empty() && drive.files().is_empty() && model.questions().is_empty(), "asking does nothing");
    no_secret(&report.text);
}

fn clock() -> aftercall::domain::clock::Clock {
    // As the app's.
    aftercall::domain::clock::Clock::manual("2031-05-06T10:00:00Z".parse().unwrap())
}

#[track_caller]
fn no_secret(text: &str) {
    let key = SnowflakeStandIn::private_key_pem();
    let line = key.lines().nth(1).unwrap();
    for secret in ["sk-test", "hunter2", "sesame", "ya29.", "eyJ", "PRIVATE KEY", line] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}

/// Checks one system that does not work, with what an operator is to read.
async fn assert_failed(
    name: &str,
    system: &str,
    vars: impl IntoIterator<Item = (&'static str, String)>,
    says: &[&str],
) {
    let (row, text) = row(&with(vars).await, system).await;
    assert_eq!(row["status"], "failed", "{name}: {row}");
    let detail = row["detail"].as_str().unwrap();
    assert!(says.iter().all(|part| detail.contains(part)), "{name}: {detail}");
    no_secret(&text);
}

fn changed(vars: impl IntoIterator<Item = (&'static str, String)>, name: &'static str, value: &str) -> Vars {
    vars.into_iter().filter(|(known, _)| *known != name).chain([(name, value.to_owned())]).collect()
}

#[tokio::test]
async fn what_does_not_work_at_gong_or_snowflake_is_told_with_what_to_do() {
    let calls = GongApiStandIn::start().await;
    let bad = changed(gong(&calls), "GONG_ACCESS_KEY_SECRET", "sesame");
    assert_failed("bad key", "gong", bad, &["401", "wrong access key or secret", "GONG_API_URL"]).await;
    for scope in ["api:calls:read:basic", "api:calls:read:extensive", "api:calls:read:transcript"] {
        let calls = GongApiStandIn::start().await;
        calls.revoke(scope);
        assert_failed("missing scope", "gong", gong(&calls), &[scope]).await;
    }
    let nowhere = changed(gong(&calls), "GONG_API_URL", "http://127.0.0.1:1");
    assert_failed("wrong host", "gong", nowhere, &["cannot connect"]).await;

    let warehouse = SnowflakeStandIn::start_at(clock()).await;
    warehouse.register_other_key();
    let says = ["390144", "RSA_PUBLIC_KEY", &SnowflakeStandIn::fingerprint()];
    assert_failed("another key", "snowflake", snowflake(&warehouse), &says).await;
    let warehouse = SnowflakeStandIn::start_at(clock()).await;
    let unknown = changed(snowflake(&warehouse), "SNOWFLAKE_WAREHOUSE", "NOT_THERE");
    assert_failed("unknown warehouse", "snowflake", unknown, &["SNOWFLAKE_WAREHOUSE"]).await;
}

#[tokio::test]
async fn what_does_not_work_at_a_model_server_or_a_mail_server_is_told_with_what_to_do() {
    let model = OpenAiStandIn::start().await;
    let bad = changed(openai_vars(&model), "OPENAI_API_KEY", "sk-sesame-0123456789");
    assert_failed("bad key", "openai", bad, &["401 (invalid_api_key)", "check the API key"]).await;
    let unknown = changed(openai_vars(&model), "OPENAI_MODEL", "gpt-4");
    assert_failed("unknown model", "openai", unknown, &["does not list the model gpt-4", "gpt-6-luna"]).await;
    let nowhere = changed(openai_vars(&model), "OPENAI_BASE_URL", "http://127.0.0.1:1/v1");
    assert_failed("wrong host", "openai", nowhere, &["cannot connect"]).await;

    let certificate = Certificate::of_loopback();
    let smtp = SmtpServer::start(Protection::Implicit, Some(crate::outside::mail::LOGIN), &certificate).await;
    let vars = || mail_vars(&smtp, Protection::Implicit).into_iter().chain([("EXTRA_CA_FILE", certificate.pem())]);
    let bad = changed(vars(), "SMTP_PASSWORD", "sesame");
    assert_failed("bad password", "smtp", bad, &["535", "SMTP_USER, SMTP_PASSWORD"]).await;
    let untrusted = changed(vars(), "EXTRA_CA_FILE", "");
    assert_failed("untrusted", "smtp", untrusted, &["certificate", "EXTRA_CA_FILE"]).await;
    let nowhere = changed(vars(), "SMTP_PORT", "1");
    assert_failed("wrong port", "smtp", nowhere, &["onnection"]).await;
}

#[tokio::test]
async fn what_does_not_work_at_drive_is_told_with_what_to_do() {
    let fresh = async |layout| DriveStandIn::start(layout).await;
    let drive = fresh(Layout::SharedDrive).await;
    drive.unshare();
    let says = ["does not exist or is not shared with", CLIENT_EMAIL];
    assert_failed("unshared", "google-drive", drive_vars(&drive), &says).await;
    let drive = fresh(Layout::SharedDrive).await;
    drive.forbid_adding();
    assert_failed("a reader", "google-drive", drive_vars(&drive), &["content manager", CLIENT_EMAIL]).await;
    let drive = fresh(Layout::SharedDrive).await;
    drive.revoke_key();
    assert_failed("a deleted key", "google-drive", drive_vars(&drive), &["invalid_grant", "not deleted"]).await;
    let drive = fresh(Layout::MyDrive).await;
    drive.refuse_delegation();
    let acting = changed(drive_vars(&drive), "GOOGLE_IMPERSONATE", USER);
    assert_failed("no delegation", "google-drive", acting, &["domain-wide delegation", USER, CLIENT_EMAIL]).await;
}

#[tokio::test]
async fn what_works_today_and_may_not_tomorrow_is_a_warning() {
    for (date, says) in [("2031-06-01", "is shut down on 2031-06-01, in 26 days"), ("2031-05-01", "was shut down")] {
        let model = OpenAiStandIn::with(Nature { shutdown_date: Some(date), ..Nature::default() }).await;
        let (row, _) = row(&with(openai_vars(&model)).await, "openai").await;
        assert_eq!(row["status"], "ok");
        assert!(row["warnings"][0].as_str().unwrap().contains(says), "{row}");
    }
    let drive = DriveStandIn::start(Layout::MyDrive).await;
    let (row, _) = row(&with(drive_vars(&drive)).await, "google-drive").await;
    assert_eq!(row["status"], "ok");
    let warning = row["warnings"][0].as_str().unwrap();
    assert!(warning.contains("storageQuotaExceeded") && warning.contains("GOOGLE_IMPERSONATE"), "{row}");
}

#[tokio::test]
async fn a_system_that_is_let_alone_shows_its_open_breaker() {
    let model = OpenAiStandIn::start().await;
    let app = with(openai_vars(&model)).await;
    assert_eq!(row(&app, "openai").await.0["breaker"], "closed");
    (0..5).for_each(|_| model.server.fail_next("POST", Fault::status(503, "{}")));
    accept(&app, "1").await;
    for _ in 0..5 {
        app.run_due().await;
        app.clock.advance(crate::outside::next_wait(&app).await.unwrap());
    }
    let (row, _) = row(&app, "openai").await;
    // The last wait is longer than the rest it takes, so that this check was let through and found it well again.
    assert_eq!((&row["status"], &row["breaker"]), (&json!("ok"), &json!("closed")));
    (0..5).for_each(|_| model.server.fail_next("GET", Fault::status(503, "{}")));
    for _ in 0..5 {
        assert_eq!(self::row(&app, "openai").await.0["status"], "failed");
    }
    let (row, _) = self::row(&app, "openai").await;
    assert_eq!((&row["status"], &row["breaker"]), (&json!("failed"), &json!("open")));
    assert!(row["detail"].as_str().unwrap().contains("keeps failing; it is left alone for"), "{row}");
}
