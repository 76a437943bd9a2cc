//! Rotation of `ENCRYPTION_KEYS`: a process that starts with the new key in front seals everything anew, after which the old
//! one can go; one that went too early is named, and nothing else is told.

use std::{collections::HashMap, path::Path, process::Command};

use aftercall::domain::{endpoint::EndpointSecrets, keyring::KeyRing, signature};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Database, Receiver, Server, TOKEN, callback, serve_vars};

const ENDPOINTS: &str = "/api/v1/admin/notify/endpoints";
const URL_KEY: &str = "a-key-of-their-own";

struct Installation {
    database: Database,
    dir: tempfile::TempDir,
    k1: String,
    k2: String,
}

impl Installation {
    async fn new() -> Self {
        let key = |id: &str| KeyRing::generate().replace("k1:", &format!("{id}:"));
        Self { database: Database::create().await, dir: tempfile::tempdir().unwrap(), k1: key("k1"), k2: key("k2") }
    }

    fn vars(&self, keys: &str) -> HashMap<&'static str, String> {
        let mut vars = serve_vars(&self.database);
        vars.insert("ENCRYPTION_KEYS", keys.to_owned());
        vars
    }

    async fn serve(&self, keys: &str) -> Server {
        Server::start(&["serve"], &self.vars(keys), self.dir.path()).await
    }

    /// Runs a command to its end.
    fn run(&self, keys: &str, args: &[&str]) -> (Option<i32>, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_aftercall"))
            .args(args)
            .env_clear()
            .env("DATA_DIR", Path::new(self.dir.path()))
            .env("PORT", "0")
            .env("BIND_ADDR", "127.0.0.1")
            .envs(self.vars(keys))
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// The ids of the keys that sealed what there is.
    async fn sealed_by(&self) -> Vec<String> {
        let sealed: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT sealed FROM endpoints WHERE deleted_at IS NULL UNION ALL SELECT sealed FROM sources WHERE sealed IS NOT NULL",
        )
        .fetch_all(&self.database.pool)
        .await
        .unwrap();
        sealed.iter().map(|sealed| String::from_utf8_lossy(&sealed[2..4]).into_owned()).collect()
    }
}

