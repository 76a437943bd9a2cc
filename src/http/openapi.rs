//! The API document: generated from the handlers, so a route that is not described cannot exist.

use std::sync::Arc;

use axum::Router;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        RefOr,
        path::Operation,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::SwaggerUi;

use super::{admin, webhooks};
use crate::app::App;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "aftercall",
        description = "Turns recorded customer calls into summaries, documents and notifications, and can prove it.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    modifiers(&BearerToken),
    tags(
        (name = "callbacks", description = "Where calls come in"),
        (name = "endpoints", description = "Where notifications go"),
        (name = "log", description = "Every delivery with every attempt"),
        (name = "calls", description = "Calls and their runs"),
        (name = "configuration", description = "Whether what is configured works"),
    ),
)]
struct Document;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

/// Every described route, and the document that describes them.
pub fn described_routes() -> (Router<Arc<App>>, utoipa::openapi::OpenApi) {
    let (router, mut document) = routes().split_for_parts();
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        operations.into_iter().flatten().for_each(give_problems_their_type);
    }
    (router, document)
}

/// The document as it is served, printed and committed.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    described_routes().1
}

fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(webhooks::gong::default_source))
        .routes(routes!(webhooks::gong::named_source))
        .routes(routes!(admin::endpoints::list, admin::endpoints::create))
        .routes(routes!(admin::endpoints::read, admin::endpoints::delete))
        .routes(routes!(admin::endpoints::toggle))
        .routes(routes!(admin::endpoints::test))
        .routes(routes!(admin::logs::list))
        .routes(routes!(admin::logs::read))
        .routes(routes!(admin::logs::retry))
        .routes(routes!(admin::calls::list))
        .routes(routes!(admin::calls::read))
        .routes(routes!(admin::runs::list))
        .routes(routes!(admin::runs::read))
        .routes(routes!(admin::runs::retry))
        .routes(routes!(admin::config::check))
}

/// Problems have a media type of their own (RFC 9457).
fn give_problems_their_type(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if status.as_str() >= "400"
            && let Some(content) = response.content.shift_remove("application/json")
        {
            response.content.insert("application/problem+json".to_owned(), content);
        }
    }
}

/// `/openapi.json` and Swagger UI at `/docs`, without outside assets.
pub fn pages(document: utoipa::openapi::OpenApi) -> Router<Arc<App>> {
    SwaggerUi::new("/docs").url("/openapi.json", document).into()
}
