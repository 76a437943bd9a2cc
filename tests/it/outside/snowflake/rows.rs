//! What the rows say, and where it ends up.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{
    super::{UNDISTURBED, due_at, outcomes, run_of},
    SAID, SUBMIT, add, assert_no_key, bare, driven, start,
};
use crate::support::{Receiver, SmtpServer, TestApp, callback};

/// The mails that were written, as text.
fn mails(app: &TestApp) -> Vec<String> {
    let outbox = std::fs::read_dir(app.data_dir.path().join("outbox"));
    let files = outbox.into_iter().flatten().map(|entry| entry.expect("an entry").path());
    files.map(|path| std::fs::read_to_string(path).expect("a mail")).collect()
}

async fn turns(app: &TestApp, id: &str) -> Value {
    sqlx::query_scalar("SELECT turns FROM transcripts WHERE call_id = $1")
        .bind(id)
        .fetch_one(&app.app.pool)
        .await
        .expect("a transcript")
}

#[tokio::test]
async fn a_callback_becomes_a_summary_of_the_account_in_the_warehouse_and_its_people_get_mail() {
    let (snowflake, app) = start(|app| app.with("ACCOUNT_MAIL", "on")).await;
    add(&snowflake, "1");
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    let run = driven(&app, "1").await;
    assert_eq!((&run["state"], outcomes(&run)), (&json!("done"), UNDISTURBED.map(str::to_owned).to_vec()));

    let asked = snowflake.server.asked();
    assert_eq!((asked.len(), asked[0].header("x-snowflake-authorization-token-type")), (1, "KEYPAIR_JWT"));
    let body = &asked[0].body;
    assert_eq!(body["bindings"], json!({"1": {"type": "TEXT", "value": "1"}}));
    assert_eq!(
        [&body["role"], &body["warehouse"], &body["database"], &body["schema"]],
        ["READER", "LOAD_WH", "OPS", "RAW"]
    );

    let call = app.get("/api/v1/admin/calls/1").await.expect(200).body;
    assert_eq!(call["account"], json!({"name": "Halden Freight", "number": "HF-7"}));
    let items = call["summary"]["action_items"].to_string();
    assert!(items.contains("Dana Reyes") && items.contains("Ingrid Vale"), "{items}");
    assert!(app.data_dir.path().join("documents/Halden Freight/Call Summary.md").is_file());
    let out = receiver.received()[0].body.to_string();
    assert!(out.contains("HF-7") && !out.contains('@'), "no address goes out: {out}");

    let mut to: Vec<String> = mails(&app)
        .iter()
        .filter_map(|mail| mail.lines().find_map(|line| line.strip_prefix("To: ")))
        .map(str::to_owned)
        .collect();
    to.sort();
    assert_eq!(to, ["am@brindlemoor.example", "cs@brindlemoor.example"]);
    assert!(mails(&app).iter().all(|mail| mail.contains("Halden Freight")));
    let listed = app.get("/api/v1/admin/notify/endpoints").await.expect(200).body;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "their mailboxes are not the administrator's endpoints");
    assert_no_key(&app).await;
}

#[tokio::test]
async fn mail_goes_out_by_smtp_once_to_each_mailbox_and_only_if_wanted() {
    for (wanted, expected) in [("on", 1), ("off", 0)] {
        let smtp = SmtpServer::refusing(&[]).await;
        let (snowflake, app) = start(|app| {
            app.with("ACCOUNT_MAIL", wanted)
                .with("SMTP_HOST", "127.0.0.1")
                .with("SMTP_PORT", smtp.port.to_string())
                .with("SMTP_TLS", "none")
                .with("FROM_EMAIL", "calls@brindlemoor.example")
        })
        .await;
        snowflake.add_transcript("1", "c-1", SAID);
        snowflake.add_call("c-1", "a-1", "Dana Reyes", "dana@brindlemoor.example");
        // The same person takes care of both, and is spelt in two ways.
        snowflake.add_account("a-1", "Halden Freight", "HF-7", "Sam@brindlemoor.example", "sam@brindlemoor.example");
        assert_eq!(driven(&app, "1").await["state"], "done");
        assert_eq!(smtp.mails().len(), expected, "ACCOUNT_MAIL={wanted}");
        assert!(smtp.mails().iter().all(|mail| mail.to_lowercase().contains("to: sam@brindlemoor.example")));
    }
}

