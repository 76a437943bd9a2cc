//! Creating requests that may be repeated: `Idempotency-Key`.
//!
//! The answer is stored in the transaction that does the work, so work without an answer and an answer without work are both
//! impossible. The key is locked while that transaction runs. Answers that refuse are not stored: nothing was done.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgTransaction};

use super::{
    auth::Caller,
    extract::{ADMIN_BODY, parse, read_body, require_json},
    problem::{Problem, ProblemKind},
};
use crate::{
    app::App,
    db::idempotency::{self, KeyOwner, KnownAnswer},
};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says of an answer that it was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// How long a key may be.
const KEY_LENGTH: usize = 255;

/// The strict JSON body of a creating request, with its key if it has one. The body is had by beginning only: whether it
/// would be taken now is no question for a request that was answered before.
pub struct Once<T> {
    body: T,
    key: Option<String>,
    request_hash: Vec<u8>,
}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Once<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        require_json(&parts.headers)?;
        let key = parts.headers.get(KEY).map(read_key).transpose()?;
        let body = read_body(body, ADMIN_BODY).await?;
        let request_hash = request_hash(parts.method.as_str(), parts.uri.path(), &body);
        Ok(Self { body: parse(&body)?, key, request_hash })
    }
}

impl<T: DeserializeOwned> Once<T> {
    /// The same from a form that carries a key of its own, so that sending it twice makes one thing. `path` is the form's.
    pub fn of_form(path: &str, key: &str, body: &Value) -> Result<Self, Problem> {
        let key = HeaderValue::from_str(key).map_err(Problem::internal)?;
        let body = body.to_string().into_bytes();
        let request_hash = request_hash("POST", path, &body);
        Ok(Self { body: parse(&body)?, key: Some(read_key(&key)?), request_hash })
    }
}

fn request_hash(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let hash = Sha256::new().chain_update(method).chain_update(b"\n").chain_update(path).chain_update(b"\n");
    hash.chain_update(body).finalize().to_vec()
}

fn read_key(value: &HeaderValue) -> Result<String, Problem> {
    let fits = |key: &&str| (1..=KEY_LENGTH).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let key = value.to_str().ok().filter(fits);
    let fault = || Problem::invalid_field("/Idempotency-Key", "1 to 255 visible ASCII characters");
    key.map(str::to_owned).ok_or_else(fault)
}

/// What a request with a key leads to.
pub enum Begun<'a, T> {
    /// It is new: do it.
    New(T, Creation<'a>),
    /// It was answered before: answer the same.
    Known(Response),
}

/// A creation under way: what is done in its transaction commits with the answer.
pub struct Creation<'a> {
    /// Where to do it.
    pub tx: PgTransaction<'static>,
    /// When it is done.
    pub now: DateTime<Utc>,
    app: &'a App,
    caller: &'a Caller,
    key: Option<String>,
    request_hash: Vec<u8>,
}

/// An answer as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredAnswer {
    status: u16,
    location: Option<String>,
    body: Box<RawValue>,
}

impl<T> Once<T> {
    /// The body of a request that carries no key, for what needs no transaction of its own then.
    pub fn without_key(self) -> Result<T, Self> {
        if self.key.is_none() { Ok(self.body) } else { Err(self) }
    }

    /// Begins what passes `check`, unless the key was used before. Fails if that was for another request, or is still
    /// under way.
    pub async fn begin<'a>(
        self,
        app: &'a App,
        caller: &'a Caller,
        check: impl FnOnce(&T) -> Result<(), Problem>,
    ) -> Result<Begun<'a, T>, Problem> {
        let Self { body, key, request_hash } = self;
        let mut tx = app.pool.begin().await?;
        let owner = key.as_ref().map(|key| KeyOwner { tenant: &caller.tenant, actor: &caller.actor, key });
        let known = match owner {
            Some(owner) => answered(app, &mut tx, owner, &request_hash).await,
            None => Ok(None),
        };
        let known = match known {
            Ok(None) => check(&body).map(|()| None),
            known => known,
        };
        let over = match known {
            Ok(None) => {
                let creation = Creation { tx, now: app.clock.now(), app, caller, key, request_hash };
                return Ok(Begun::New(body, creation));
            }
            Ok(Some(answer)) => Ok(Begun::Known(answer)),
            Err(problem) => Err(problem),
        };
        // Not left to the pool: who asks again at once would meet a key that is still taken.
        tx.rollback().await?;
        over
    }
}

/// Takes the key and finds what was answered to it.
async fn answered(
    app: &App,
    tx: &mut PgConnection,
    owner: KeyOwner<'_>,
    request_hash: &[u8],
) -> Result<Option<Response>, Problem> {
    if !idempotency::take_key(&mut *tx, owner).await? {
        let detail = "a request with this Idempotency-Key is under way; ask again in a moment";
        return Err(Problem::new(ProblemKind::Conflict, detail));
    }
    let Some(known) = idempotency::find_answer(&mut *tx, owner).await? else { return Ok(None) };
    if known.request_hash != request_hash {
        let detail = "this key was used for another request; use a new key for each";
        return Err(Problem::invalid_field("/Idempotency-Key", detail));
    }
    replay(app, owner, &known).map(Some)
}

impl Creation<'_> {
    /// The connection of the transaction.
    pub fn db(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// Undoes all of it and lets go of the key, so that the request can be put right and sent again.
    pub async fn refuse(self, problem: Problem) -> Problem {
        self.tx.rollback().await.map_or_else(Problem::from, |()| problem)
    }

    /// Commits what was done together with its answer, and gives the answer.
    pub async fn finish(
        mut self,
        status: StatusCode,
        location: Option<String>,
        body: &impl Serialize,
    ) -> Result<Response, Problem> {
        let body = serde_json::value::to_raw_value(body).map_err(Problem::internal)?;
        let answer = StoredAnswer { status: status.as_u16(), location, body };
        if let Some(key) = &self.key {
            let owner = KeyOwner { tenant: &self.caller.tenant, actor: &self.caller.actor, key };
            let plain = serde_json::to_vec(&answer).map_err(Problem::internal)?;
            let sealed = self.app.key_ring.seal(&place(owner), &plain);
            let known = KnownAnswer { request_hash: self.request_hash, sealed };
            idempotency::insert_answer(&mut *self.tx, owner, &known, self.now).await?;
        }
        self.tx.commit().await?;
        Ok(answer.into_response())
    }
}

fn replay(app: &App, owner: KeyOwner<'_>, known: &KnownAnswer) -> Result<Response, Problem> {
    let plain = app.key_ring.open(&place(owner), &known.sealed).map_err(|_| {
        let detail = "this key was used, and the key that its answer was sealed with has left ENCRYPTION_KEYS";
        Problem::new(ProblemKind::Conflict, detail)
    })?;
    let answer: StoredAnswer = serde_json::from_slice(&plain).map_err(Problem::internal)?;
    let mut response = answer.into_response();
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// What the stored answer is bound to when it is sealed.
fn place(owner: KeyOwner<'_>) -> String {
    format!("idempotency/{}/{}/{}", owner.tenant, owner.actor, owner.key)
}

impl IntoResponse for StoredAnswer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let mut response = (status, Body::from(self.body.get().to_owned())).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(location) = self.location.and_then(|location| HeaderValue::from_str(&location).ok()) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}
