//! The API document: generated from the handlers, so a route that is not described cannot exist.

mod refine;

use std::sync::Arc;

use axum::Router;
use serde_json::Value;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
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
        (name = "events", description = "What can be told, and telling it"),
        (name = "calls", description = "Calls and their runs"),
        (name = "accounts", description = "Customers"),
        (name = "sources", description = "Connections that callbacks come in by"),
        (name = "access", description = "Tokens, tenants, and who changed what"),
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
pub fn described_routes() -> (Router<Arc<App>>, Value) {
    let (router, document) = routes().split_for_parts();
    let mut document = serde_json::to_value(document).expect("a document always becomes JSON");
    refine::refine(&mut document);
    (router, document)
}

/// The document as it is served, printed and committed.
#[must_use]
pub fn document() -> String {
    let document = described_routes().1;
    serde_json::to_string_pretty(&document).expect("JSON always becomes text") + "\n"
}

fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(webhooks::gong::default_source))
        .routes(routes!(webhooks::gong::named_source))
        .routes(routes!(admin::endpoints::list, admin::endpoints::create::create))
        .routes(routes!(admin::endpoints::read, admin::endpoints::change::change, admin::endpoints::delete))
        .routes(routes!(admin::endpoints::change::toggle))
        .routes(routes!(admin::endpoints::secret::rotate))
        .routes(routes!(admin::endpoints::send::recover))
        .routes(routes!(admin::endpoints::send::test))
        .routes(routes!(admin::logs::list))
        .routes(routes!(admin::logs::read))
        .routes(routes!(admin::logs::retry))
        .routes(routes!(admin::events::list))
        .routes(routes!(admin::events::raise))
        .routes(routes!(admin::calls::list))
        .routes(routes!(admin::calls::read, admin::calls::erase))
        .routes(routes!(admin::calls::reprocess))
        .routes(routes!(admin::runs::list))
        .routes(routes!(admin::runs::read))
        .routes(routes!(admin::runs::retry))
        .routes(routes!(admin::accounts::list))
        .routes(routes!(admin::accounts::put))
        .routes(routes!(admin::sources::list, admin::sources::create))
        .routes(routes!(admin::sources::delete))
        .routes(routes!(admin::tokens::list, admin::tokens::create))
        .routes(routes!(admin::tokens::revoke))
        .routes(routes!(admin::tenants::list, admin::tenants::create))
        .routes(routes!(admin::tenants::change, admin::tenants::delete))
        .routes(routes!(admin::audit_log::list))
        .routes(routes!(admin::stats::read))
        .routes(routes!(admin::config::check))
        .routes(routes!(admin::jobs::run))
}

/// `/openapi.json` and Swagger UI at `/docs`, without outside assets.
pub fn pages(document: Value) -> Router<Arc<App>> {
    SwaggerUi::new("/docs").external_url_unchecked("/openapi.json", document).into()
}