#[tokio::test]
async fn an_account_without_people_gets_no_mail_and_a_call_without_account_is_summarised_all_the_same() {
    let (snowflake, app) = start(|app| app.with("ACCOUNT_MAIL", "on")).await;
    snowflake.add_transcript("1", "c-1", SAID);
    snowflake.add_call("c-1", "a-1", "Dana Reyes", "dana@brindlemoor.example");
    snowflake.add_account("a-1", "Halden Freight", "", "", "nobody");
    snowflake.add_transcript("2", "c-2", SAID);
    for (id, account) in [("1", json!({"name": "Halden Freight", "number": null})), ("2", Value::Null)] {
        assert_eq!(driven(&app, id).await["state"], "done", "{id}");
        assert_eq!(app.get(&format!("/api/v1/admin/calls/{id}")).await.expect(200).body["account"], account);
    }
    assert_eq!(mails(&app).len(), 0);
}

#[tokio::test]
async fn a_database_that_fails_while_the_account_is_stored_costs_its_people_no_mail() {
    let (snowflake, app) = start(|app| app.with("ACCOUNT_MAIL", "on")).await;
    add(&snowflake, "1");
    for statement in [
        "CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the disk is full'; END $$",
        "CREATE TRIGGER away BEFORE UPDATE OF cs_email ON calls FOR EACH ROW EXECUTE FUNCTION away()",
    ] {
        sqlx::query(statement).execute(&app.app.pool).await.unwrap();
    }
    assert_eq!(outcomes(&driven(&app, "1").await), ["fetch retry"]);
    sqlx::query("DROP TRIGGER away ON calls").execute(&app.app.pool).await.unwrap();
    app.clock.advance(Duration::from_secs(3));
    app.run_due().await;
    assert_eq!(run_of(&app, "1").await["state"], "done");
    assert_eq!(mails(&app).len(), 2);
}

#[tokio::test]
async fn a_row_per_speaker_brings_the_words_once_and_knows_every_speaker() {
    let (snowflake, app) = start(|app| app).await;
    add(&snowflake, "1");
    snowflake.add_call("c-1", "a-1", "Tomasz Wrenfield", "tomasz@halden.example");
    driven(&app, "1").await;
    let said = turns(&app, "1").await;
    let speakers: Vec<&Value> = said.as_array().unwrap().iter().map(|turn| &turn["speaker_name"]).collect();
    assert_eq!(speakers, ["Dana Reyes", "Ingrid Vale"], "{said}");
    let parties: Value = sqlx::query_scalar("SELECT parties FROM calls").fetch_one(&app.app.pool).await.unwrap();
    let names: Vec<&Value> = parties.as_array().unwrap().iter().map(|party| &party["name"]).collect();
    assert_eq!(names, ["Dana Reyes", "Ingrid Vale", "Tomasz Wrenfield"]);

    // Who took part is known from Gong: it knows sides, and stays.
    add(&snowflake, "2");
    app.post_signed(&callback("2")).await.expect(202);
    app.run_due().await;
    let sides: Value =
        sqlx::query_scalar("SELECT jsonb_path_query_array(parties, '$[*].side') FROM calls WHERE call_id = '2'")
            .fetch_one(&app.app.pool)
            .await
            .unwrap();
    assert_eq!(sides, json!(["ours", "theirs"]));
}

#[tokio::test]
async fn an_operators_own_sql_is_run_as_it_is() {
    const SQL: &str = "SELECT words AS transcript_text, customer AS account_name FROM lake.calls WHERE gong_id = ?";
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("query.sql");
    std::fs::write(&path, format!("{SQL};\n")).unwrap();
    let (snowflake, app) = start(|app| app.with("SNOWFLAKE_QUERY_PATH", path.display().to_string())).await;
    let gongs = json!({"callTranscripts": [{"callId": "1", "transcript": [{"speakerId": "901", "sentences": [
        {"start": 0, "end": 900, "text": "I will send you the written root cause report by Wednesday."}]}]}]});
    let columns = ["ACCOUNT_NAME", "TRANSCRIPT_TEXT"];
    snowflake.answer_with("1", &columns, &[&[Some("Ostrava Tools"), Some(&gongs.to_string())]]);
    app.post_signed(&{
        let mut body = bare("1");
        body["callData"]["parties"] = callback("1")["callData"]["parties"].clone();
        body
    })
    .await
    .expect(202);
    app.run_due().await;
    assert_eq!(run_of(&app, "1").await["state"], "done");
    assert_eq!(snowflake.server.asked()[0].body["statement"], SQL);
    let call = app.get("/api/v1/admin/calls/1").await.expect(200).body;
    assert_eq!(call["account"], json!({"name": "Ostrava Tools", "number": null}));
    assert!(call["summary"]["action_items"].to_string().contains("Dana Reyes"), "Gong's ids join Gong's parties");
}