async fn created(server: &Server, path: &str, body: Value) -> Value {
    let created = server.api(Method::POST, path, Some(body)).await.unwrap();
    assert!(created["id"].is_string(), "{created}");
    created
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_one_start_with_the_new_key_in_front_the_old_one_can_go() {
    let place = Installation::new().await;
    let receiver = Receiver::start().await;
    let mut server = place.serve(&place.k1).await;
    let headers = json!({"X-Team": "secret-team"});
    let filters = json!({"events": ["custom.*"]});
    let body = json!({"kind": "webhook", "target": receiver.url(), "headers": headers, "filters": filters});
    let endpoint = created(&server, ENDPOINTS, body).await;
    let path = format!("{ENDPOINTS}/{}", endpoint["id"].as_str().unwrap());
    let rotated = server.api(Method::POST, &format!("{path}/rotate-secret"), None).await.unwrap();
    let secrets = [rotated["secret"].as_str().unwrap(), endpoint["secret"].as_str().unwrap()];
    created(&server, ENDPOINTS, json!({"kind": "email", "target": "team@halden.example"})).await;
    let source = json!({"kind": "gong", "name": "theirs", "url_key": URL_KEY, "secret": "an-hmac-secret-of-theirs"});
    let source = created(&server, "/api/v1/admin/sources", source).await;
    assert_eq!(server.terminate(), Some(0));
    assert_eq!(place.sealed_by().await, ["k1"; 3]);

    let mut server = place.serve(&format!("{},{}", place.k2, place.k1)).await;
    assert_eq!(place.sealed_by().await, ["k2"; 3], "sealed anew before it takes requests");
    assert_eq!(server.terminate(), Some(0));

    let ring = KeyRing::parse(&place.k2).unwrap();
    let sealed: Vec<(Uuid, Vec<u8>)> =
        sqlx::query_as("SELECT id, sealed FROM endpoints").fetch_all(&place.database.pool).await.unwrap();
    let opened = |(id, sealed): &(Uuid, Vec<u8>)| -> EndpointSecrets {
        let plain = ring.open(&format!("endpoints/ep_{}", id.simple()), sealed).unwrap();
        serde_json::from_slice(&plain).unwrap()
    };
    let webhook = sealed.iter().map(opened).find(|opened| opened.target == receiver.url()).unwrap();
    assert_eq!((webhook.secret.as_deref(), webhook.headers["X-Team"].as_str()), (Some(secrets[0]), "secret-team"));
    assert_eq!(webhook.previous.unwrap().secret, secrets[1]);

    let mut server = place.serve(&place.k2).await;
    let test = format!("/api/v1/admin/notify/test/{}", endpoint["id"].as_str().unwrap());
    assert_eq!(server.api(Method::POST, &test, None).await.unwrap()["status"], "sent");
    let received = receiver.received().remove(0);
    let at = received.header("webhook-timestamp").parse().unwrap();
    let sign = |secret: &str| signature::standard(secret, received.header("webhook-id"), at, &received.raw);
    assert_eq!(received.header("webhook-signature"), format!("{} {}", sign(secrets[0]), sign(secrets[1])));
    assert_eq!(received.header("x-team"), "secret-team");
    let way_in = format!("/webhooks/gong/{}?key={URL_KEY}", source["id"].as_str().unwrap());
    let accepted = server.api(Method::POST, &way_in, Some(callback("1"))).await.unwrap();
    assert!(accepted["run_id"].is_string(), "{accepted}");
    assert_eq!(server.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_went_too_early_is_named_with_what_it_sealed_and_no_secret_is_told() {
    let place = Installation::new().await;
    let mut server = place.serve(&place.k1).await;
    let body = json!({"kind": "webhook", "name": "CRM", "target": "https://hooks.example.com/T0/credential"});
    let endpoint = created(&server, ENDPOINTS, body).await;
    assert_eq!(server.terminate(), Some(0));
    let secrets = [endpoint["secret"].as_str().unwrap(), "credential", &place.k1[3..], &place.k2[3..], TOKEN];
    let id = endpoint["id"].as_str().unwrap();
    for args in [&["serve"][..], &["worker"], &["check"], &["check", "--json"]] {
        let (code, stdout, stderr) = place.run(&place.k2, args);
        assert_eq!(code, Some(1), "{args:?}: {stdout}{stderr}");
        let said = if args[0] == "check" { &stdout } else { &stderr };
        for word in ["ENCRYPTION_KEYS", id, "CRM", "k1"] {
            assert!(said.contains(word), "{args:?}: {word} is missing in {stdout}{stderr}");
        }
        for secret in secrets {
            assert!(!stdout.contains(secret) && !stderr.contains(secret), "{args:?}: {secret} in {stdout}{stderr}");
        }
    }
    let (_, stdout, _) = place.run(&place.k2, &["check", "--json"]);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let last = report["systems"].as_array().unwrap().last().unwrap();
    assert_eq!((&report["ok"], &last["system"]), (&json!(false), &json!("encryption-keys")));
    assert_eq!((&last["status"], &report["systems"][0]["status"]), (&json!("failed"), &json!("ok")));

    assert_eq!(place.run(&format!("{},{}", place.k2, place.k1), &["check"]).0, Some(0));
    assert_eq!(place.sealed_by().await, ["k1"], "to look is not to change");
}

#[tokio::test]
async fn an_endpoint_that_was_removed_needs_no_key() {
    let place = Installation::new().await;
    let mut server = place.serve(&place.k1).await;
    let endpoint =
        created(&server, ENDPOINTS, json!({"kind": "webhook", "target": "https://hooks.example.com/x"})).await;
    let path = format!("{ENDPOINTS}/{}", endpoint["id"].as_str().unwrap());
    server.api(Method::DELETE, &path, None).await;
    assert_eq!(server.terminate(), Some(0));
    assert_eq!(place.serve(&place.k2).await.terminate(), Some(0));
}
