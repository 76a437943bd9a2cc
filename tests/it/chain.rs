//! The whole chain, Gong API → model → Drive → Slack, mail and webhook, with a fault at every seam: each request to each
//! system fails once before it works. What comes out is one of everything.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Fault, Receiver, SmtpServer, TestApp, callback,
    drive::{DriveStandIn, Layout},
    gong_api::GongApiStandIn,
    openai::OpenAiStandIn,
    transcript,
};

struct World {
    gong: GongApiStandIn,
    model: OpenAiStandIn,
    drive: DriveStandIn,
    smtp: SmtpServer,
    slack: Receiver,
    webhook: Receiver,
}

impl World {
    /// Everything fails once, like this.
    async fn failing_once(fault: &Fault) -> Self {
        let world = Self {
            gong: GongApiStandIn::start().await,
            model: OpenAiStandIn::start().await,
            drive: DriveStandIn::start(Layout::SharedDrive).await,
            smtp: SmtpServer::refusing(&["451 4.3.0 busy"]).await,
            slack: Receiver::answering([500]).await,
            webhook: Receiver::answering([503]).await,
        };
        let said = transcript("1")["callTranscripts"][0]["transcript"].clone();
        world.gong.add_call(callback("1")["callData"].clone(), Some(said));
        for server in [&world.gong.server, &world.model.server, &world.drive.server] {
            server.fail_each_once(fault.clone());
        }
        world
    }

    async fn app(&self) -> TestApp {
        TestApp::with("GONG_API_URL", self.gong.url())
            .with("GONG_ACCESS_KEY", self.gong.key())
            .with("GONG_ACCESS_KEY_SECRET", self.gong.secret())
            .with("OPENAI_BASE_URL", self.model.base_url())
            .with("OPENAI_API_KEY", self.model.key())
            .with("OPENAI_MODEL", self.model.model())
            .with("GOOGLE_CREDS_JSON", self.drive.key_json())
            .with("GOOGLE_DRIVE_FOLDER_ID", self.drive.root_id())
            .with("GOOGLE_API_URL", &self.drive.server.url)
            .with("SMTP_HOST", "127.0.0.1")
            .with("SMTP_PORT", self.smtp.port.to_string())
            .with("SMTP_TLS", "none")
            .with("FROM_EMAIL", "calls@brindlemoor.example")
            .start()
            .await
    }
}

#[tokio::test]
async fn with_every_request_failing_once_there_is_one_of_everything() {
    for fault in [Fault::status(500, "{}"), Fault::AnswerLost, Fault::Broken] {
        let world = World::failing_once(&fault).await;
        let app = world.app().await;
        let filters = json!({"events": ["call.summarised"]});
        for (kind, target) in [
            ("slack", world.slack.url()),
            ("email", "ops@brindlemoor.example".to_owned()),
            ("webhook", world.webhook.url()),
        ] {
            app.add_endpoint(json!({"kind": kind, "target": target, "filters": filters})).await;
        }
        let accepted = app.post_signed(&callback("1")).await.expect(202).body;
        let call = until_delivered(&app, &accepted, &fault).await;

        assert_eq!(call["summary"]["provider"], "openai", "{fault:?}: {call}");
        let files = world.drive.files();
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["Halden Freight", "Call Summary", "Summary Log"], "{fault:?}");
        assert!(files.iter().all(|file| !file.trashed), "{fault:?}: {names:?}");
        assert_eq!(files[2].content.as_deref().unwrap_or_default().matches("<h2>").count(), 1, "{fault:?}: one entry");
        let log = app.log().await;
        let statuses: Vec<&str> = log
            .iter()
            .filter(|item| item["event_type"] == "call.summarised")
            .map(|item| item["status"].as_str().unwrap())
            .collect();
        assert_eq!(statuses, ["sent", "sent", "sent"], "{fault:?}: {log:?}");
        assert_eq!((world.slack.received().len(), world.smtp.mails().len()), (2, 1), "{fault:?}");
        let ids: Vec<_> =
            world.webhook.received().iter().map(|received| received.header("webhook-id").to_owned()).collect();
        assert_eq!((ids.len(), &ids[0]), (2, &ids[1]), "{fault:?}: a repeat carries the same id");
        let documents = world.webhook.received()[1].body["data"]["documents"].clone();
        assert!(documents["summary_url"].as_str().unwrap().contains(&files[1].id), "{fault:?}: {documents}");
    }
}

/// Lets time pass until nothing is left to do.
async fn until_delivered(app: &TestApp, accepted: &Value, fault: &Fault) -> Value {
    for _ in 0..40 {
        app.run_due().await;
        app.clock.advance(Duration::from_mins(6));
        let run = app.run_of(accepted).await;
        assert!(matches!(run["state"].as_str(), Some("active" | "done")), "{fault:?}: {run}");
        let waiting =
            app.log().await.iter().any(|item| matches!(item["status"].as_str(), Some("pending" | "retrying")));
        if run["state"] == "done" && !waiting {
            return app.get("/api/v1/admin/calls/1").await.expect(200).body;
        }
    }
    panic!("{fault:?}: not done: {}", app.run_of(accepted).await);
}
