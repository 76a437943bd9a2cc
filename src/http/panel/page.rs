//! How a page is made and answered: what stands on every page, and the headers that keep it to itself.

use std::sync::Arc;

use axum::{
    Extension,
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use minijinja::{Value, context, value::Serde};

use super::{
    session::{Flash, Viewer, random},
    templates::Pages,
};
use crate::http::problem::{self, Problem};

/// What a page may load and where it may be shown: from here, here. No style and no script stands in a page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

impl Viewer {
    /// A page of the panel: `context` beside what stands on every page.
    pub fn page(&self, template: &str, context: Value) -> Result<Response, Problem> {
        let mut response = self.pages.render(template, context! { ..context, ..self.common() })?.into_response();
        if self.flash.is_some() {
            self.cookies.forget(&mut response, "flash");
        }
        Ok(response)
    }

    /// The page of a form that was refused: the same again, with what is wrong, unless that is a matter of the whole request.
    pub fn refused(&self, template: &str, context: Value, problem: Problem) -> Result<Response, Problem> {
        if !is_about_content(&problem) {
            return Err(problem);
        }
        let errors: Value =
            problem.errors().iter().map(|error| (error.pointer.clone(), error.detail.clone())).collect();
        let refusal = context! { detail => problem.detail(), errors };
        let mut response = self.page(template, context! { refusal, ..context })?;
        *response.status_mut() = problem.status();
        Ok(response)
    }

    /// Goes to a page that says what was done.
    pub fn done(&self, page: &str, text: impl Into<String>) -> Response {
        self.go(page, &Flash { is_good: true, text: text.into() })
    }

    /// Goes to a page that says why it was not done, unless that is a matter of the whole request.
    pub fn not_done(&self, page: &str, problem: Problem) -> Result<Response, Problem> {
        if !is_about_content(&problem) {
            return Err(problem);
        }
        let details: Vec<&str> = problem.errors().iter().map(|error| error.detail.as_str()).collect();
        let text = if details.is_empty() { problem.detail().to_owned() } else { details.join("; ") };
        Ok(self.go(page, &Flash { is_good: false, text }))
    }

    fn go(&self, page: &str, flash: &Flash) -> Response {
        let mut response = Redirect::to(page).into_response();
        self.cookies.keep_flash(&mut response, flash);
        response
    }

    fn common(&self) -> Value {
        let path = self.uri.path();
        context! {
            viewer => context! {
                name => self.caller.actor.clone(), role => self.caller.role.as_str(), tenant => self.caller.tenant.clone(),
                may_change => self.may_change(), is_operator => self.caller.is_operator(), is_root => self.caller.is_root,
            },
            csrf => self.csrf.clone(),
            key => random(),
            here => path,
            section => path.split('/').nth(2).unwrap_or_default(),
            now => Serde(self.now()),
            flash => self.flash.as_ref().map(|flash| context! { is_good => flash.is_good, text => flash.text.clone() }),
            refusal => (),
        }
    }
}

/// Whether somebody can put it right and send the form again.
fn is_about_content(problem: &Problem) -> bool {
    matches!(problem.status(), StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY)
}

/// The layer that turns problems into pages, and sets the headers of all of them.
pub async fn answer(
    viewer: Option<Extension<Viewer>>,
    Extension(pages): Extension<Arc<Pages>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    if let Some(problem) = problem::take(&mut response) {
        problem.log_cause(&path);
        response = problem_page(viewer.as_deref(), &pages, &problem);
    }
    keep_to_itself(response)
}

/// The page of a problem that came before it was known who asks.
pub fn outside(pages: &Pages, problem: &Problem, path: &str) -> Response {
    problem.log_cause(path);
    keep_to_itself(problem_page(None, pages, problem))
}

fn keep_to_itself(mut response: Response) -> Response {
    let set = |(name, value): (HeaderName, &'static str), response: &mut Response| {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    };
    for pair in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
    ] {
        set(pair, &mut response);
    }
    response
}

fn problem_page(viewer: Option<&Viewer>, pages: &Pages, problem: &Problem) -> Response {
    let details: Vec<String> = problem.errors().iter().map(|error| error.detail.clone()).collect();
    let context = context! {
        status => problem.status().as_u16(), title => problem.title(), detail => problem.detail(), details,
    };
    let page = match viewer {
        Some(viewer) => viewer.page("problem.html", context),
        None => pages.render("problem_outside.html", context).map(IntoResponse::into_response),
    };
    let mut response = page.unwrap_or_else(IntoResponse::into_response);
    *response.status_mut() = problem.status();
    response
}
