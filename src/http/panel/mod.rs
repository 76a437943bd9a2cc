//! The panel: pages for people who do not write programs. Rendered here, plain forms, whole without JavaScript.
//!
//! A page shows what the API shows and does what the API does, by the API's own functions: there is one place that checks,
//! changes and records. What is the panel's own is signing in ([`session`]), forms ([`form`]) and how things look
//! ([`page`], [`view`], `templates/panel/`, `assets/panel/`).

mod accounts;
mod asked;
mod assets;
mod audit;
mod calls;
mod causes;
mod configuration;
mod endpoints;
mod form;
mod live;
mod log;
mod overview;
mod page;
mod runs;
mod session;
mod sign_in;
mod sources;
mod templates;
mod tokens;
mod view;

use std::sync::Arc;

use axum::{
    Extension, Router, middleware,
    response::Redirect,
    routing::{any, get, post},
};

use self::templates::Pages;
use super::problem::{Problem, ProblemKind};
use crate::app::App;

/// Every page, behind one layer that knows who is signed in.
pub fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    let pages = Router::new()
        .route("/panel", get(overview::show))
        .route("/panel/", get(|| async { Redirect::permanent("/panel") }))
        .route("/panel/live", get(live::changes))
        .route("/panel/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/panel/sign-out", post(sign_in::sign_out))
        .route("/panel/calls", get(calls::list))
        .route("/panel/calls/{id}", get(calls::show))
        .route("/panel/calls/{id}/reprocess", post(calls::reprocess))
        .route("/panel/calls/{id}/erase", post(calls::erase))
        .route("/panel/runs", get(runs::list))
        .route("/panel/runs/{id}", get(runs::show))
        .route("/panel/runs/{id}/retry", post(runs::retry))
        .route("/panel/accounts", get(accounts::list).post(accounts::save))
        .route("/panel/accounts/edit", get(accounts::edit))
        .merge(endpoints::routes())
        .route("/panel/tokens", get(tokens::list).post(tokens::create))
        .route("/panel/tokens/{id}/revoke", post(tokens::revoke))
        .merge(log::routes())
        .merge(sources::routes())
        .merge(audit::routes())
        .merge(configuration::routes())
        .route("/panel/{*other}", any(|| async { Problem::from(ProblemKind::NotFound) }))
        .layer(middleware::from_fn_with_state(Arc::clone(app), page::answer))
        .layer(middleware::from_fn_with_state(Arc::clone(app), session::recognise))
        .layer(Extension(Arc::new(Pages::embedded())));
    pages.route("/panel/assets/{file}", get(assets::serve))
}
