//! Signing in with an access token, and out.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{StatusCode, request::Parts};
use minijinja::context;
use secrecy::ExposeSecret;

use super::{
    form::{self, Fields, Posted},
    session::{Cookies, LIFETIME, Viewer, random},
    templates::Pages,
};
use crate::{
    app::App,
    db::{
        audit::{NewAudit, insert_audit},
        sessions::{self, NewSession},
    },
    domain::access::token_hash,
    http::{
        auth::{Caller, identify},
        problem::{Problem, ProblemKind},
    },
};

pub async fn show(
    viewer: Option<Extension<Viewer>>,
    Extension(pages): Extension<Arc<Pages>>,
    Extension(cookies): Extension<Cookies>,
    request: Request,
) -> Result<Response, Problem> {
    let query = request.uri().query().unwrap_or_default();
    let asked = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "next").map(|(_, next)| next);
    let next = next_page(asked.as_deref().unwrap_or_default());
    if viewer.is_some() {
        return Ok(Redirect::to(&next).into_response());
    }
    form_page(&pages, &cookies, &next, None)
}

pub async fn sign_in(
    State(app): State<Arc<App>>,
    Extension(pages): Extension<Arc<Pages>>,
    Extension(cookies): Extension<Cookies>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let fields = form::read(Request::from_parts(parts.clone(), body)).await?;
    form::prove(&fields, cookies.visit().unwrap_or_default())?;
    let next = next_page(fields.text("next"));
    match begin(&app, &parts, &fields).await {
        Ok(secret) => {
            let mut response = Redirect::to(&next).into_response();
            cookies.keep_session(&mut response, &secret);
            cookies.forget(&mut response, "visit");
            Ok(response)
        }
        Err(problem) if problem.status().is_client_error() => form_page(&pages, &cookies, &next, Some(&problem)),
        Err(problem) => Err(problem),
    }
}

/// Begins a session and returns its cookie's value.
async fn begin(app: &App, parts: &Parts, fields: &Fields) -> Result<String, Problem> {
    let token = fields.text("token");
    let (caller, token_id) = identify(parts, app, token).await?;
    if !caller.role.reads() {
        let detail = "a token of role producer only raises events; the panel takes one of role admin or viewer";
        return Err(Problem::new(ProblemKind::Forbidden, detail));
    }
    let (secret, csrf, now) = (random(), random(), app.clock.now());
    let session = NewSession {
        token_id,
        token_hash: &token_hash(if caller.is_root { app.admin_token.expose_secret() } else { token }),
        cookie_hash: &token_hash(&secret),
        csrf: &csrf,
        expires_at: now + LIFETIME,
    };
    let mut tx = app.pool.begin().await?;
    sessions::insert_session(&mut *tx, &session, now).await?;
    insert_audit(&mut *tx, visit(&caller, "panel.sign_in"), now).await?;
    tx.commit().await?;
    Ok(secret)
}

pub async fn sign_out(State(app): State<Arc<App>>, Posted { viewer, .. }: Posted) -> Result<Response, Problem> {
    let mut tx = app.pool.begin().await?;
    sessions::delete_session(&mut *tx, viewer.session).await?;
    insert_audit(&mut *tx, visit(&viewer.caller, "panel.sign_out"), app.clock.now()).await?;
    tx.commit().await?;
    let mut response = Redirect::to("/panel/sign-in").into_response();
    viewer.cookies.forget(&mut response, "session");
    Ok(response)
}

fn visit<'a>(caller: &'a Caller, action: &'a str) -> NewAudit<'a> {
    NewAudit {
        tenant: &caller.tenant,
        actor: &caller.actor,
        address: caller.address.clone(),
        action,
        object: "panel".to_owned(),
        before: None,
        after: None,
    }
}

fn form_page(pages: &Pages, cookies: &Cookies, next: &str, problem: Option<&Problem>) -> Result<Response, Problem> {
    let secret = random();
    let problem_text = problem.map(Problem::detail);
    let html = pages.render("sign_in.html", context! { csrf => &secret, next, problem => problem_text })?;
    let status = problem.map_or(StatusCode::OK, Problem::status);
    let mut response = (status, html).into_response();
    cookies.keep_visit(&mut response, &secret);
    Ok(response)
}

/// The page to go to afterwards: one of ours, whatever the link says.
fn next_page(asked: &str) -> String {
    let is_panel = asked == "/panel" || asked.starts_with("/panel/") || asked.starts_with("/panel?");
    let is_plain = !asked.contains('\\') && !asked.chars().any(char::is_control);
    if is_panel && is_plain { asked } else { "/panel" }.to_owned()
}
