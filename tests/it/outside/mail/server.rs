//! The server and its moods.

use std::time::Duration;

use serde_json::{Value, json};

use super::{LOGIN, configured, deliveries, mail_vars, only};
use crate::{
    outside::{assert_nowhere, next_wait},
    support::{Certificate, Protection, SmtpServer, TestApp, TestAppBuilder},
};

/// Starts an app and has it mail one summary to a team.
async fn mailed(app: TestAppBuilder) -> TestApp {
    let app = app.start().await;
    let filters = json!({"events": ["call.summarised"]});
    app.add_endpoint(json!({"kind": "email", "target": "team@halden.example", "filters": filters})).await;
    app.process("1").await;
    app
}

fn attempts(delivery: &Value) -> Vec<(Option<i64>, String)> {
    let attempts = delivery["attempts"].as_array().unwrap().iter();
    attempts
        .map(|attempt| (attempt["status_code"].as_i64(), attempt["error"].as_str().unwrap_or_default().to_owned()))
        .collect()
}

#[tokio::test]
async fn every_protection_carries_the_mail_and_nothing_is_said_in_the_clear_before() {
    for (protection, in_the_clear) in [
        (Protection::Starttls, vec!["EHLO", "STARTTLS"]),
        (Protection::Implicit, vec![]),
        (Protection::None, vec!["EHLO", "AUTH", "MAIL", "RCPT", "DATA"]),
    ] {
        let (server, app) = configured(protection).await;
        let app = mailed(app).await;
        let delivery = only(deliveries(&app).await);
        assert_eq!((&delivery["status"], attempts(&delivery)), (&json!("sent"), vec![(Some(250), String::new())]));
        assert_eq!(delivery["attempts"][0]["response_excerpt"], "queued as 42", "{protection:?}");
        let mail = server.mails().remove(0);
        for part in [
            "From: Calls <calls@brindlemoor.example>",
            "To: team@halden.example",
            "Message-ID: <dlv_",
            "Auto-Submitted: auto-generated",
        ] {
            assert!(mail.contains(part), "{protection:?}: {part} is not in {mail}");
        }
        assert_eq!(server.verbs(false), in_the_clear, "{protection:?}");
        assert_eq!(server.verbs(true).contains(&"AUTH".to_owned()), protection != Protection::None, "{protection:?}");
        assert_nowhere(&app, &[LOGIN.1]).await;
    }
}

#[tokio::test]
async fn a_server_that_cannot_prove_who_it_is_gets_neither_mail_nor_password() {
    let ours = || Certificate::of_loopback().pem();
    for protection in [Protection::Starttls, Protection::Implicit] {
        let elsewhere = Certificate::of_address([192, 0, 2, 7]);
        let for_another_host = elsewhere.pem();
        for (name, certificate, file) in [
            ("trusted by nobody", Certificate::of_loopback(), String::new()),
            ("not the one that is trusted", Certificate::of_loopback(), ours()),
            ("for another host", elsewhere, for_another_host),
        ] {
            let server = SmtpServer::start(protection, Some(LOGIN), &certificate).await;
            let vars = mail_vars(&server, protection);
            let app = mailed(TestAppBuilder::default().with_all(vars).with("EXTRA_CA_FILE", file)).await;
            let delivery = only(deliveries(&app).await);
            let [(None, error)] = &attempts(&delivery)[..] else { panic!("{name}, {protection:?}: {delivery}") };
            assert_eq!(delivery["status"], "failed", "{name}, {protection:?}");
            assert!(
                error.contains("certificate") && error.contains("EXTRA_CA_FILE"),
                "{name}, {protection:?}: {error}"
            );
            assert!(server.verbs(true).is_empty() && server.mails().is_empty(), "{name}, {protection:?}");
            assert!(!server.verbs(false).contains(&"AUTH".to_owned()), "{name}, {protection:?}");
        }
    }
    // The wrong port: the server speaks in the clear.
    let server = SmtpServer::start(Protection::Starttls, Some(LOGIN), &Certificate::of_loopback()).await;
    let app = mailed(TestAppBuilder::default().with_all(mail_vars(&server, Protection::Implicit))).await;
    let delivery = only(deliveries(&app).await);
    assert_eq!(delivery["status"], "failed");
    assert!(attempts(&delivery)[0].1.contains("SMTP_PORT, SMTP_TLS"), "{delivery}");
}

#[tokio::test]
async fn what_is_not_offered_is_not_done_without() {
    let certificate = Certificate::of_loopback();
    let plain = SmtpServer::start(Protection::None, Some(LOGIN), &certificate).await;
    let open = SmtpServer::start(Protection::None, None, &certificate).await;
    for (name, server, protection, says) in [
        ("STARTTLS", plain, Protection::Starttls, "STARTTLS is not supported"),
        ("a sign-in", open, Protection::None, "No compatible authentication mechanism"),
    ] {
        let app = mailed(TestAppBuilder::default().with_all(mail_vars(&server, protection))).await;
        let delivery = only(deliveries(&app).await);
        assert_eq!(
            (&delivery["status"], &delivery["attempt_count"]),
            (&json!("failed"), &json!(1)),
            "{name}: {delivery}"
        );
        let error = &attempts(&delivery)[0].1;
        assert!(error.contains(says) && error.contains("(SMTP_PORT, SMTP_TLS, SMTP_USER)"), "{name}: {error}");
        assert!(!server.verbs(false).iter().any(|verb| verb == "AUTH" || verb == "MAIL"), "{name}");
    }
}

