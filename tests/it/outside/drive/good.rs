//! Good weather: what is where, and that repeating changes nothing.

use serde_json::json;

use super::{LOG, Layout, SUMMARY, accept_at, assert_one_of_each, configured, content, logged, only, started};
use crate::{
    outside::{accept, end_of, outcomes_of},
    support::{Receiver, callback, drive::USER, transcript},
};

#[tokio::test]
async fn an_accounts_calls_share_a_folder_a_summary_that_keeps_its_link_and_a_log() {
    let (drive, app) = started().await;
    let receiver = Receiver::start().await;
    app.add_webhook(&receiver).await;
    let accepted = accept_at(&app, "1", "2031-05-05T09:30:00Z").await;
    let run = end_of(&app, &accepted).await;
    app.run_due().await;
    assert_eq!((&run["state"], outcomes_of(&run, "document")), (&json!("done"), vec!["done".to_owned()]), "{run}");
    assert_one_of_each(&drive);
    let (summary, log) = (only(&drive, SUMMARY), only(&drive, LOG));
    assert!(content(&drive, SUMMARY).contains("call 1 ·") && logged(&drive) == ["1"]);

    let links = json!({
        "folder_url": format!("https://drive.google.example/folders/{}", only(&drive, "Halden Freight").id),
        "summary_url": format!("https://docs.google.example/d/{}", summary.id),
        "log_url": format!("https://docs.google.example/d/{}", log.id),
    });
    assert_eq!(receiver.received()[0].body["data"]["documents"], links);
    assert_eq!(app.get("/api/v1/admin/calls/1").await.expect(200).body["documents"], links);
    assert!(!app.data_dir.path().join("documents").exists(), "nothing is kept on this machine");

    let accepted = accept_at(&app, "2", "2031-05-06T09:30:00Z").await;
    end_of(&app, &accepted).await;
    assert_one_of_each(&drive);
    assert_eq!((only(&drive, SUMMARY).id, only(&drive, LOG).id), (summary.id, log.id), "replaced in place");
    assert!(content(&drive, SUMMARY).contains("call 2 ·"));
    assert_eq!(logged(&drive), ["2", "1"], "newest first");
    assert_eq!(app.get("/api/v1/admin/calls/2").await.expect(200).body["documents"], links, "the same links");
}

#[tokio::test]
async fn an_older_call_enters_the_log_in_its_place_and_leaves_the_newer_summary() {
    let (drive, app) = started().await;
    for (id, at) in [("3", "2031-05-06T09:30:00Z"), ("1", "2031-05-04T09:30:00Z"), ("2", "2031-05-05T09:30:00Z")] {
        let accepted = accept_at(&app, id, at).await;
        end_of(&app, &accepted).await;
        assert!(content(&drive, SUMMARY).contains("call 3 ·"), "after {id}");
    }
    assert_eq!(logged(&drive), ["3", "2", "1"]);
}

#[tokio::test]
async fn a_repeated_stage_changes_nothing() {
    let (drive, app) = started().await;
    for (id, at) in [("1", "2031-05-05T09:30:00Z"), ("2", "2031-05-06T09:30:00Z")] {
        let accepted = accept_at(&app, id, at).await;
        end_of(&app, &accepted).await;
    }
    let asked = drive.server.asked().len();
    let before: Vec<_> = drive.files().into_iter().map(|file| (file.id, file.content)).collect();
    // The stage's end was not recorded after it had written: the job comes back.
    for _ in 0..3 {
        app.repeat_document("1").await;
    }
    let after: Vec<_> = drive.files().into_iter().map(|file| (file.id, file.content)).collect();
    assert_eq!(before, after);
    assert_eq!(drive.server.asked().len(), asked, "what was written already is not even written again");
}

#[tokio::test]
async fn two_accounts_have_a_folder_each_and_one_without_a_name_too() {
    let (drive, app) = started().await;
    let renamed = |id: &str, name: &str| {
        let mut body = callback(id);
        body["callData"]["context"][0]["objects"][0]["fields"] = json!([{"name": "Name", "value": name}]);
        body
    };
    let mut nobody = callback("3");
    nobody["callData"]["context"] = json!([]);
    nobody["callData"]["metaData"]["title"] = "Weekly".into();
    nobody["callData"]["parties"][1]["emailAddress"] = "x@gmail.com".into();
    for body in [renamed("1", "Ana's \\ 'calls'"), renamed("2", "../../etc"), nobody] {
        app.import_transcript(body["callData"]["metaData"]["id"].as_str().unwrap()).await;
        let accepted = app.post_signed(&body).await.expect(202).body;
        let run = end_of(&app, &accepted).await;
        assert_eq!(run["state"], "done", "{run}");
    }
    for name in ["Ana's \\ 'calls'", "../../etc", "No account"] {
        assert_eq!(only(&drive, name).parent, Some(drive.root_id()), "a name is a name, and no path");
    }
    assert_eq!(drive.files().len(), 9);
}

#[tokio::test]
async fn what_was_said_is_text_and_no_markup() {
    let (drive, app) = started().await;
    let mut said = transcript("1");
    let words = "I will send you the <script>alert(1)</script> report & the \"quote\" on Friday <img src=x onerror=y>.";
    said["callTranscripts"][0]["transcript"][2]["sentences"][0]["text"] = words.into();
    app.import(&said).await;
    let mut body = callback("1");
    body["callData"]["metaData"]["title"] = "Renewal <b>now</b> & <a href='http://evil.example'>here</a>".into();
    body["callData"]["metaData"]["url"] = "https://gong.example/call?id=1&x=\"><script>".into();
    body["callData"]["context"][0]["objects"][0]["fields"][0]["value"] = "Halden <i>Freight</i>".into();
    let accepted = app.post_signed(&body).await.expect(202).body;
    end_of(&app, &accepted).await;
    for name in [SUMMARY, LOG] {
        let html = content(&drive, name);
        assert!(html.contains("Halden &lt;i&gt;Freight") && html.contains("Renewal &lt;b&gt;now"), "{name}: {html}");
        assert!(html.contains("&lt;script&gt;alert(1)"), "what was said is shown: {name}: {html}");
        for markup in ["<script", "<img", "<i>", "<b>now", "href='http", "\"><script"] {
            assert!(!html.contains(markup), "{markup} in {name}: {html}");
        }
    }
    assert_eq!(only(&drive, "Halden <i>Freight</i>").parent, Some(drive.root_id()), "a name is no markup");
}

#[tokio::test]
async fn my_drive_takes_documents_of_a_user_who_is_acted_for() {
    let (drive, app) = configured(Layout::MyDrive).await;
    let app = app.with("GOOGLE_IMPERSONATE", USER).start().await;
    let accepted = accept(&app, "1").await;
    assert_eq!(end_of(&app, &accepted).await["state"], "done");
    assert_one_of_each(&drive);
}

#[tokio::test]
async fn a_key_may_also_be_in_a_file() {
    let (drive, app) = configured(Layout::SharedDrive).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.json");
    std::fs::write(&path, drive.key_json()).unwrap();
    let app = app.with("GOOGLE_CREDS_JSON", "").with("GOOGLE_APPLICATION_CREDENTIALS", path.display().to_string());
    let app = app.start().await;
    let accepted = accept(&app, "1").await;
    assert_eq!(end_of(&app, &accepted).await["state"], "done");
    assert_one_of_each(&drive);
}
