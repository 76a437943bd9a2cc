//! The overview: is everything well?

use axum::response::Response;
use minijinja::context;

use super::session::Viewer;
use crate::http::problem::Problem;

pub async fn show(viewer: Viewer) -> Result<Response, Problem> {
    viewer.page("overview.html", context! {})
}
