//! Open pages hear that something happened, from the real binary.

use std::time::Duration;

use serde_json::json;

use crate::support::{Database, Server, TOKEN, serve_vars};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

async fn serve(database: &Database, data_dir: &std::path::Path) -> Server {
    let mut vars = serve_vars(database);
    // Longer than the test waits: an open page must not be waited for.
    vars.insert("SHUTDOWN_TIMEOUT", "120".to_owned());
    Server::start(&["serve"], &vars, data_dir).await
}

/// Signs in and opens the stream of changes.
async fn watch(server: &Server) -> reqwest::Response {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let cookie = |answer: &reqwest::Response| {
        let set = answer.headers()["set-cookie"].to_str().unwrap();
        set.split(';').next().unwrap().to_owned()
    };
    let visit = cookie(&client.get(server.url("/panel/sign-in")).send().await.unwrap());
    let csrf = visit.split('=').nth(1).unwrap();
    let form = format!("csrf={csrf}&token={TOKEN}");
    let post = client.post(server.url("/panel/sign-in")).header("cookie", &visit);
    let session =
        cookie(&post.header("content-type", "application/x-www-form-urlencoded").body(form).send().await.unwrap());
    let stream = client.get(server.url("/panel/live")).header("cookie", session).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    stream
}

#[tokio::test]
async fn what_happens_reaches_an_open_page_and_an_open_page_does_not_hold_up_the_end() {
    let (database, data_dir) = (Database::create().await, tempfile::tempdir().unwrap());
    let mut server = serve(&database, data_dir.path()).await;
    let mut stream = watch(&server).await;
    let endpoint = json!({"kind": "webhook", "target": "https://crm.example.com/", "filters": {"events": ["call.*"]}});
    server.api(reqwest::Method::POST, "/api/v1/admin/notify/endpoints", Some(endpoint)).await.expect("an answer");
    let heard = async {
        // The first look only learns how things stand; so something happens until it is heard of.
        loop {
            let raise = Some(json!({"type": "custom.x", "data": {}}));
            server.api(reqwest::Method::POST, "/api/v1/events", raise).await.expect("an answer");
            let chunk = tokio::time::timeout(Duration::from_secs(2), stream.chunk()).await;
            if let Ok(chunk) = chunk {
                let text = String::from_utf8(chunk.expect("it goes on").expect("it goes on").to_vec()).unwrap();
                if text.contains("event: changed") {
                    return;
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.expect("the page hears of it");

    let ended = tokio::task::spawn_blocking(move || server.terminate());
    let code = tokio::time::timeout(PATIENCE, ended).await.expect("the process ends").unwrap();
    assert_eq!(code, Some(0));
    let rest = tokio::time::timeout(PATIENCE, async { while let Ok(Some(_)) = stream.chunk().await {} }).await;
    assert!(rest.is_ok(), "the stream ends with the process");
}
