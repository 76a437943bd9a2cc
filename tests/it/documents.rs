//! Documents on disk: replaced whole, each call once, however often a stage is repeated.

use crate::support::{TestApp, callback};

#[tokio::test]
async fn the_summary_is_replaced_and_the_log_holds_each_call_once_however_often_the_stage_runs() {
    let app = TestApp::start().await;
    for id in ["1", "2"] {
        app.process(id).await;
    }
    // The stage's answer was lost after it had written: the job comes back.
    for _ in 0..3 {
        app.repeat_document("1").await;
    }
    let folder = app.data_dir.path().join("documents/Halden Freight");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let log = read("Summary Log.md");
    assert_eq!(log.matches("<!-- aftercall:call ").count(), 2, "{log}");
    assert!(read("Call Summary.md").contains("# Call Summary: Halden Freight"));
    let mut names: Vec<String> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, [".lock", "Call Summary.md", "Summary Log.md"], "no draft is left");
    let call = app.get("/api/v1/admin/calls/1").await.expect(200).body;
    let url = call["documents"]["summary_url"].as_str().unwrap();
    assert!(url.starts_with("file:///") && url.ends_with("/Halden%20Freight/Call%20Summary.md"), "{url}");
}

#[tokio::test]
async fn an_account_whose_name_is_a_path_stays_in_its_folder() {
    let app = TestApp::start().await;
    app.import_transcript("1").await;
    let mut body = callback("1");
    body["callData"]["context"][0]["objects"][0]["fields"][0]["value"] = "../../etc/passwd".into();
    app.post_signed(&body).await.expect(202);
    app.run_due().await;
    let folders: Vec<_> = std::fs::read_dir(app.data_dir.path().join("documents")).unwrap().collect();
    assert_eq!(folders.len(), 1);
    assert!(!app.data_dir.path().join("etc").exists());
}
