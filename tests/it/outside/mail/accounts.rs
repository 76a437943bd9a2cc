//! `ACCOUNT_MAIL`: whom a summary is mailed to beside those who asked.

use aftercall::domain::notice;
use serde_json::{Value, json};

use super::{configured, deliveries, only};
use crate::{
    outside::{accept, end_of},
    support::{Protection, SmtpServer, TestApp, callback},
};

const CS: &str = "Carla.Soto@brindlemoor.example";
const AM: &str = "amir.malik@brindlemoor.example";

async fn started(account_mail: &str) -> (SmtpServer, TestApp) {
    let (server, app) = configured(Protection::Implicit).await;
    (server, app.with("ACCOUNT_MAIL", account_mail).start().await)
}

/// As it stands in the database, good or bad.
async fn account(app: &TestApp, number: &str, name: &str, cs: Option<&str>, am: Option<&str>) {
    sqlx::query(
        "INSERT INTO accounts (id, tenant_id, number, name, cs_email, am_email, created_at, updated_at)
         VALUES (gen_random_uuid(), 'default', $1, $2, $3, $4, now(), now())",
    )
    .bind(number)
    .bind(name)
    .bind(cs)
    .bind(am)
    .execute(&app.app.pool)
    .await
    .unwrap();
}

/// Takes a call through and returns whom mail went to.
async fn process(app: &TestApp, server: &SmtpServer, call_id: &str) -> Vec<String> {
    let before = server.recipients().len();
    let accepted = accept(app, call_id).await;
    let run = end_of(app, &accepted).await;
    assert_eq!(run["state"], "done", "{run}");
    app.run_due().await;
    let mut recipients = server.recipients().split_off(before);
    recipients.sort();
    recipients
}

#[tokio::test]
async fn cs_and_am_of_the_account_get_the_summary_as_deliveries_like_any_other() {
    let (server, app) = started("on").await;
    account(&app, "HF-1", "Halden Freight", Some(CS), Some(AM)).await;
    assert_eq!(process(&app, &server, "1").await, [CS, AM]);
    let sent = deliveries(&app).await;
    assert_eq!(sent.len(), 2);
    for delivery in &sent {
        assert_eq!((&delivery["status"], &delivery["subject"]), (&json!("sent"), &json!("1")), "{delivery}");
        assert_eq!(delivery["attempts"][0]["status_code"], 250);
        let path = format!("/api/v1/admin/notify/endpoints/{}", delivery["endpoint_id"].as_str().unwrap());
        let endpoint = app.get(&path).await.expect(200).body;
        assert_eq!((&endpoint["kind"], &endpoint["enabled"]), (&json!("email"), &json!(true)));
        assert!([CS, AM].map(Value::from).contains(&endpoint["target"]), "{endpoint}");
    }
    let list = app.get("/api/v1/admin/notify/endpoints").await.expect(200).body;
    assert_eq!(list["items"], json!([]), "no administrator keeps these");
    // Each gets one mail of its own, and not the other's address.
    let mails = server.mails();
    assert!(mails.iter().all(|mail| mail.contains(CS) != mail.contains(AM)), "{mails:?}");
    let events: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT event_type FROM deliveries").fetch_all(&app.app.pool).await.unwrap();
    assert_eq!(events, ["call.summarised"], "of nothing else");

    assert_eq!(process(&app, &server, "2").await, [CS, AM]);
    assert_eq!(app.count("endpoints").await, 2, "a mailbox is made once");
    let stored: Vec<String> =
        sqlx::query_scalar("SELECT e::text FROM endpoints e").fetch_all(&app.app.pool).await.unwrap();
    assert!(stored.iter().all(|row| !row.to_lowercase().contains("brindlemoor")), "addresses are sealed: {stored:?}");
}

