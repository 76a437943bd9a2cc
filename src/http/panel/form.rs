//! Forms as browsers post them. There is no way to a form's fields but through the proof that the form was ours.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{FromRequest, FromRequestParts, Request, State},
    response::{IntoResponse, Response},
};
use http::header;
use http_body_util::BodyExt;
use minijinja::Value;
use serde::de::DeserializeOwned;

use super::session::Viewer;
use crate::{
    app::App,
    domain::signature::same_secret,
    http::{
        auth::Admin,
        extract::{ADMIN_BODY, parse, read_body},
        idempotency::Once,
        problem::{Problem, ProblemKind},
    },
};

/// The hidden field that proves a form.
pub const CSRF: &str = "csrf";

/// What a form said, field by field.
#[derive(Debug, Default, Clone)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// A field's text without surrounding white space; empty if it is not there.
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }

    /// A field's text unless it is empty.
    pub fn filled(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// Every value of a field, such as the boxes that are ticked.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.trim())
    }

    /// Whether a box is ticked.
    pub fn ticked(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// What was filled in, for a form that is shown again: the first value of each field.
    pub fn to_value(&self) -> Value {
        let first: BTreeMap<_, _> = self.0.iter().rev().map(|(name, value)| (name.clone(), value.clone())).collect();
        Value::from(first)
    }

    /// What somebody wrote as a list: one a line, or with commas between.
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.text(name).split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty()).collect()
    }
}

/// Reads what was posted; it proves nothing yet.
pub async fn read(request: Request) -> Result<Fields, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(Problem::new(
            ProblemKind::UnsupportedType,
            "a form is posted as application/x-www-form-urlencoded",
        ));
    }
    let body = read_body(request.into_body(), ADMIN_BODY).await?;
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    if fields.iter().any(|(_, value)| value.contains('\0')) {
        return Err(Problem::new(ProblemKind::Unreadable, "a field holds the character NUL"));
    }
    Ok(Fields(fields))
}

/// Refuses a form that another page made.
pub fn prove(fields: &Fields, csrf: &str) -> Result<(), Problem> {
    if same_secret(fields.text(CSRF), csrf) {
        return Ok(());
    }
    let detail = "this form is not of your session, perhaps because you have signed in again since; go back, reload the page \
                  and send it once more";
    Err(Problem::new(ProblemKind::Forbidden, detail))
}

/// A form of somebody who is signed in.
pub struct Posted {
    /// Who posts it.
    pub viewer: Viewer,
    /// What it says.
    pub fields: Fields,
}

impl FromRequest<Arc<App>> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let viewer = Viewer::from_request_parts(&mut parts, app).await?;
        let fields = read(Request::from_parts(parts, body)).await.map_err(IntoResponse::into_response)?;
        prove(&fields, &viewer.csrf).map_err(IntoResponse::into_response)?;
        Ok(Self { viewer, fields })
    }
}

/// A form of an admin: the only thing that changes anything.
pub struct Change {
    /// Who posts it.
    pub viewer: Viewer,
    /// What it says.
    pub fields: Fields,
}

impl FromRequest<Arc<App>> for Change {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let Posted { viewer, fields } = Posted::from_request(request, app).await?;
        if viewer.may_change() {
            return Ok(Self { viewer, fields });
        }
        Err(Problem::new(ProblemKind::Forbidden, "this takes a token of role admin").into_response())
    }
}

impl Change {
    /// Who changes something, as the API's functions want it.
    pub fn admin(&self) -> Admin {
        Admin(self.viewer.caller.clone())
    }

    /// The app, as the API's functions want it.
    pub fn app(&self) -> State<Arc<App>> {
        State(Arc::clone(&self.viewer.app))
    }

    /// Has one of the API's functions make something, once however often the form is sent: its key is the form's, which
    /// each page makes anew. Gives the body of the answer.
    pub async fn make<T, F>(
        &self,
        body: &serde_json::Value,
        api: impl FnOnce(State<Arc<App>>, Admin, Once<T>) -> F,
    ) -> Result<serde_json::Value, Problem>
    where
        T: DeserializeOwned,
        F: Future<Output = Result<Response, Problem>>,
    {
        let once = Once::of_form(self.viewer.uri.path(), self.fields.text("key"), body)?;
        let answer = api(self.app(), self.admin(), once).await?;
        let body = answer.into_body().collect().await.map_err(Problem::internal)?;
        serde_json::from_slice(&body.to_bytes()).map_err(Problem::internal)
    }

    /// A request's body as the API's functions want it.
    pub fn body<T: DeserializeOwned>(body: &serde_json::Value) -> Result<T, Problem> {
        parse(body.to_string().as_bytes())
    }
}
