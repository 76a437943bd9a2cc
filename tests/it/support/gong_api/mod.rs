//! Plays Gong's REST API: the calls, users and switches that a test gives it, and everything that the contract says it
//! refuses.

mod calls;
mod gate;
mod lists;
mod pages;

use std::sync::{Arc, Mutex, MutexGuard};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    response::Response,
};
use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, Uri};
use serde_json::{Value, json};

use self::{calls::Calls, gate::Gate, pages::Pages};
use super::{Fault, StandIn};

pub use self::calls::{NotReady, generated_id};

/// A running stand-in.
#[derive(Clone)]
pub struct GongApiStandIn {
    /// What was asked, and faults on top of Gong's own.
    pub server: StandIn,
    key: &'static str,
    secret: &'static str,
    world: Arc<Mutex<World>>,
}

/// What Gong knows and how it behaves at present.
#[derive(Default)]
struct World {
    calls: Calls,
    users: Vec<Value>,
    gate: Gate,
    pages: Pages,
    ids_as_numbers: bool,
    answered: u64,
}

/// What was asked, taken apart by nobody yet.
struct Question<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    body: &'a [u8],
}

/// An answer other than 200.
struct Refused {
    status: u16,
    text: String,
    retry_after: Option<String>,
}

impl Refused {
    fn new(status: u16, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), retry_after: None }
    }
}

impl GongApiStandIn {
    /// Knows no call.
    pub async fn start() -> Self {
        Self::with_generated(0).await
    }

    /// Knows `count` calls, a minute apart, beginning with 2031: see [`generated_id`].
    pub async fn with_generated(count: usize) -> Self {
        Self::with_generated_since(None, count).await
    }

    /// The same, beginning with another time.
    pub async fn with_generated_since(first: Option<DateTime<Utc>>, count: usize) -> Self {
        let calls = Calls::generated(count, first);
        let world = Arc::new(Mutex::new(World { calls, ..World::default() }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&world));
        Self { server: StandIn::serve(router).await, key: gate::KEY, secret: gate::SECRET, world }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub fn url(&self) -> &str {
        &self.server.url
    }

    pub fn key(&self) -> &str {
        self.key
    }

    pub fn secret(&self) -> &str {
        self.secret
    }

    /// Adds a call in the shape of `/v2/calls/extensive` with the `transcript` array of its transcript, if it has one.
    pub fn add_call(&self, call: Value, transcript: Option<Value>) {
        self.world().calls.add(call, transcript);
    }

    /// Somebody sets or lifts privacy after the call.
    pub fn set_private(&self, id: &str, private: bool) {
        self.world().calls.private.insert(id.to_owned(), private);
    }

    /// The next `requests` for the transcript find it not ready, in the given form.
    pub fn transcript_not_ready(&self, id: &str, form: NotReady, requests: usize) {
        self.world().calls.not_ready.insert(id.to_owned(), (form, requests));
    }

    /// The next `requests` for the call's details do not find it, although it may be listed.
    pub fn details_unknown(&self, id: &str, requests: usize) {
        self.world().calls.unknown.insert(id.to_owned(), requests);
    }

    /// A request that names this id is refused whole with a 400.
    pub fn refuse_id(&self, id: &str) {
        self.world().calls.refused.insert(id.to_owned());
    }

    pub fn add_user(&self, user: Value) {
        self.world().users.push(user);
    }

    /// Takes a scope from the access key.
    pub fn revoke(&self, scope: &str) {
        self.world().gate.revoked.insert(scope.to_owned());
    }

    /// More than three requests within a second get a 429, with this `Retry-After` or none.
    pub fn limit_rate(&self, retry_after: Option<&str>) {
        let mut world = self.world();
        world.gate.rate_is_limited = true;
        world.gate.rate_retry_after = retry_after.map(str::to_owned);
    }

    /// So many more requests are answered today; then comes a 429 with this `Retry-After`.
    pub fn limit_day(&self, requests: usize, retry_after: &str) {
        self.world().gate.day = Some((requests, retry_after.to_owned()));
    }

    pub fn page_size(&self, size: usize) {
        self.world().pages.size = size;
    }

    /// `totalRecords` counts so many calls that are still analysed.
    pub fn still_analysed(&self, calls: usize) {
        self.world().pages.still_analysed = calls;
    }

    /// The next `times` cursors that lead beyond `pages` pages have expired.
    pub fn cursors_die_after(&self, pages: usize, times: usize) {
        self.world().pages.deaths = Some((pages, times));
    }

    /// Every page's cursor leads back to the same page.
    pub fn cursors_lead_back(&self) {
        self.world().pages.lead_back = true;
    }

    /// There is always another page, though nothing is on it.
    pub fn cursors_never_end(&self) {
        self.world().pages.endless = true;
    }

    /// Ids of calls are JSON numbers.
    pub fn ids_as_numbers(&self) {
        self.world().ids_as_numbers = true;
    }

    /// A refusal in Gong's form.
    pub fn error(status: u16, text: &str) -> Fault {
        let body = json!({"requestId": "q0", "errors": [text]}).to_string();
        let kind = ("content-type", "application/json; charset=utf-8".to_owned());
        Fault::Answer(status, vec![kind, ("x-traceid", "q0".to_owned())], body)
    }

    /// What a proxy in front of Gong answers.
    pub fn html(status: u16) -> Fault {
        let body = "<html><body><h1>Something is wrong with https://in.front.example/?key=letmein</h1></body></html>";
        Fault::Answer(status, vec![("content-type", "text/html".to_owned())], body.to_owned())
    }
}

async fn answer(
    State(world): State<Arc<Mutex<World>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut world = world.lock().unwrap();
    world.answered += 1;
    let request_id = format!("q{}", world.answered);
    let result = world.respond(&Question { method: &method, uri: &uri, headers: &headers, body: &body });
    let response =
        Response::builder().header("content-type", "application/json; charset=utf-8").header("x-traceid", &request_id);
    let (response, mut body) = match result {
        Ok(body) => (response.status(200), body),
        Err(Refused { status, text, retry_after }) => {
            let response = response.status(status);
            let response =
                retry_after.into_iter().fold(response, |response, wait| response.header("retry-after", wait));
            (response, json!({"errors": [text]}))
        }
    };
    body["requestId"] = request_id.into();
    let mut text = body.to_string();
    if world.ids_as_numbers {
        for id in calls::ids_in(&body) {
            text = text.replace(&format!("\"{id}\""), id);
        }
    }
    response.body(Body::from(text)).expect("a response")
}