#[tokio::test]
async fn what_an_account_says_decides_who_is_mailed() {
    let different_case = CS.to_lowercase();
    for (name, cs, am, recipients) in [
        ("the same person twice", Some(CS), Some(CS), &[CS][..]),
        ("the same person, spelled otherwise", Some(CS), Some(&different_case), &[CS]),
        ("only one", None, Some(AM), &[AM]),
        ("nobody", None, None, &[]),
        ("an address that is none", Some("Carla Soto (on leave)"), Some(AM), &[AM]),
        ("an address with a command in it", Some("x@y.example>\r\nRCPT TO:<evil@z.example"), Some(AM), &[AM]),
    ] {
        let (server, app) = started("on").await;
        account(&app, "HF-1", "Halden Freight", cs, am).await;
        assert_eq!(process(&app, &server, "1").await, recipients, "{name}");
        assert_eq!(deliveries(&app).await.len(), recipients.len(), "{name}");
    }
}

#[tokio::test]
async fn an_account_is_known_by_its_number_and_another_of_the_same_name_gets_nothing() {
    let (server, app) = started("on").await;
    account(&app, "OT-1", "Ostrava Tools", Some("other@brindlemoor.example"), None).await;
    assert!(process(&app, &server, "1").await.is_empty(), "somebody else's account");
    account(&app, "X-1", "halden freight", Some(AM), None).await;
    assert!(process(&app, &server, "2").await.is_empty(), "another customer of the same name");
    account(&app, "HF-1", "Halden (new name)", Some(CS), None).await;
    assert_eq!(process(&app, &server, "3").await, [CS], "by number");
}

#[tokio::test]
async fn nobody_is_mailed_unless_it_is_wanted() {
    for setting in ["off", ""] {
        let (server, app) = started(setting).await;
        account(&app, "HF-1", "Halden Freight", Some(CS), Some(AM)).await;
        assert!(process(&app, &server, "1").await.is_empty(), "{setting:?}");
        assert_eq!((app.log().await.len(), app.count("endpoints").await), (0, 0), "{setting:?}");
    }
}

#[tokio::test]
async fn a_private_call_is_mailed_to_nobody() {
    let (server, app) = started("on").await;
    account(&app, "HF-1", "Halden Freight", Some(CS), Some(AM)).await;
    app.import_transcript("1").await;
    let mut body = callback("1");
    body["isPrivate"] = true.into();
    let accepted = app.post_signed(&body).await.expect(202).body;
    assert_eq!(end_of(&app, &accepted).await["reason"], "private");
    app.run_due().await;
    assert!(server.mails().is_empty() && app.log().await.is_empty());
}

#[tokio::test]
async fn a_mailbox_that_refuses_fails_by_itself_and_one_that_was_disabled_is_left_alone() {
    let (server, app) = started("on").await;
    account(&app, "HF-1", "Halden Freight", Some(CS), Some(AM)).await;
    server.answer_next("RCPT", "550 5.1.1 no such user");
    process(&app, &server, "1").await;
    let mut statuses: Vec<String> =
        deliveries(&app).await.iter().map(|delivery| delivery["status"].as_str().unwrap().to_owned()).collect();
    statuses.sort();
    assert_eq!(statuses, ["failed", "sent"]);
    let failed = deliveries(&app).await.into_iter().find(|delivery| delivery["status"] == "failed").unwrap();
    let path = format!("/api/v1/admin/notify/endpoints/{}/toggle", failed["endpoint_id"].as_str().unwrap());
    assert_eq!(app.api("POST", &path, None).await.expect(200).body["enabled"], false);
    assert_eq!(process(&app, &server, "2").await.len(), 1, "the other one");
}

#[tokio::test]
async fn an_account_mail_goes_beside_those_who_asked_and_reads_like_theirs() {
    let (server, app) = started("on").await;
    account(&app, "HF-1", "Halden Freight", Some(CS), None).await;
    let filters = json!({"events": ["call.summarised"], "intents": ["onboarding"]});
    app.add_endpoint(json!({"kind": "email", "target": "team@halden.example", "filters": filters})).await;
    assert_eq!(process(&app, &server, "1").await, [CS], "filters are for those who asked");
    let delivery = only(deliveries(&app).await.into_iter().filter(|delivery| delivery["status"] == "sent").collect());
    assert_eq!(delivery["status"], "sent");
    let mail = server.mails().remove(0);
    let held = notice::date("2031-05-06T07:30:00Z".parse().unwrap());
    assert!(mail.contains("Subject:") && mail.contains(&held), "{mail}");
    assert!(!mail.contains("ingrid@halden.example") && !mail.contains("555"), "{mail}");
}
