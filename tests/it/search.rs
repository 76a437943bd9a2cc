//! Calls are found by their words, account, state and time, and nobody finds what must not be found; the log is the same
//! however it is asked for.

use std::time::Duration;

use aftercall::db::{
    Page,
    call_search::{self, CallFilter},
    delivery_log, events,
};
use serde_json::{Value, json};

use crate::support::{Receiver, TestApp, callback};

async fn found_in(app: &TestApp, tenant: &str, filter: &CallFilter) -> Vec<String> {
    let mut connection = app.app.pool.acquire().await.unwrap();
    let page = Page { limit: 50, before: None };
    let found = call_search::search_calls(&mut connection, tenant, filter, page).await.unwrap();
    found.into_iter().map(|call| call.call_id).collect()
}

async fn by_text(app: &TestApp, text: &str) -> Vec<String> {
    found_in(app, "default", &CallFilter { text: Some(text.to_owned()), ..CallFilter::default() }).await
}

/// Three calls: 11 with Halden Freight is done, 12 with Öland waits for its words, 13 is private.
async fn three_calls() -> TestApp {
    let app = TestApp::start().await;
    app.process("11").await;
    let mut other = callback("12");
    other["callData"]["metaData"]["title"] = json!("Preisgespräch – Ö'LAND/Süd");
    other["callData"]["metaData"]["started"] = json!("2031-05-01T09:00:00Z");
    other["callData"]["context"][0]["objects"][0]["fields"] =
        json!([{"name": "Name", "value": "Ö'land & Söhne \\ Co"}, {"name": "AccountNumber", "value": "ÖL 7"}]);
    app.post_signed(&other).await.expect(202);
    let mut private = callback("13");
    private["callData"]["metaData"]["isPrivate"] = json!(true);
    app.post_signed(&private).await.expect(202);
    app
}

#[tokio::test]
async fn calls_are_found_by_words_of_title_account_id_and_summary() {
    let app = three_calls().await;
    for text in ["halden", "HALD", "freight renewal", "hf-1", "11", "Halden: renewal!"] {
        assert_eq!(by_text(&app, text).await, ["11"], "{text}");
    }
    let read = app.get("/api/v1/admin/calls/11").await.expect(200).body;
    let headline = read["summary"]["headline"].as_str().unwrap();
    assert_eq!(by_text(&app, headline).await, ["11"], "{headline}");
    for text in ["preisgespräch", "PREISGESPRÄCH", "öland", "Ö'Land", "süd", "12", "ÖL 7"] {
        let wanted: &[&str] = if text == "öland" { &[] } else { &["12"] };
        assert_eq!(by_text(&app, text).await, wanted, "{text}");
    }
    for text in ["nothing", "halden preisgespräch", "alden", "'", "!", ":*", "' | '@default", "@default", "\\", " & "]
    {
        assert_eq!(by_text(&app, text).await, Vec::<String>::new(), "{text}");
    }
}

#[tokio::test]
async fn calls_are_found_by_account_state_and_time() {
    let app = three_calls().await;
    let find = async |filter: CallFilter| found_in(&app, "default", &filter).await;
    for account in ["halden freight", "HF-1", " hf-1 "] {
        let filter = CallFilter { account: Some(account.to_owned()), ..CallFilter::default() };
        assert_eq!(find(filter).await, ["11"], "{account}");
    }
    let odd = CallFilter { account: Some("Ö'LAND & söhne \\ co".to_owned()), ..CallFilter::default() };
    assert_eq!(find(odd).await, ["12"]);
    let part = CallFilter { account: Some("halden".to_owned()), ..CallFilter::default() };
    assert_eq!(find(part).await, Vec::<String>::new(), "a part of a name is a word, not an account");
    for (state, wanted) in [("done", vec!["11"]), ("active", vec!["12"]), ("skipped", vec!["13"]), ("imported", vec![])]
    {
        assert_eq!(
            find(CallFilter { state: Some(state.to_owned()), ..CallFilter::default() }).await,
            wanted,
            "{state}"
        );
    }
    app.import_transcript("14").await;
    assert_eq!(find(CallFilter { state: Some("imported".to_owned()), ..CallFilter::default() }).await, ["14"]);
    let time = |text: &str| Some(text.parse().unwrap());
    let early = CallFilter { until: time("2031-05-05T00:00:00Z"), ..CallFilter::default() };
    assert_eq!(find(early).await, ["12"]);
    let late =
        CallFilter { since: time("2031-05-06T07:30:00.25Z"), state: Some("done".to_owned()), ..CallFilter::default() };
    assert_eq!(find(late).await, ["11"]);
    assert_eq!(find(CallFilter::default()).await, ["14", "13", "12", "11"]);
}

