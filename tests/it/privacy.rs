//! No e-mail address and no phone number gets into anything that goes out, into an answer of the API or into a log line,
//! wherever somebody has written it: contacts are planted in every field that comes in, and looked for in all that goes out.

use std::{fmt::Write, path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Database, Gong, Receiver, Server, TestApp, callback, serve_vars, transcript};

/// A contact as people write it or say it.
fn contact() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z]{3,8}([._][a-z]{2,6})?(\\+[a-z0-9]{1,5})?@[a-z]{4,9}\\.(example|co\\.uk|com)",
        1 => "[A-Z]{3,8}@[A-Z]{4,9}\\.EXAMPLE",
        1 => "\"[a-z]{3,6} [a-z]{2,5}\"@[a-z]{4,9}\\.example",
        2 => "\\+[1-9][0-9] [0-9]{3} [0-9]{3} [0-9]{4}",
        1 => "\\+[1-9][0-9]{10,12}",
        1 => "00[1-9][0-9] [0-9]{3} [0-9]{3}-[0-9]{4}",
        1 => "\\([2-9][0-9]{2}\\) [0-9]{3}-[0-9]{4}",
        1 => "\\+34[.-]6[0-9]{2}[.-][0-9]{3}[.-][0-9]{3}",
        1 => "[2-9][0-9]{9,11}",
        1 => "[a-z]{4,7} at [a-z]{4,8} dot com",
        1 => "((two|three|four|five|six|seven|eight|nine) ){8}one",
    ]
}

/// One that stays as it is in a URL and in an id.
fn bare_contact() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{3,8}\\.[a-z]{2,6}@[a-z]{4,9}\\.example", "\\+[1-9][0-9]{10,12}"]
}

/// Contacts for all fields of a call, or of an event.
#[derive(Debug, Clone)]
struct Planted {
    contacts: Vec<String>,
    bare: Vec<String>,
}

impl Planted {
    fn any() -> impl Strategy<Value = Self> {
        (prop::collection::vec(contact(), 14), prop::collection::vec(bare_contact(), 4))
            .prop_map(|(contacts, bare)| Self { contacts, bare })
    }

    fn callback(&self, id: &str) -> Value {
        let [c, b] = [&self.contacts, &self.bare];
        let mut body = callback(id);
        let call = &mut body["callData"];
        call["metaData"]["title"] = format!("Renewal with {}", c[0]).into();
        call["metaData"]["url"] = match id.len() % 3 {
            0 => format!("https://zz-1.app.gong.example/call?id={id}&to={}", b[0]),
            1 => format!("https://zz-1.app.gong.example/{}/call", b[0]),
            _ => format!("https://zz-1.app.gong.example/call?phone={}", b[0].replace('@', "%40").replace('+', "%2B")),
        }
        .into();
        call["metaData"]["purpose"] = c[1].as_str().into();
        call["metaData"]["language"] = c[2].as_str().into();
        call["context"][0]["objects"][0]["fields"] = json!([
            {"name": "Name", "value": format!("Halden {}", c[3])}, {"name": "AccountNumber", "value": b[1]},
            {"name": "Phone", "value": c[4]},
        ]);
        call["parties"][0]["name"] = c[5].as_str().into();
        call["parties"][1]["name"] = format!("Ingrid {}", c[6]).into();
        call["parties"][1]["emailAddress"] = b[2].as_str().into();
        call["parties"][1]["phoneNumber"] = c[7].as_str().into();
        call["content"] = json!({"trackers": [{"name": c[8]}], "notes": c[9]});
        body["note"] = c[10].as_str().into();
        body
    }

    fn transcript(&self, id: &str) -> Value {
        let c = &self.contacts;
        let mut said = transcript(id);
        let turns = &mut said["callTranscripts"][0]["transcript"];
        let texts = [
            format!("I will send you the revised contract to {} by Friday.", c[11]),
            format!(
                "The export failed twice and cost us eleven thousand dollars, call me on {} about the renewal.",
                c[12]
            ),
            format!("We may leave at the end of June. On 2031-05-06 {} was our number.", c[13]),
            format!("Please write to {} and to {}, we decide on June third.", c[0], c[13]),
        ];
        for (turn, text) in texts.into_iter().enumerate() {
            turns[turn]["sentences"][0]["text"] = text.into();
        }
        turns[1]["speakerId"] = self.bare[3].as_str().into();
        said
    }

