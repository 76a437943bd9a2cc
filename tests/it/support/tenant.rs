//! A tenant that has one of everything, with a word in all of it that is its own.

use serde_json::{Value, json};

use super::{Answer, Receiver, TOKEN, TestApp, Things, callback, request, transcript};

/// A call and an account number that every tenant of the tests has.
pub const SHARED_CALL: &str = "3140000000000000777";
pub const SHARED_ACCOUNT: &str = "SHARED-1";

/// A tenant with its tokens and its things.
pub struct Tenant {
    pub id: &'static str,
    /// Stands in all that it has.
    pub word: String,
    pub admin: String,
    pub viewer: String,
    pub producer: String,
    pub things: Things,
    /// Takes what goes to its endpoint.
    pub receiver: Receiver,
    pub url_key: String,
}

impl Tenant {
    /// Makes a tenant (`default` is there already) and gives it everything, at rest. The app retries deliveries once.
    pub async fn start(app: &TestApp, id: &'static str) -> Self {
        let word = format!("{id}word");
        if id != "default" {
            made(app, TOKEN, "tenants", json!({"id": id, "name": "A tenant"})).await;
        }
        let mut tokens = Vec::new();
        for role in ["admin", "viewer", "producer"] {
            let token = json!({"name": format!("{word} {role}"), "role": role, "tenant": id});
            tokens.push(text(&made(app, TOKEN, "tokens", token).await["token"]));
        }
        let [admin, viewer, producer]: [String; 3] = tokens.try_into().expect("three tokens");
        let other = made(app, &admin, "tokens", json!({"name": word, "role": "viewer"})).await;
        let url_key = format!("url-key-of-{word}");
        let source = json!({"kind": "gong", "name": word, "url_key": url_key});
        let source = made(app, &admin, "sources", source).await;
        made(app, &admin, "sources", json!({"kind": "gong", "name": word, "secret": format!("hmac-of-{word}")})).await;
        let (receiver, refusing) = (Receiver::start().await, Receiver::answering([500; 100]).await);
        for (to, events) in [(&refusing, json!(["custom.*"])), (&receiver, json!([]))] {
            let endpoint = json!({"kind": "webhook", "name": word, "target": format!("{}/{word}", to.url()),
                                  "filters": {"events": events}, "headers": {"X-Team": word}});
            made(app, &admin, "notify/endpoints", endpoint).await;
        }
        let account = format!("{}-1", id.to_uppercase());
        for number in [SHARED_ACCOUNT, &account] {
            let body =
                json!({"name": word, "domains": [format!("{word}.example")], "cs_email": format!("cs@{word}.example")});
            let path = format!("/api/v1/admin/accounts/{number}");
            app.send(request(&admin, "PUT", &path, Some(&body))).await.expect(200);
        }
        let mut tenant = Self {
            id,
            things: Things {
                tenant: id.to_owned(),
                token: text(&other["id"]),
                source: text(&source["id"]),
                account,
                job: "sweep".to_owned(),
                ..Things::of_nobody()
            },
            word,
            admin,
            viewer,
            producer,
            receiver,
            url_key,
        };
        tenant.live(app).await;
        tenant
    }

    /// Takes calls in, has one of their runs and one delivery fail, and comes to rest.
    async fn live(&mut self, app: &TestApp) {
        let calls = [1, 2].map(|number| format!("31400000000{:05}{number:03}", u32::from(self.id.as_bytes()[0])));
        for call in [&calls[0], &calls[1], SHARED_CALL] {
            self.call_in(app, call).await.expect(202);
        }
        app.run_due().await;
        let event = json!({"type": format!("custom.{}", self.word), "intent": self.word, "subject": self.word,
                           "data": {"text": self.word}, "id": "shared-event"});
        app.send(request(&self.producer, "POST", "/api/v1/events", Some(&event))).await.expect(202);
        for _ in 0..2 {
            app.run_due().await;
            app.clock.advance(std::time::Duration::from_secs(5));
        }
        let failed = "UPDATE runs SET state = 'failed', reason = 'for the test' WHERE tenant_id = $1 AND call_id = $2";
        sqlx::query(failed).bind(self.id).bind(&calls[1]).execute(&app.app.pool).await.expect("a run fails");
        [self.things.call, _] = calls;
        self.things.run = self.first(app, "runs?state=failed").await;
        self.things.delivery = self.first(app, "notify/logs?status=failed").await;
        self.things.endpoint = self.first(app, "notify/endpoints").await;
    }

    /// Takes a call in by the tenant's own connection.
    pub async fn call_in(&self, app: &TestApp, call: &str) -> Answer {
        let told =
            callback(call).to_string().replace("Halden Freight", &self.word).replace("HF-1", &self.things.account);
        let words = transcript(call).to_string().replace("renewal", &self.word);
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("import.json");
        std::fs::write(&path, words).expect("a file");
        let imported = aftercall::intake::import::import(&app.app.pool, self.id, &[path], app.clock.now()).await;
        assert_eq!(imported.expect("the import commits").problems, []);
        app.post_to(&format!("/webhooks/gong/{}?key={}", self.things.source, self.url_key), &[], told).await
    }

    async fn first(&self, app: &TestApp, list: &str) -> String {
        let path = format!("/api/v1/admin/{list}");
        let list = app.send(request(&self.admin, "GET", &path, None)).await.expect(200).body;
        text(&list["items"][0]["id"])
    }
}

async fn made(app: &TestApp, token: &str, what: &str, body: Value) -> Value {
    let path = format!("/api/v1/admin/{what}");
    app.send(request(token, "POST", &path, Some(&body))).await.expect(201).body
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}