#[tokio::test]
async fn pages_of_a_search_follow_each_other() {
    let app = TestApp::start().await;
    for id in 1..=7 {
        app.post_signed(&callback(&id.to_string())).await.expect(202);
    }
    let (mut connection, mut before, mut seen) = (app.app.pool.acquire().await.unwrap(), None, Vec::new());
    let filter = CallFilter { text: Some("halden".to_owned()), ..CallFilter::default() };
    loop {
        let page = Page { limit: 3, before };
        let found = call_search::search_calls(&mut connection, "default", &filter, page).await.unwrap();
        let Some(last) = found.last() else { break };
        before = Some(last.row_id);
        seen.extend(found.into_iter().map(|call| call.call_id));
    }
    assert_eq!(seen, ["7", "6", "5", "4", "3", "2", "1"]);
}

#[tokio::test]
async fn a_private_call_is_found_by_its_id_only_and_an_erased_one_not_at_all() {
    let app = three_calls().await;
    assert_eq!(by_text(&app, "13").await, ["13"]);
    let mut turned = callback("11");
    turned["callData"]["metaData"]["isPrivate"] = json!(true);
    app.post_signed(&turned).await;
    assert_eq!((by_text(&app, "halden").await, by_text(&app, "11").await), (vec![], vec!["11".to_owned()]));
    app.api("DELETE", "/api/v1/admin/calls/12", None).await.expect(204);
    app.post_signed(&callback("12")).await; // told again
    app.run_due().await;
    for text in ["12", "süd", "halden"] {
        assert_eq!(by_text(&app, text).await, Vec::<String>::new(), "{text}");
    }
    let tenants = "/api/v1/admin/tenants";
    app.api("POST", tenants, Some(json!({"id": "emea", "name": "EMEA"}))).await.expect(201);
    for filter in [CallFilter { text: Some("1".to_owned()), ..CallFilter::default() }, CallFilter::default()] {
        assert_eq!(found_in(&app, "emea", &filter).await, Vec::<String>::new(), "another tenant's");
    }
}

#[tokio::test]
async fn a_search_follows_what_becomes_of_a_call() {
    let app = three_calls().await;
    let in_state = async |state: &str| {
        found_in(&app, "default", &CallFilter { state: Some(state.to_owned()), ..CallFilter::default() }).await
    };
    app.import_transcript("12").await;
    app.run_due().await;
    assert_eq!(in_state("done").await, ["12", "11"]);
    app.api("POST", "/api/v1/admin/calls/11/reprocess", None).await.expect(202);
    assert_eq!((in_state("active").await, in_state("done").await), (vec!["11".to_owned()], vec!["12".to_owned()]));
    app.run_due().await;
    assert_eq!(in_state("done").await, ["12", "11"]);
}

