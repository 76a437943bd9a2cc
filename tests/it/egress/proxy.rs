//! A proxy of the environment is not used: it would resolve names by itself, past every check.

use reqwest::Method;
use serde_json::json;

use super::OK;
use crate::support::{Certificate, Database, Server, Wire, answer, serve_vars};

#[tokio::test]
async fn the_environments_proxies_are_left_untouched() {
    let (database, dir, certificate) =
        (Database::create().await, tempfile::tempdir().unwrap(), Certificate::of_loopback());
    let proxy = Wire::start(|stream| answer(stream, OK)).await;
    let plain = Wire::start(|stream| answer(stream, OK)).await;
    let acceptor = certificate.acceptor();
    let protected = Wire::start(move |stream| {
        let acceptor = acceptor.clone();
        async move { answer(acceptor.accept(stream).await?, OK).await }
    })
    .await;
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, certificate.pem()).unwrap();
    let mut vars = serve_vars(&database);
    vars.insert("EXTRA_CA_FILE", ca.display().to_string());
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        vars.insert(name, format!("http://{}", proxy.address));
    }
    let server = Server::start(&["serve"], &vars, dir.path()).await;
    for target in [plain.url(), format!("https://{}/hook", protected.address)] {
        let body = json!({"kind": "webhook", "target": target});
        let made = server.api(Method::POST, "/api/v1/admin/notify/endpoints", Some(body)).await.unwrap();
        let path = format!("/api/v1/admin/notify/test/{}", made["id"].as_str().unwrap());
        let tried = server.api(Method::POST, &path, None).await.unwrap();
        assert_eq!(tried["status"], "sent", "{tried}");
    }
    assert_eq!((plain.accepted(), protected.accepted(), proxy.accepted()), (1, 1, 0));
}
