//! A mail server: what it does, what we do, and which test shows it in the log of deliveries.
//!
//! | It | We | Test |
//! |---|---|---|
//! | wants STARTTLS, TLS from the first byte, or neither | speak it; nothing is said in the clear before | `server::every_protection_…` |
//! | shows a certificate nobody vouches for, for another host, or none at all | fail at once with what to do | `server::a_server_that_cannot_prove_…` |
//! | offers no STARTTLS, or no sign-in | fail at once: never without | `server::what_is_not_offered_…` |
//! | 535 | fail at once; the password is on no record | `server::a_bad_password_…` |
//! | 421, 4yz at any point | follow the schedule | `server::what_may_pass_…` |
//! | 5yz at any point | fail at once | `server::what_will_not_pass_…` |
//! | is not there, hangs up | follow the schedule | `server::what_may_pass_…`, `server::a_server_that_is_not_there_…` |
//! | loses the answer after DATA | send again under the same Message-ID | `server::a_mail_whose_answer_is_lost_…` |
//! | (nothing: whom we mail) | the account's CS and AM, once, if that is wanted | `accounts::*` |

mod accounts;
mod server;

use serde_json::Value;

use crate::support::{Certificate, Protection, SmtpServer, TestApp, TestAppBuilder};

pub(super) const LOGIN: (&str, &str) = ("calls@brindlemoor.example", "hunter2-and-a-half");

/// A mail server with this protection and sign-in, and an app that uses it and trusts it, not started yet.
async fn configured(protection: Protection) -> (SmtpServer, TestAppBuilder) {
    let certificate = Certificate::of_loopback();
    let server = SmtpServer::start(protection, Some(LOGIN), &certificate).await;
    let app = TestAppBuilder::default().with_all(mail_vars(&server, protection));
    (server, app.with("EXTRA_CA_FILE", certificate.pem()))
}

pub(super) fn mail_vars(server: &SmtpServer, protection: Protection) -> [(&'static str, String); 6] {
    let tls = match protection {
        Protection::None => "none",
        Protection::Starttls => "starttls",
        Protection::Implicit => "tls",
    };
    [
        ("SMTP_HOST", "127.0.0.1".to_owned()),
        ("SMTP_PORT", server.port.to_string()),
        ("SMTP_TLS", tls.to_owned()),
        ("SMTP_USER", LOGIN.0.to_owned()),
        ("SMTP_PASSWORD", LOGIN.1.to_owned()),
        ("FROM_EMAIL", "Calls <calls@brindlemoor.example>".to_owned()),
    ]
}

/// The deliveries of summaries with their attempts, oldest first.
async fn deliveries(app: &TestApp) -> Vec<Value> {
    let mut found = Vec::new();
    for entry in app.log().await {
        if entry["event_type"] == "call.summarised" && entry["endpoint_kind"] == "email" {
            let path = format!("/api/v1/admin/notify/logs/{}", entry["id"].as_str().unwrap());
            found.push(app.get(&path).await.expect(200).body);
        }
    }
    found
}

/// The only one.
#[track_caller]
fn only(mut deliveries: Vec<Value>) -> Value {
    assert_eq!(deliveries.len(), 1, "{deliveries:?}");
    deliveries.remove(0)
}