#[tokio::test]
async fn what_was_told_of_a_call_is_found_by_the_call() {
    let app = TestApp::start().await;
    app.add_endpoint(json!({"kind": "webhook", "target": Receiver::start().await.url()})).await;
    app.process("1").await;
    app.process("2").await;
    app.raise(json!({"type": "custom.x", "subject": "1", "data": {}})).await;
    let mut connection = app.app.pool.acquire().await.unwrap();
    let told = events::call_events(&mut *connection, "default", "1", 50).await.unwrap();
    let types: Vec<&str> = told.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(types, ["call.summarised", "call.documented", "call.received"]);
    let sent = delivery_log::call_deliveries(&mut connection, "default", "1", 50).await.unwrap();
    let types: Vec<&str> = sent.iter().map(|delivery| delivery.event_type.as_str()).collect();
    assert_eq!(types, ["call.summarised", "call.documented", "call.received"]);
    assert!(delivery_log::call_deliveries(&mut connection, "other", "1", 50).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_log_with_filters_is_the_log_read_through() {
    let app = TestApp::with("DELIVERY_RETRY_SCHEDULE", "1h").start().await;
    let mut endpoints = Vec::new();
    for (filters, answers) in
        [(json!({}), 200), (json!({"events": ["call.*"]}), 500), (json!({"events": ["custom.a"]}), 404)]
    {
        let receiver = Receiver::answering([answers; 100]).await;
        let endpoint = json!({"kind": "webhook", "target": receiver.url(), "filters": filters});
        endpoints.push(app.add_endpoint(endpoint).await["id"].as_str().unwrap().to_owned());
    }
    let mut moments = Vec::new();
    for step in 0..8 {
        moments.push(app.clock.now());
        let event_type = ["custom.a", "custom.b", "custom.a.b"][step % 3];
        app.raise(json!({"type": event_type, "data": {}})).await;
        app.process(&step.to_string()).await;
        app.clock.advance(Duration::from_mins(25));
    }
    app.raise(json!({"type": "custom.b", "data": {}})).await; // waits
    let log: Vec<Value> = app.log().await.into_iter().rev().collect();
    let words = |list: &[&str]| -> Vec<Option<String>> {
        std::iter::once(None).chain(list.iter().map(|word| Some((*word).to_owned()))).collect()
    };
    let times: Vec<String> = moments.iter().map(|at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string()).collect();
    let ids: Vec<&str> = endpoints.iter().map(String::as_str).collect();
    for status in words(&["pending", "retrying", "sent", "failed", "filtered"]) {
        for event in words(&["call.*", "custom.*", "custom.a", "custom.a.*", "call.summarised", "custom.none"]) {
            for endpoint in words(&[ids[0], ids[1], ids[2], "ep_00000000000000000000000000000000"]) {
                for (since, until) in [(None, None), (Some(3), None), (Some(2), Some(5)), (None, Some(4))] {
                    let (since, until) =
                        (since.map(|index: usize| &times[index]), until.map(|index: usize| &times[index]));
                    let matches = |entry: &&Value| {
                        let is = |key: &str, wanted: &Option<String>| {
                            wanted.as_ref().is_none_or(|wanted| entry[key] == **wanted)
                        };
                        let event_type = entry["event_type"].as_str().unwrap();
                        let created = entry["created_at"].as_str().unwrap();
                        is("status", &status)
                            && is("endpoint_id", &endpoint)
                            && event.as_ref().is_none_or(|event| match event.strip_suffix('*') {
                                Some(family) => event_type.starts_with(family),
                                None => event_type == event,
                            })
                            && since.is_none_or(|since| created >= since.as_str())
                            && until.is_none_or(|until| created < until.as_str())
                    };
                    let wanted: Vec<&Value> = log.iter().filter(matches).collect();
                    let query: Vec<String> = [
                        ("status", status.as_ref()),
                        ("event", event.as_ref()),
                        ("endpoint_id", endpoint.as_ref()),
                        ("since", since),
                        ("until", until),
                    ]
                    .into_iter()
                    .filter_map(|(name, value)| Some(format!("{name}={}", value?)))
                    .collect();
                    let path = format!("/api/v1/admin/notify/logs?limit=7&{}", query.join("&"));
                    let page = app.get(&path).await.expect(200).body;
                    let first: Vec<&Value> = page["items"].as_array().unwrap().iter().collect();
                    assert_eq!(first, wanted[..wanted.len().min(7)], "{path}");
                    assert_eq!(page["next_cursor"].is_string(), wanted.len() > 7, "{path}");
                    if let Some(cursor) = page["next_cursor"].as_str() {
                        let next = app.get(&format!("{path}&cursor={cursor}")).await.expect(200).body;
                        let second: Vec<&Value> = next["items"].as_array().unwrap().iter().collect();
                        assert_eq!(second, wanted[7..wanted.len().min(14)], "{path}, second page");
                    }
                }
            }
        }
    }
}
