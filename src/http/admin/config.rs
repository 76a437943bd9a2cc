//! Whether what is configured would work.

use std::sync::Arc;

use axum::{Json, extract::State};

use crate::{
    app::App,
    http::{auth::Operator, problem::Problem},
    jobs,
    systems::Report,
};

#[utoipa::path(
    get, path = "/api/v1/admin/config/check", tag = "configuration", operation_id = "check_config",
    summary = "Contact each configured system and say what does not work", security(("token" = [])),
    responses((status = 200, description = "What was found, whether or not all of it works", body = Report)),
)]
pub async fn check(State(app): State<Arc<App>>, Operator(_caller): Operator) -> Result<Json<Report>, Problem> {
    let report = app.systems.check().await;
    // As the command does: what cannot be opened would be found with the first delivery.
    Ok(Json(match jobs::check_seals(&app.pool, &app.key_ring).await {
        Ok(()) => report,
        Err(error) => report.with_lost_key(&error),
    }))
}