#[tokio::test]
async fn what_is_not_there_or_has_no_words_is_awaited_at_no_cost_by_new_statements() {
    let (snowflake, app) = start(|app| app.with("MAX_RETRIES", "0")).await;
    for (id, rows) in [("1", false), ("2", true)] {
        if rows {
            snowflake.add_transcript(id, &format!("c-{id}"), " \n ");
        }
        let before = snowflake.server.count(SUBMIT);
        let run = driven(&app, id).await;
        assert_eq!((&run["state"], outcomes(&run)), (&json!("active"), vec!["fetch later".to_owned()]), "{id}");
        for wait in [30, 60] {
            assert_eq!(due_at(&app, id).await - app.clock.now(), TimeDelta::seconds(wait));
            if wait == 60 {
                add(&snowflake, id);
            }
            app.clock.advance(Duration::from_secs(wait.unsigned_abs()));
            app.run_due().await;
        }
        let run = run_of(&app, id).await;
        assert_eq!(outcomes(&run), [&["fetch later"; 2][..], &UNDISTURBED].concat(), "{id}");
        let mut queries: Vec<String> =
            snowflake.server.asked().into_iter().skip(before).map(|asked| asked.query).collect();
        assert!(
            queries.iter().all(|query| !query.contains("retry")),
            "the answer \"no rows\" would come again: {queries:?}"
        );
        queries.dedup();
        assert_eq!(queries.len(), 3, "{id}: a new request id each time");
    }
}

#[tokio::test]
async fn after_two_days_without_a_row_the_run_is_skipped() {
    let (snowflake, app) = start(|app| app.with("MAX_RETRIES", "0")).await;
    driven(&app, "1").await;
    for _ in 0..48 {
        assert_eq!(run_of(&app, "1").await["state"], "active");
        app.clock.advance(Duration::from_hours(1));
        app.run_due().await;
    }
    let run = run_of(&app, "1").await;
    assert_eq!((&run["state"], &run["reason"]), (&json!("skipped"), &json!("no_transcript")), "{run}");
    assert!(snowflake.server.count(SUBMIT) > 48, "tokens were renewed all the while");
}

#[tokio::test]
async fn a_statement_that_runs_on_is_asked_after_until_it_ends() {
    let (snowflake, app) = start(|app| app).await;
    add(&snowflake, "1");
    snowflake.run_long(2);
    let run = driven(&app, "1").await;
    assert_eq!(outcomes(&run), UNDISTURBED);
    assert_eq!((snowflake.server.count(SUBMIT), snowflake.server.count("GET /api/v2/statements/")), (1, 2));
}

#[tokio::test]
async fn a_result_in_partitions_is_joined() {
    let (snowflake, app) = start(|app| app).await;
    let columns = ["transcript_text", "account_name"];
    snowflake.answer_with(
        "1",
        &columns,
        &[
            &[Some("Dana Reyes: I will send you the report by Wednesday."), None],
            &[Some("Ingrid Vale: I will send the order form on Friday."), Some("Halden Freight")],
            &[Some("Dana Reyes: Goodbye."), None],
        ],
    );
    snowflake.cut_into_partitions_of(1);
    let run = driven(&app, "1").await;
    assert_eq!(outcomes(&run), UNDISTURBED);
    assert_eq!(snowflake.server.asked().iter().filter(|asked| asked.query.contains("partition=")).count(), 2);
    assert_eq!(turns(&app, "1").await.as_array().unwrap().len(), 3);
    assert_eq!(app.get("/api/v1/admin/calls/1").await.expect(200).body["account"]["name"], "Halden Freight");
}
