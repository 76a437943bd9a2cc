//! Files that `import` and `IMPORT_DIR` take.

use std::path::{Path, PathBuf};

use aftercall::intake::import::{Imported, import};
use serde_json::json;

use crate::support::{TestApp, callback, transcript};

async fn take(app: &TestApp, path: &Path) -> Imported {
    import(&app.app.pool, "default", &[path.to_owned()], app.clock.now()).await.unwrap()
}

#[tokio::test]
async fn every_shape_of_gongs_api_is_taken_and_a_bad_file_stops_nothing() {
    let app = TestApp::start().await;
    let dir = tempfile::tempdir().unwrap();
    let call = |id: &str| json!({"metaData": {"id": id, "title": "T"}, "parties": []});
    let monologue = json!([{"speakerId": "1", "sentences": [{"start": 0, "end": 1, "text": "Hello there."}]}]);
    let write = |name: &str, text: String| std::fs::write(dir.path().join(name), text).unwrap();
    write("a-element.json", call("1").to_string());
    write("b-response.json", json!({"requestId": "q", "records": {}, "calls": [call("2"), call("3")]}).to_string());
    write("c-transcripts.json", json!({"callTranscripts": [{"callId": "2", "transcript": monologue}]}).to_string());
    write("d-callback.json", callback("4").to_string());
    write("e-array.json", json!([call("5"), {"callId": "6", "transcript": monologue}]).to_string());
    write("f-lines.jsonl", format!("{}\n\n{{broken\n{}\n", call("7"), json!({"callId": "7", "transcript": monologue})));
    write("g-broken.json", "{\"calls\": [".to_owned());
    write("h-odd.json", json!({"calls": [call("8"), {"title": "no id"}]}).to_string());
    std::fs::write(dir.path().join("i-binary.json"), [0xff, 0xfe, 0x00]).unwrap();
    write("notes.txt", "not looked at".to_owned());

    let imported = take(&app, dir.path()).await;
    let calls: Vec<&str> = imported.calls.keys().map(String::as_str).collect();
    assert_eq!(calls, ["1", "2", "3", "4", "5", "6", "7", "8"]);
    assert_eq!(imported.transcripts, 3);
    let problems: Vec<String> = imported
        .problems
        .iter()
        .map(|problem| format!("{}: {}", problem.path.file_name().unwrap().display(), problem.text))
        .collect();
    assert_eq!(problems.len(), 4, "{problems:#?}");
    assert!(problems[0].starts_with("f-lines.jsonl: line 3: not JSON"), "{problems:#?}");
    assert!(problems[1].starts_with("g-broken.json: not JSON"), "{problems:#?}");
    assert!(problems[2].starts_with("h-odd.json: /1: neither a call"), "{problems:#?}");
    assert!(problems[3].starts_with("i-binary.json: "), "{problems:#?}");

    assert_eq!(take(&app, dir.path()).await.calls.len(), 8);
    assert_eq!((app.count("calls").await, app.count("transcripts").await), (8, 3), "again changes nothing");
    let missing = take(&app, &PathBuf::from("/nowhere/x.json")).await;
    assert_eq!(missing.problems.len(), 1);
}

#[tokio::test]
async fn a_missing_transcript_is_looked_for_in_the_import_dir() {
    let dir = tempfile::tempdir().unwrap();
    let app = TestApp::with("IMPORT_DIR", dir.path().display().to_string()).start().await;
    let accepted = app.post_signed(&callback("1")).await.expect(202).body;
    app.run_due().await;
    assert_eq!(app.run_of(&accepted).await["state"], "active");
    std::fs::write(dir.path().join("one.json"), transcript("1").to_string()).unwrap();
    app.clock.advance(std::time::Duration::from_secs(40));
    app.run_due().await;
    assert_eq!(app.run_of(&accepted).await["state"], "done");
}