#[tokio::test]
async fn a_bad_password_fails_at_once_with_a_word_to_the_operator_and_is_on_no_record() {
    let (server, app) = configured(Protection::Starttls).await;
    let app = mailed(app.with("SMTP_PASSWORD", "sesame-sesame")).await;
    let delivery = only(deliveries(&app).await);
    assert_eq!((&delivery["status"], &delivery["last_status_code"]), (&json!("failed"), &json!(535)), "{delivery}");
    let error = &attempts(&delivery)[0].1;
    assert!(error.contains("Username and password not accepted") && error.contains("SMTP_PASSWORD"), "{error}");
    assert!(server.mails().is_empty());
    // Nor as it goes over the wire.
    assert_nowhere(&app, &["sesame", "c2VzYW1l", "AGNhbGxzQ"]).await;

    // No sign-in where one is wanted.
    let (_server, app) = configured(Protection::Starttls).await;
    let app = mailed(app.with("SMTP_USER", "").with("SMTP_PASSWORD", "")).await;
    let delivery = only(deliveries(&app).await);
    assert_eq!((&delivery["status"], &delivery["last_status_code"]), (&json!("failed"), &json!(530)), "{delivery}");
    assert!(attempts(&delivery)[0].1.contains("SMTP_USER, SMTP_PASSWORD"), "{delivery}");
}

#[tokio::test]
async fn what_may_pass_is_tried_again_by_the_schedule() {
    for (name, verb, answer, code) in [
        ("too busy to greet", "", "421 4.3.2 too busy", Some(421)),
        ("hangs up at once", "", "0", None),
        ("hangs up later", "MAIL", "0", None),
        ("cannot sign anybody in", "AUTH", "454 4.7.0 temporary failure", Some(454)),
        ("cannot take the sender", "MAIL", "451 4.3.0 later", Some(451)),
        ("greylists", "RCPT", "450 4.2.0 greylisted, come back", Some(450)),
        ("is full", "DATA", "452 4.3.1 no space", Some(452)),
        ("cannot take the mail", ".", "451 4.3.0 scanner is down", Some(451)),
    ] {
        let (server, app) = configured(Protection::Starttls).await;
        server.answer_next(verb, answer);
        let app = mailed(app).await;
        let delivery = only(deliveries(&app).await);
        let first = &attempts(&delivery)[0];
        assert_eq!((&delivery["status"], first.0), (&json!("retrying"), code), "{name}: {delivery}");
        assert!(!first.1.is_empty() && !first.1.contains("SMTP_TLS"), "{name}: {delivery}");
        let wait = next_wait(&app).await.unwrap();
        assert!(wait >= Duration::from_secs(4) && wait <= Duration::from_secs(6), "{name}: {wait:?}");
        app.clock.advance(wait);
        app.run_due().await;
        assert_eq!(only(deliveries(&app).await)["status"], "sent", "{name}");
        assert!(!server.mails().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn what_will_not_pass_fails_at_once() {
    for (name, verb, answer, code) in [
        ("is closed for good", "", "554 5.3.2 no SMTP service here", 554),
        ("does not know the sender", "MAIL", "550 5.7.1 sender rejected", 550),
        ("does not know the mailbox", "RCPT", "550 5.1.1 no such user team@halden.example", 550),
        ("does not want the mail", ".", "552 5.3.4 message too big", 552),
    ] {
        let (server, app) = configured(Protection::Starttls).await;
        server.answer_next(verb, answer);
        let app = mailed(app).await;
        let delivery = only(deliveries(&app).await);
        let attempts = attempts(&delivery);
        assert_eq!((&delivery["status"], attempts.len(), attempts[0].0), (&json!("failed"), 1, Some(code)), "{name}");
        let said = answer.split_once(' ').unwrap().1.replace("team@halden.example", "[email]");
        assert!(attempts[0].1.contains(&said), "{name}: {delivery}");
        assert_eq!(next_wait(&app).await, None, "{name}");
        // Mended, and sent again by hand.
        let path = format!("/api/v1/admin/notify/logs/{}/retry", delivery["id"].as_str().unwrap());
        app.api("POST", &path, None).await.expect(202);
        app.run_due().await;
        assert_eq!(only(deliveries(&app).await)["status"], "sent", "{name}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_by_the_schedule_to_its_end() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (_server, app) = configured(Protection::Starttls).await;
    let app = mailed(app.with("SMTP_PORT", port.to_string()).with("DELIVERY_RETRY_SCHEDULE", "5s,5m")).await;
    while let Some(wait) = next_wait(&app).await {
        app.clock.advance(wait);
        app.run_due().await;
    }
    let delivery = only(deliveries(&app).await);
    let attempts = attempts(&delivery);
    assert_eq!((&delivery["status"], attempts.len()), (&json!("failed"), 3), "{delivery}");
    assert!(attempts.iter().all(|(code, error)| code.is_none() && error.contains("onnection")), "{attempts:?}");
}

#[tokio::test]
async fn a_mail_whose_answer_is_lost_is_sent_again_under_the_same_message_id() {
    let (server, app) = configured(Protection::Implicit).await;
    server.answer_next(".", "0");
    let app = mailed(app).await;
    app.clock.advance(next_wait(&app).await.unwrap());
    app.run_due().await;
    assert_eq!(only(deliveries(&app).await)["status"], "sent");
    let ids: Vec<String> = server
        .mails()
        .iter()
        .map(|mail| mail.lines().find(|line| line.starts_with("Message-ID:")).unwrap().to_owned())
        .collect();
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]), "so that it can be told from a second message");
}
