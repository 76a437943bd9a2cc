//! Whether what is configured would work.

use std::sync::Arc;

use axum::{Json, extract::State};

use crate::{
    app::App,
    http::{auth::Operator, problem::Problem},
    systems::Report,
};

#[utoipa::path(
    get, path = "/api/v1/admin/config/check", tag = "configuration", operation_id = "check_config",
    summary = "Contact each configured system and say what does not work", security(("token" = [])),
    responses((status = 200, description = "What was found, whether or not all of it works", body = Report)),
)]
pub async fn check(State(app): State<Arc<App>>, Operator(_caller): Operator) -> Result<Json<Report>, Problem> {
    Ok(Json(app.systems.check().await))
}
