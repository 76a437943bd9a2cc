//! Plays a model server: OpenAI's two surfaces, its checks of a request, and every bad day of the contract.

mod answers;
mod checks;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{OriginalUri, Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Value, json};

use self::answers::Told;
use super::stand_in::StandIn;

const KEY: &str = "sk-test-0123456789abcdefWXYZ";
const MODEL: &str = "gpt-6-luna";
/// What is under the alias.
pub const SNAPSHOT: &str = "gpt-6-luna-2026-10-01";

/// A bad day, or an odd one.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// Says exactly this instead of a summary.
    Says(String),
    /// A comment before the final answer, as two messages.
    CommentaryThenFinal,
    /// Declines with these words.
    Refusal(String),
    /// Breaks off by its own filter.
    ContentFilter,
    /// Breaks off for a reason that no contract knows.
    BreaksOff(&'static str),
    /// Answers 200 with `failed` and this code and message.
    Failed(&'static str, String),
    /// Answers 200 with another status than an end.
    Status(&'static str),
    /// Completes without a word.
    Empty,
    /// Kinds of items, parts and members that nobody has heard of.
    UnknownKinds,
    /// No usage, no status, no model.
    Terse,
    /// 429 by rate, with these headers.
    RateLimited(Vec<(&'static str, String)>),
    /// 429 by rate, but one that no waiting helps.
    RequestTooLarge,
    /// 429 by an empty purse, with this code.
    NoQuota(&'static str),
    /// An answer by a proxy in front: status and a page.
    Page(u16),
    /// This status with this code, message and headers, as the vendor words it.
    Answer(u16, Option<&'static str>, String, Vec<(&'static str, String)>),
}

/// What stays as it is set, for all requests.
#[derive(Debug, Clone, Default)]
pub struct Nature {
    /// Answers are cut unless they may be this long, in tokens.
    pub needs_output_tokens: u64,
    /// Summaries are this long, in words beside the plain ones.
    pub chatter: usize,
    /// Longer inputs are refused, in bytes.
    pub context: Option<usize>,
    /// When the model ends.
    pub shutdown_date: Option<&'static str>,
    /// A server without `/models/{id}`, and one without `/models`.
    pub without_model: bool,
    pub without_models: bool,
    /// A server that asks for no key.
    pub keyless: bool,
}

/// A running model server.
#[derive(Clone)]
pub struct OpenAiStandIn {
    pub server: StandIn,
    key: &'static str,
    model: &'static str,
    state: Shared,
}

type Shared = Arc<Mutex<Inner>>;

#[derive(Default)]
struct Inner {
    next: VecDeque<Behaviour>,
    nature: Nature,
    requests: u32,
}

impl OpenAiStandIn {
    pub async fn start() -> Self {
        Self::with(Nature::default()).await
    }

    pub async fn with(nature: Nature) -> Self {
        let state: Shared = Arc::new(Mutex::new(Inner { nature, ..Inner::default() }));
        let router = Router::new()
            .route("/v1/responses", post(responses))
            .route("/v1/chat/completions", post(chat))
            .route("/v1/models", get(models))
            .route("/v1/models/{model}", get(model))
            .fallback(nothing_here)
            .method_not_allowed_fallback(nothing_here)
            .with_state(Arc::clone(&state));
        Self { server: StandIn::serve(router).await, key: KEY, model: MODEL, state }
    }

    pub fn key(&self) -> &'static str {
        self.key
    }

    pub fn model(&self) -> &'static str {
        self.model
    }

    pub fn base_url(&self) -> String {
        format!("{}/v1", self.server.url)
    }

    /// The next question meets this; several queue up.
    pub fn next(&self, behaviour: Behaviour) {
        self.state.lock().unwrap().next.push_back(behaviour);
    }

    /// The bodies of all questions, in order.
    pub fn questions(&self) -> Vec<Value> {
        self.server.asked().into_iter().filter(|asked| asked.method == "POST").map(|asked| asked.body).collect()
    }
}

/// A refusal in the vendor's words.
struct Refusal {
    status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
    headers: Vec<(&'static str, String)>,
}

impl Refusal {
    fn new(status: u16, code: Option<&'static str>, message: impl Into<String>) -> Self {
        let kind = if status == 429 { "requests" } else { "invalid_request_error" };
        Self { status, kind, code, message: message.into(), headers: Vec::new() }
    }

    fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(400, Some(code), message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = json!({"message": self.message, "type": self.kind, "param": null, "code": self.code});
        let mut response = Json(json!({"error": error})).into_response();
        *response.status_mut() = StatusCode::from_u16(self.status).expect("a status");
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value.parse().expect("a header"));
        }
        response
    }
}

async fn responses(State(state): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    answer(&state, &headers, &body, &checks::responses, &answers::responses)
}

async fn chat(State(state): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    answer(&state, &headers, &body, &checks::chat, &answers::chat)
}

/// Checks a question as the vendor does, then answers it, or does what the test wants instead.
fn answer(
    state: &Shared,
    headers: &HeaderMap,
    body: &[u8],
    check: &dyn Fn(&Value) -> Result<checks::Question, Refusal>,
    write: &dyn Fn(&Told<'_>) -> Value,
) -> Response {
    let mut inner = state.lock().unwrap();
    inner.requests += 1;
    let id = format!("req_{:04}", inner.requests);
    let behaviour = inner.next.pop_front();
    let checked = authorised(&inner.nature, headers)
        .and_then(|()| checks::json(headers, body))
        .and_then(|body| check(&body))
        .and_then(|question| fits(&inner.nature, question));
    let mut response = match (checked, &behaviour) {
        (Err(refusal), _) => refusal.into_response(),
        (Ok(_), Some(Behaviour::Page(status))) => page(*status),
        (Ok(question), behaviour) => {
            let told = Told { question: &question, behaviour: behaviour.as_ref(), nature: &inner.nature };
            let refusal = behaviour.as_ref().and_then(refusal_of);
            refusal.map_or_else(|| Json(write(&told)).into_response(), Refusal::into_response)
        }
    };
    response.headers_mut().insert("x-request-id", id.parse().expect("a header"));
    response
}

fn refusal_of(behaviour: &Behaviour) -> Option<Refusal> {
    let rated = |message: &str, headers: &[(&'static str, String)]| Refusal {
        headers: headers.to_vec(),
        ..Refusal::new(429, Some("rate_limit_exceeded"), message)
    };
    match behaviour {
        Behaviour::RateLimited(headers) => Some(rated("Rate limit reached for requests.", headers)),
        Behaviour::RequestTooLarge => Some(rated(
            "Request too large for m on tokens per min (TPM): Limit 30000, Requested 37313. The input or output tokens \
             must be reduced in order to run successfully.",
            &[],
        )),
        Behaviour::NoQuota(code) => Some(Refusal {
            kind: "insufficient_quota",
            ..Refusal::new(429, Some(code), "You exceeded your current quota, please check your plan.")
        }),
        Behaviour::Answer(status, code, message, headers) => {
            Some(Refusal { headers: headers.clone(), ..Refusal::new(*status, *code, message) })
        }
        _ => None,
    }
}

fn page(status: u16) -> Response {
    let page = "<!DOCTYPE html><html><head><title>Hold on</title></head><body>Too much for us.</body></html>";
    (StatusCode::from_u16(status).expect("a status"), [(header::CONTENT_TYPE, "text/html")], page).into_response()
}

fn authorised(nature: &Nature, headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if nature.keyless || given == Some(&format!("Bearer {KEY}")) {
        return Ok(());
    }
    let Some(key) = given.and_then(|given| given.strip_prefix("Bearer ")) else {
        return Err(Refusal::new(401, None, "You didn't provide an API key."));
    };
    // As the vendor shows them.
    let (head, tail) = (&key[..key.len().min(5)], &key[key.len().saturating_sub(4)..]);
    let message = format!("Incorrect API key provided: {head}***{tail}. You can find yours on the settings page.");
    Err(Refusal::new(401, Some("invalid_api_key"), message))
}

fn fits(nature: &Nature, question: checks::Question) -> Result<checks::Question, Refusal> {
    if question.model != MODEL {
        let message = format!("The model `{}` does not exist or you do not have access to it.", question.model);
        return Err(Refusal::new(404, Some("model_not_found"), message));
    }
    if nature.context.is_some_and(|context| question.input.len() > context) {
        let message = "Your input exceeds the context window of this model.";
        return Err(Refusal::invalid("context_length_exceeded", message));
    }
    Ok(question)
}

async fn models(State(state): State<Shared>, headers: HeaderMap, uri: OriginalUri) -> Result<Json<Value>, Refusal> {
    let nature = state.lock().unwrap().nature.clone();
    authorised(&nature, &headers)?;
    if nature.without_models {
        return Err(no_route(&Method::GET, uri.path()));
    }
    Ok(Json(json!({"object": "list", "data": [{"id": "gpt-old"}, card(&nature)]})))
}

async fn model(
    State(state): State<Shared>,
    Path(model): Path<String>,
    headers: HeaderMap,
    uri: OriginalUri,
) -> Result<Json<Value>, Refusal> {
    let nature = state.lock().unwrap().nature.clone();
    authorised(&nature, &headers)?;
    if nature.without_model {
        return Err(no_route(&Method::GET, uri.path()));
    }
    if model == MODEL {
        return Ok(Json(card(&nature)));
    }
    Err(Refusal::new(404, Some("model_not_found"), format!("The model '{model}' does not exist")))
}

fn card(nature: &Nature) -> Value {
    json!({"id": MODEL, "object": "model", "created": 1, "owned_by": "x", "shutdown_date": nature.shutdown_date})
}

/// Assistants, threads, and whatever else is gone or never was.
async fn nothing_here(method: Method, uri: OriginalUri) -> Refusal {
    no_route(&method, uri.path())
}

fn no_route(method: &Method, path: &str) -> Refusal {
    Refusal::new(404, None, format!("Invalid URL ({method} {path})"))
}
