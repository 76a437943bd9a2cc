//! Failed runs on their page: told in words, and retried.

use super::visitor::Visitor;
use crate::support::TestApp;

/// Has the run of a call fail.
async fn fail(app: &TestApp, call: &str, stage: &str, reason: &str) -> String {
    let accepted = app.process(call).await;
    let failed = sqlx::query("UPDATE runs SET state = 'failed', stage = $2, reason = $3 WHERE call_id = $1");
    failed.bind(call).bind(stage).bind(reason).execute(&app.app.pool).await.unwrap();
    accepted["run_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn without_failed_runs_the_page_says_what_it_is_for() {
    let app = TestApp::start().await;
    app.process("1").await;
    let visitor = Visitor::admin(&app).await;
    let page = visitor.get("/panel/runs").await.expect(200).text;
    assert!(page.contains("No run has failed"), "{page}");
    assert!(visitor.get("/panel/runs?state=done").await.text.contains("Halden Freight: renewal"));
    assert!(visitor.get("/panel/runs?state=odd").await.expect(200).text.contains("id=\"state-fault\""));
}

#[tokio::test]
async fn a_failed_run_says_what_happened_and_is_retried_by_its_button() {
    let app = TestApp::start().await;
    let run = fail(&app, "1", "document", "google-drive (create folder): 403 forbidden: no").await;
    let visitor = Visitor::admin(&app).await;
    let page = visitor.get("/panel/runs").await.expect(200).text;
    for shown in ["Halden Freight: renewal", "Google Drive does not allow this.", "403 forbidden", "Document"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let action = format!("/panel/runs/{run}/retry");
    let back = visitor.submit("/panel/runs", &action, &[]).await.expect(303);
    assert_eq!(back.headers["location"], "/panel/runs");
    app.run_due().await;
    assert_eq!(app.get(&format!("/api/v1/admin/runs/{run}")).await.body["state"], "done");
    let audit = app.get("/api/v1/admin/audit").await.body;
    assert_eq!(audit["items"][0]["action"], "run.retry");
    let page = visitor.get("/panel/runs").await.text;
    assert!(page.contains("under way again") && page.contains("No run has failed"), "{page}");
}

#[tokio::test]
async fn a_run_is_shown_on_the_page_of_its_call_and_retried_there_too() {
    let app = TestApp::start().await;
    let run = fail(&app, "1", "summarise", "not done within 120s").await;
    let visitor = Visitor::admin(&app).await;
    let place = format!("/panel/calls/1#{run}");
    assert_eq!(visitor.get(&format!("/panel/runs/{run}")).await.expect(303).headers["location"], place.as_str());
    visitor.get("/panel/runs/run_00000000000000000000000000000000").await.expect(404);
    let page = visitor.get("/panel/calls/1").await.text;
    assert!(page.contains("The stage took too long.") && page.contains(&format!("id=\"{run}\"")), "{page}");
    let action = format!("/panel/runs/{run}/retry");
    let back = visitor.submit("/panel/calls/1", &action, &[]).await.expect(303);
    assert_eq!(back.headers["location"], place.as_str());
    app.run_due().await;
    assert_eq!(app.get(&format!("/api/v1/admin/runs/{run}")).await.body["state"], "done");
    assert!(!visitor.get("/panel/calls/1").await.text.contains(&action));
}

#[tokio::test]
async fn a_run_that_a_later_one_has_replaced_is_history() {
    let app = TestApp::start().await;
    let run = fail(&app, "1", "fetch", "gone").await;
    app.api("POST", "/api/v1/admin/calls/1/reprocess", None).await.expect(202);
    app.run_due().await;
    let page = Visitor::admin(&app).await.get("/panel/runs").await.expect(200).text;
    assert!(page.contains("A later run") && !page.contains(&format!("/panel/runs/{run}/retry")), "{page}");
}