    fn event(&self) -> Value {
        let [c, b] = [&self.contacts, &self.bare];
        let mut data = json!({
            "note": format!("{} then {}", c[0], c[1]), "phone": c[2], "guest": {"email": b[0], "names": [c[3], [c[4]]]},
            "link": format!("https://crm.example/c?to={}", b[1]), "deep": {"deeper": [{"deepest": format!("a\n{}\nb", c[5])}]},
            "whatsappNumber": c[6], "reference": format!("2031-05-06 {}", c[7]), "id": format!("id {}", c[8]),
            "json": json!({"to": c[9]}).to_string(),
        });
        data[c[10].as_str()] = "as a key".into();
        json!({"type": "custom.lead", "data": data, "id": format!("{}-{}", b[2], b[3])})
    }

    /// What must be found nowhere: each contact, and the end of a long one.
    fn needles(&self) -> Vec<String> {
        let mut needles = Vec::new();
        for contact in self.contacts.iter().chain(&self.bare) {
            needles.push(contact.clone());
            needles.push(contact.replace('"', "\\\""));
            if let Some((_, domain)) = contact.split_once('@') {
                needles.push(format!("@{domain}"));
            } else if let Some((cut, _)) = contact.rmatch_indices([' ', '-', '.']).nth(1) {
                needles.push(contact[cut + 1..].to_owned());
            }
        }
        needles.extend(self.bare.iter().map(|bare| bare.replace('@', "%40").replace('+', "%2B")));
        needles
    }
}

#[track_caller]
fn assert_clean(needles: &[String], place: &str, text: &str) {
    for needle in needles {
        assert!(!text.contains(needle), "{needle:?} stands in {place}:\n{text}");
    }
}

/// A mail as its reader sees it, without the line that says to whom it goes.
fn read_mail(path: &Path) -> String {
    let mail = std::fs::read_to_string(path).unwrap();
    let mut seen = String::new();
    for part in mail.replace("\r\n", "\n").split("\n--") {
        let (head, body) = part.split_once("\n\n").unwrap_or((part, ""));
        let lines = head.lines().filter(|line| !line.starts_with("To: "));
        for line in lines {
            writeln!(seen, "{}", words_of(line)).unwrap();
        }
        if head.contains("Content-Transfer-Encoding: base64") {
            let bytes = STANDARD.decode(body.split_whitespace().collect::<String>()).unwrap();
            seen.push_str(&String::from_utf8_lossy(&bytes));
        } else if head.contains("Content-Transfer-Encoding: quoted-printable") {
            seen.push_str(&unquoted(&body.replace("=\n", "")));
        } else {
            seen.push_str(body);
        }
    }
    seen
}

