//! Who is signed in. A session begins with an access token, and ends with it.

mod cookies;

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use chrono::{DateTime, TimeDelta, Utc};
use http::{Method, Uri, request::Parts, uri::PathAndQuery};
use secrecy::ExposeSecret;
use uuid::Uuid;

pub use self::cookies::{Cookies, Flash};
use super::{page, templates::Pages};
use crate::{
    app::App,
    db::sessions::{self, SessionLimits, SessionRow},
    domain::access::{Role, token_hash},
    http::{auth::Caller, client_address::client_address, problem::Problem},
};

/// A session ends when it was not used for so long, and a cookie that was renewed is taken for so long.
const LIMITS: SessionLimits = SessionLimits { idle: TimeDelta::hours(12), previous_cookie: TimeDelta::minutes(5) };
/// A session ends after so long, however much it is used.
pub(super) const LIFETIME: TimeDelta = TimeDelta::days(7);
/// A cookie is renewed when it is so old.
const RENEW_AFTER: TimeDelta = TimeDelta::hours(1);

/// Somebody who is signed in and looks at a page.
#[derive(Clone)]
pub struct Viewer {
    /// The service.
    pub app: Arc<App>,
    /// Who it is.
    pub caller: Caller,
    /// What the forms of this session carry.
    pub csrf: String,
    /// Where the page is.
    pub uri: Uri,
    pub(super) session: Uuid,
    pub(super) pages: Arc<Pages>,
    pub(super) flash: Option<Flash>,
    pub(super) cookies: Cookies,
}

impl Viewer {
    /// When the page is made.
    pub fn now(&self) -> DateTime<Utc> {
        self.app.clock.now()
    }

    /// Whose data it sees.
    pub fn tenant(&self) -> &str {
        &self.caller.tenant
    }

    /// Whether it may change anything: pages show no button to others.
    pub fn may_change(&self) -> bool {
        self.caller.role == Role::Admin
    }
}

impl FromRequestParts<Arc<App>> for Viewer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Response> {
        match parts.extensions.get::<Viewer>() {
            Some(viewer) => Ok(viewer.clone()),
            None => Err(Redirect::to(&sign_in_url(parts)).into_response()),
        }
    }
}

/// Where a request that needs a session is sent. A page that was asked for is come back to.
fn sign_in_url(parts: &Parts) -> String {
    let page = parts.uri.path_and_query().map_or("/panel", PathAndQuery::as_str);
    let next = if parts.method == Method::GET { page } else { "/panel" };
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    format!("/panel/sign-in?{query}")
}

/// The layer that looks up who is signed in, and renews the cookie now and then.
pub async fn recognise(
    State(app): State<Arc<App>>,
    axum::Extension(pages): axum::Extension<Arc<Pages>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let cookies = Cookies::new(&app, &parts);
    let found = match find(&app, &cookies).await {
        Ok(found) => found,
        Err(problem) => return page::outside(&pages, &problem, parts.uri.path()),
    };
    let renewed = match &found {
        Some((hash, row)) if parts.method == Method::GET => renew(&app, hash, row).await,
        _ => None,
    };
    if let Some((_, row)) = found {
        let address = client_address(&parts, &app.config.service.trusted_proxies);
        parts.extensions.insert(Viewer {
            caller: caller(&row, address),
            csrf: row.csrf,
            session: row.id,
            uri: parts.uri.clone(),
            app,
            pages,
            flash: cookies.flash(),
            cookies: cookies.clone(),
        });
    }
    parts.extensions.insert(cookies.clone());
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(secret) = renewed {
        cookies.keep_session(&mut response, &secret);
    }
    response
}

async fn find(app: &App, cookies: &Cookies) -> Result<Option<(Vec<u8>, SessionRow)>, Problem> {
    let Some(secret) = cookies.session() else { return Ok(None) };
    let hash = token_hash(secret);
    let admin = token_hash(app.admin_token.expose_secret());
    let row = sessions::use_session(&app.pool, &hash, &admin, LIMITS, app.clock.now()).await?;
    Ok(row.map(|row| (hash, row)))
}

/// A new cookie's value, if it is time for one. Should that fail, the old one is as good.
async fn renew(app: &App, hash: &[u8], row: &SessionRow) -> Option<String> {
    let now = app.clock.now();
    if !row.is_current || now - row.renewed_at < RENEW_AFTER {
        return None;
    }
    let secret = random();
    let renewed = sessions::renew_cookie(&app.pool, row.id, hash, &token_hash(&secret), now).await;
    renewed.unwrap_or(false).then_some(secret)
}

fn caller(row: &SessionRow, address: Option<IpAddr>) -> Caller {
    match &row.token {
        None => Caller::root(address),
        Some(token) => Caller::with_token(token.id, token.tenant.clone(), &token.name, token.role, address),
    }
}

/// A value that nobody guesses: 256 bits.
pub(super) fn random() -> String {
    let mut bytes = [0u8; 32];
    rand::fill(&mut bytes);
    hex::encode(bytes)
}
