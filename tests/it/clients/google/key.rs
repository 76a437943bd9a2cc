//! Key files.

use aftercall::config::ServiceAccountKey;
use serde_json::{Value, json};

use crate::support::drive::{CLIENT_EMAIL, DriveStandIn, Layout};

async fn key_file() -> Value {
    let google = DriveStandIn::start(Layout::SharedDrive).await;
    serde_json::from_str(&google.key_json()).unwrap()
}

#[tokio::test]
async fn a_key_file_is_read_and_its_debug_form_shows_no_key() {
    let file = key_file().await;
    let key = ServiceAccountKey::parse(&file.to_string()).unwrap();
    assert_eq!(key.client_email(), CLIENT_EMAIL);
    let shown = format!("{key:?}");
    assert!(shown.contains(CLIENT_EMAIL) && !shown.contains("PRIVATE"), "{shown}");
    assert!(!shown.contains(file["private_key_id"].as_str().unwrap()), "{shown}");
}

#[tokio::test]
async fn line_breaks_pasted_as_text_are_understood_and_optional_members_may_miss() {
    let mut file = key_file().await;
    file["private_key"] = file["private_key"].as_str().unwrap().replace('\n', "\\n").into();
    for optional in ["type", "private_key_id"] {
        file.as_object_mut().unwrap().remove(optional);
    }
    ServiceAccountKey::parse(&file.to_string()).unwrap();
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_named_and_no_value_shown() {
    let good = key_file().await;
    let torn = good["private_key"].as_str().unwrap().replace("MII", "AII");
    let cases = [
        ("client_email", Value::Null, "client_email is missing"),
        ("private_key", json!(""), "private_key is missing"),
        ("token_uri", json!(17), "token_uri is missing"),
        ("client_email", json!("sesame"), "client_email is not an e-mail address"),
        ("private_key", json!("sesame"), "private_key is not an RSA private key in PEM"),
        ("private_key", json!(torn), "private_key is not an RSA private key in PEM"),
        ("token_uri", json!("sesame"), "token_uri is not an absolute URL"),
        ("token_uri", json!("http://tokens.example/sesame"), "token_uri is not an https: URL"),
        ("token_uri", json!("http://localhost.example/sesame"), "token_uri is not an https: URL"),
        ("token_uri", json!("ftp://127.0.0.1/sesame"), "token_uri is not an https: URL"),
        ("type", json!("authorized_user"), "type is not service_account: the key of a service account is needed"),
    ];
    for (field, value, says) in cases {
        let mut file = good.clone();
        file[field] = value;
        assert_eq!(ServiceAccountKey::parse(&file.to_string()).unwrap_err(), says);
    }
    assert_eq!(ServiceAccountKey::parse("sesame").unwrap_err(), "not JSON");
    assert_eq!(ServiceAccountKey::parse("[]").unwrap_err(), "not a JSON object");
}

#[tokio::test]
async fn a_key_that_only_looks_like_one_is_found_at_once() {
    let mut file = key_file().await;
    // The frame of a PKCS#1 key around numbers that are no key.
    let numbers = "MBsCAQACAQMCAQMCAQMCAQMCAQMCAQMCAQMCAQM=";
    file["private_key"] = format!("-----BEGIN RSA PRIVATE KEY-----\n{numbers}\n-----END RSA PRIVATE KEY-----\n").into();
    let refused = ServiceAccountKey::parse(&file.to_string()).unwrap_err();
    assert_eq!(refused, "private_key is not an RSA private key in PEM");
}

#[tokio::test]
async fn tokens_come_from_https_or_from_this_machine() {
    let mut file = key_file().await;
    for url in [
        "https://oauth2.googleapis.com/token",
        "http://127.0.0.1:9/token",
        "http://[::1]/token",
        "http://localhost/token",
    ] {
        file["token_uri"] = url.into();
        ServiceAccountKey::parse(&file.to_string()).unwrap();
    }
}