/// A line of a head, encoded words decoded (RFC 2047).
fn words_of(line: &str) -> String {
    let word = |word: &str| {
        let encoded = word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?=")).map(str::to_owned);
        encoded.map_or_else(|| word.to_owned(), |text| String::from_utf8(STANDARD.decode(text).unwrap()).unwrap())
    };
    line.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn unquoted(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match behind.get(..2).filter(|_| *first == b'=').map(hex::decode) {
            Some(Ok(byte)) => {
                bytes.extend(byte);
                rest = &behind[2..];
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Takes everything in, has it sent, and looks at all that came of it.
async fn nothing_leaks(batch: Vec<Planted>) {
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", "1s,1s,1s").start().await;
    let needles: Vec<String> = batch.iter().flat_map(Planted::needles).collect();
    let words = batch.iter().map(|planted| planted.contacts[0].as_str()).collect::<Vec<_>>().join(", ");
    let receivers = [
        Receiver::echoing([], words.clone()).await,
        Receiver::echoing([500, 404], words.clone()).await,
        Receiver::echoing([503; 99], words).await,
    ];
    for (receiver, kind) in receivers.iter().zip(["webhook", "slack", "webhook"]) {
        app.add_endpoint(json!({"kind": kind, "target": receiver.url()})).await;
    }
    app.add_endpoint(json!({"kind": "email", "target": "team@brindlemoor.example"})).await;
    for (index, planted) in batch.iter().enumerate() {
        let id = "7".repeat(index + 1);
        app.import(&planted.transcript(&id)).await;
        app.post_signed(&planted.callback(&id)).await.expect(202);
        app.api("POST", "/api/v1/events", Some(planted.event())).await.expect(202);
        let unheard = format!("9{id}"); // its transcript never comes
        app.post_signed(&planted.callback(&unheard)).await.expect(202);
    }
    for _ in 0..5 {
        app.run_due().await;
        app.clock.advance(Duration::from_hours(20));
    }
    for (index, receiver) in receivers.iter().enumerate() {
        // The last one always fails, so that its breaker holds back most.
        let least = if index == 2 { 3 } else { batch.len() * 5 };
        assert!(receiver.count() >= least, "{} were sent to the receiver {index}", receiver.count());
        for received in receiver.received() {
            assert_clean(&needles, "a body", std::str::from_utf8(&received.raw).unwrap());
            assert_clean(&needles, "a head", &format!("{:?}", received.headers));
            assert!(index == 1 || !received.body["data"].to_string().contains('@'), "{}", received.body);
        }
    }
    let mails: Vec<_> = std::fs::read_dir(app.data_dir.path().join("outbox")).unwrap().map(Result::unwrap).collect();
    assert!(mails.len() >= batch.len() * 5);
    for mail in &mails {
        assert_clean(&needles, "a mail", &read_mail(&mail.path()));
    }
    for list in ["notify/logs", "runs", "calls"] {
        let listed = app.get(&format!("/api/v1/admin/{list}?limit=200")).await.expect(200);
        assert_clean(&needles, list, &listed.text);
        for item in listed.body["items"].as_array().unwrap() {
            let one = app.get(&format!("/api/v1/admin/{list}/{}", item["id"].as_str().unwrap())).await.expect(200);
            assert_clean(&needles, list, &one.text);
        }
    }
}

#[test]
fn no_address_and_no_number_is_in_anything_that_goes_out_or_is_shown() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = Config { cases: 6, max_shrink_iters: 24, failure_persistence: None, ..Config::default() };
    let batches = prop::collection::vec(Planted::any(), 3);
    let tried = TestRunner::new(config).run(&batches, |batch| {
        runtime.block_on(nothing_leaks(batch));
        Ok(())
    });
    tried.unwrap();
}

#[tokio::test]
async fn what_a_receiver_repeats_of_our_ids_is_kept_whole() {
    let app = TestApp::start().await;
    let receiver = Receiver::echoing([], "Thanks, +1 415 555 0134:").await;
    app.add_endpoint(json!({"kind": "webhook", "target": receiver.url()})).await;
    let raised = json!({"type": "custom.lead", "data": {"at": "2031-05-06 4155550134"}});
    let event = app.api("POST", "/api/v1/events", Some(raised)).await.expect(202).body;
    app.run_due().await;
    let log = app.get(&format!("/api/v1/admin/notify/logs/{}", app.log().await[0]["id"].as_str().unwrap())).await.body;
    let excerpt = log["attempts"][0]["response_excerpt"].as_str().unwrap();
    assert!(excerpt.starts_with("Thanks, [phone]: {"), "{excerpt}");
    assert!(excerpt.contains(event["event_id"].as_str().unwrap()), "{excerpt}");
    assert!(excerpt.contains("2031-05-06 [phone]"), "{excerpt}");
}

#[tokio::test]
async fn a_contact_cut_in_half_by_the_end_of_an_excerpt_is_none_any_more() {
    let app = TestApp::start().await;
    for (padding, contact) in [(492, "+1 415 555 0134"), (495, "dana@halden.example")] {
        let receiver = Receiver::answering_once(200, vec![], format!("{}: {contact}", "x".repeat(padding))).await;
        let body = json!({"kind": "webhook", "target": receiver.url(), "filters": {"events": ["call.failed"]}});
        let endpoint = app.add_endpoint(body).await;
        let path = format!("/api/v1/admin/notify/test/{}", endpoint["id"].as_str().unwrap());
        let sent = app.api("POST", &path, None).await.expect(200).body;
        let excerpt = sent["response_excerpt"].as_str().unwrap().trim_start_matches('x');
        assert!(!excerpt.contains("41") && !excerpt.contains("dan"), "{excerpt}");
    }
}

#[tokio::test]
async fn names_of_an_event_and_the_id_of_a_call_are_no_contacts() {
    let app = TestApp::start().await;
    for (field, value) in [
        ("intent", "dana@halden.example"),
        ("intent", "call +1 415 555 0134"),
        ("subject", "dana@halden.example"),
        ("type", "custom.4155550134"),
    ] {
        let mut event = json!({"type": "custom.lead", "data": {}});
        event[field] = value.into();
        let refused = app.api("POST", "/api/v1/events", Some(event)).await.expect(422);
        assert_eq!(refused.body["errors"][0]["pointer"], format!("/{field}"));
        assert!(!refused.text.contains(value), "{}", refused.text);
    }
    for id in ["dana@halden.example", "+14155550134", "call 4155550134"] {
        app.post_signed(&callback(id)).await.expect(400);
    }
    for id in ["4155550134", "90071992547409931234", "a1b2-c3"] {
        app.post_signed(&callback(id)).await.expect(202);
    }
}

/// Everything that the process says while it takes such a load in, good requests and bad ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_address_and_no_number_is_in_any_log_line() {
    let (database, gong, dir) = (Database::create().await, Gong::shared(), tempfile::tempdir().unwrap());
    let path = dir.path().join("said");
    let output = std::fs::File::create(&path).unwrap();
    let mut vars = serve_vars(&database);
    vars.extend([
        ("DELIVERY_RETRY_SCHEDULE", "1s".to_owned()),
        ("ACCOUNT_MAIL", "on".to_owned()),
        ("LOG_FORMAT", "json".to_owned()),
        ("LOG_LEVEL", "info,aftercall=debug".to_owned()),
    ]);
    let mut server = Server::start_writing(&["serve"], &vars, dir.path(), &output).await;
    let planted = Planted {
        contacts: [
            "dana.w@quibble.example",
            "+49 151 234 5678",
            "(415) 555-0142",
            "ODA+CRM@QUIBBLE.EXAMPLE",
            "4155550134",
            "\"dana w\"@quibble.example",
            "dana at quibble dot com",
        ]
        .repeat(2)
        .into_iter()
        .map(str::to_owned)
        .collect(),
        bare: ["ode@quibble.example", "+4915112345678", "cs@quibble.example", "am@quibble.example"]
            .map(str::to_owned)
            .to_vec(),
    };
    let words = planted.contacts.join(", ");
    let receivers = [Receiver::echoing([], words.clone()).await, Receiver::echoing([500; 99], words).await];
    let create = async |body: Value| {
        let created = server.api(Method::POST, "/api/v1/admin/notify/endpoints", Some(body)).await.unwrap();
        assert!(created["id"].is_string(), "{created}");
    };
    for (receiver, kind) in receivers.iter().zip(["webhook", "slack"]) {
        create(json!({"kind": kind, "target": receiver.url()})).await;
    }
    create(json!({"kind": "webhook", "target": "http://127.0.0.1:9/dana.w@quibble.example"})).await;
    create(json!({"kind": "email", "name": "dana.w@quibble.example", "target": "dana.w@quibble.example"})).await;
    let account = json!({"name": "Halden ODA+CRM@QUIBBLE.EXAMPLE", "cs_email": "cs@quibble.example", "am_email": "not an address"});
    server.api(Method::PUT, "/api/v1/admin/accounts/+4915112345678", Some(account)).await.unwrap();
    for id in ["1", "22", "333"] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("words.json");
        std::fs::write(&file, planted.transcript(id).to_string()).unwrap();
        let now = std::time::SystemTime::now().into();
        aftercall::intake::import::import(&database.pool, "default", &[file], now).await.unwrap();
        assert_eq!(server.post_signed(&gong, &planted.callback(id)).await.unwrap().0, 202);
    }
    server.api(Method::POST, "/api/v1/events", Some(planted.event())).await.unwrap();

    // What is refused is not repeated either.
    assert_eq!(server.post_signed(&gong, &planted.callback("dana.w@quibble.example")).await.unwrap().0, 400);
    let stranger = Gong::generate();
    assert_eq!(server.post_signed(&stranger, &planted.callback("4")).await.unwrap().0, 401);
    for path in [
        "/api/v1/admin/calls/dana.w@quibble.example",
        "/api/v1/admin/calls/%2B49%20151%20234%205678",
        "/nowhere/4155550134",
    ] {
        server.api(Method::GET, path, None).await.unwrap();
    }
    for key in ["type", "intent", "dana.w@quibble.example"] {
        let mut event = json!({"type": "custom.lead", "data": {}});
        event[key] = "dana.w@quibble.example".into();
        server.api(Method::POST, "/api/v1/events", Some(event)).await.unwrap();
    }
    // The breaker holds back what goes to endpoints that fail, so that only the others' end is waited for.
    let left = "SELECT (SELECT count(*) FROM runs WHERE state = 'active')
                     + (SELECT count(*) FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
                        WHERE status IN ('pending', 'retrying') AND e.consecutive_failures = 0)";
    let settled = async {
        while sqlx::query_scalar::<_, i64>(left).fetch_one(&database.pool).await.unwrap() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), settled).await.expect("all of it is sent");
    assert_eq!(server.terminate(), Some(0));
    let said = std::fs::read_to_string(&path).unwrap();
    for line in ["a stage ended", "attempted a delivery", "refused a callback", "stopped"] {
        assert!(said.contains(line), "{line} is missing in {said}");
    }
    assert!(said.lines().count() > 30);
    assert_clean(&planted.needles(), "the log", &said);
}
