//! Accounts on their page: added, found, changed, by the API's own rules.

use serde_json::json;

use super::visitor::Visitor;
use crate::support::TestApp;

const FIELDS: [(&str, &str); 5] = [
    ("number", "HF/20 417"),
    ("name", "Halden <Freight>"),
    ("domains", "halden.example\r\nHalden-Logistics.example"),
    ("cs_email", "cs@ours.example"),
    ("am_email", ""),
];

fn with<'a>(name: &str, value: &'a str) -> Vec<(&'static str, &'a str)> {
    FIELDS.into_iter().map(|(known, usual)| (known, if known == name { value } else { usual })).collect()
}

#[tokio::test]
async fn an_account_is_added_found_and_changed() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    assert!(visitor.get("/panel/accounts").await.expect(200).text.contains("No accounts yet"));
    visitor.submit("/panel/accounts", "/panel/accounts", &FIELDS).await.expect(303);
    let account = app.get("/api/v1/admin/accounts").await.body["items"][0].clone();
    assert_eq!(account["domains"], json!(["halden.example", "halden-logistics.example"]));
    assert_eq!((&account["cs_email"], &account["am_email"]), (&json!("cs@ours.example"), &json!(null)));

    let page = visitor.get("/panel/accounts?text=LOGISTICS").await.expect(200).text;
    assert!(page.contains("Halden &lt;Freight&gt;") && !page.contains("<Freight>"), "{page}");
    assert!(page.contains("edit?number=HF%2F20+417"), "{page}");
    assert!(visitor.get("/panel/accounts?text=zzz").await.text.contains("No account is like that"));

    let edit = "/panel/accounts/edit?number=HF%2F20+417";
    let change = [("name", "Halden Freight"), ("domains", ""), ("am_email", "am@ours.example")];
    visitor.submit(edit, "/panel/accounts", &change).await.expect(303);
    let items = app.get("/api/v1/admin/accounts").await.body["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 1);
    assert_eq!((&items[0]["name"], &items[0]["domains"]), (&json!("Halden Freight"), &json!([])));
    let audit = app.get("/api/v1/admin/audit").await.body;
    assert_eq!(audit["items"][0]["action"], "account.put");
}

#[tokio::test]
async fn what_is_wrong_is_told_at_its_field_and_what_was_written_stays() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    for (field, value) in
        [("number", ""), ("name", " "), ("domains", "halden"), ("cs_email", "nobody"), ("am_email", "a@")]
    {
        let page = visitor.submit("/panel/accounts", "/panel/accounts", &with(field, value)).await.expect(422).text;
        assert!(page.contains(&format!("id=\"{field}-fault\"")), "{field}: {page}");
        assert!(field == "number" || page.contains("value=\"HF&#x2f;20 417\""), "{field}: {page}");
    }
    assert_eq!(app.count("accounts").await, 0);
}

#[tokio::test]
async fn a_new_account_does_not_replace_one_that_is_there() {
    let app = TestApp::start().await;
    let visitor = Visitor::admin(&app).await;
    visitor.submit("/panel/accounts", "/panel/accounts", &FIELDS).await.expect(303);
    let page = visitor.submit("/panel/accounts", "/panel/accounts", &with("name", "Other")).await.expect(422).text;
    assert!(page.contains("id=\"number-fault\"") && page.contains("edit that account"), "{page}");
    assert_eq!(app.get("/api/v1/admin/accounts").await.body["items"][0]["name"], "Halden <Freight>");
}

#[tokio::test]
async fn a_viewer_reads_accounts_and_changes_none() {
    let app = TestApp::start().await;
    let body = json!({"name": "Halden Freight"});
    app.api("PUT", "/api/v1/admin/accounts/HF-1", Some(body)).await.expect(200);
    let viewer = Visitor::of_role(&app, "viewer").await;
    let page = viewer.get("/panel/accounts").await.expect(200).text;
    assert!(page.contains("Halden Freight") && !page.contains("id=\"form\""), "{page}");
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let fields = [("csrf", csrf), ("number", "HF-1"), ("name", "x"), ("known", "yes")];
    viewer.post("/panel/accounts", &fields.map(|(n, v)| (n.to_owned(), v.to_owned()))).await.expect(403);
    assert_eq!(app.get("/api/v1/admin/accounts").await.body["items"][0]["name"], "Halden Freight");
}
