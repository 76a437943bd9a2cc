//! Whether what is configured would work.

use std::sync::Arc;

use axum::{Json, extract::State};

use crate::{
    app::App,
    http::{
        extract::Caller,
        problem::{Problem, ProblemBody},
    },
    systems::Report,
};

#[utoipa::path(
    get, path = "/api/v1/admin/config/check", tag = "configuration", operation_id = "check_config",
    summary = "Contact each configured system and say what does not work", security(("token" = [])),
    responses((status = 200, description = "What was found, whether or not all of it works", body = Report),
              (status = 401, body = ProblemBody)),
)]
pub async fn check(State(app): State<Arc<App>>, _caller: Caller) -> Result<Json<Report>, Problem> {
    Ok(Json(app.systems.check().await))
}
