//! Somebody with a browser: keeps cookies, and fills in forms with what the page put into them.

use std::{cell::RefCell, collections::BTreeMap};

use axum::body::Body;
use http::Request;

use crate::support::{Answer, TOKEN, TestApp};

pub struct Visitor<'a> {
    app: &'a TestApp,
    cookies: RefCell<BTreeMap<String, String>>,
}

impl<'a> Visitor<'a> {
    pub fn new(app: &'a TestApp) -> Self {
        Self { app, cookies: RefCell::default() }
    }

    /// Somebody who has signed in with `ADMIN_TOKEN`.
    pub async fn admin(app: &'a TestApp) -> Self {
        Self::signed_in(app, TOKEN).await
    }

    /// Somebody who has signed in with a new token of this role.
    pub async fn of_role(app: &'a TestApp, role: &str) -> Self {
        let body = serde_json::json!({"name": role, "role": role});
        let made = app.api("POST", "/api/v1/admin/tokens", Some(body)).await.expect(201).body;
        Self::signed_in(app, made["token"].as_str().expect("a token")).await
    }

    pub async fn signed_in(app: &'a TestApp, token: &str) -> Self {
        let visitor = Self::new(app);
        visitor.submit("/panel/sign-in", "/panel/sign-in", &[("token", token)]).await.expect(303);
        visitor
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::builder().uri(path), Body::empty()).await
    }

    /// Opens a page, fills in its first form that goes to `action`, and sends it.
    pub async fn submit(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = self.fields(page, action).await;
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.post(action, &all).await
    }

    /// What a page's first form that goes to `action` holds by itself.
    pub async fn fields(&self, page: &str, action: &str) -> Vec<(String, String)> {
        let mut shown = self.get(page).await;
        shown.text = shown.text.replace("&#x2f;", "/");
        let at = shown
            .text
            .find(&format!("method=\"post\" action=\"{action}\""))
            .unwrap_or_else(|| panic!("no form to {action}: {}", shown.text));
        let form = shown.text[at..].split("</form>").next().expect("its end");
        let hidden = form.split("<input type=\"hidden\"").skip(1);
        hidden.map(|input| (value(input, "name"), value(input, "value"))).collect()
    }

    /// What proves the forms of the session: every page has one, for signing out.
    pub async fn csrf(&self) -> String {
        let fields = self.fields("/panel", "/panel/sign-out").await;
        fields.into_iter().find(|(name, _)| name == "csrf").expect("the proof").1
    }

    /// Sends fields, whatever a page says.
    pub async fn post(&self, path: &str, fields: &[(String, String)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request =
            Request::builder().method("POST").uri(path).header("content-type", "application/x-www-form-urlencoded");
        self.send(request, Body::from(body)).await
    }

    /// All cookies, as the header has them.
    pub fn cookies(&self) -> String {
        let cookies = self.cookies.borrow();
        let pairs: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    /// The value of a cookie, by the end of its name.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.borrow().iter().find(|(known, _)| known.ends_with(name)).map(|(_, value)| value.clone())
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    async fn send(&self, request: http::request::Builder, body: Body) -> Answer {
        let answer = self.app.send(request.header("cookie", self.cookies()).body(body).expect("a request")).await;
        for set in answer.headers.get_all("set-cookie") {
            let set = set.to_str().expect("text");
            let (name, value) = set.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            if set.contains("Max-Age=0") {
                self.cookies.borrow_mut().remove(name);
            } else {
                self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

fn value(input: &str, attribute: &str) -> String {
    let after = input.split(&format!("{attribute}=\"")).nth(1).unwrap_or_default();
    after.split('"').next().unwrap_or_default().replace("&#x2f;", "/").replace("&amp;", "&")
}
