//! Who calls the admin API, and what that token may do.
//!
//! A handler says by the type of its first argument whom it lets in, so the question is answered before anything of the
//! request's body is read.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc};

use axum::extract::FromRequestParts;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};
use http::{header, request::Parts};
use secrecy::ExposeSecret;

use super::{
    client_address::client_address,
    problem::{Problem, ProblemKind},
};
use crate::{
    app::App,
    db::tokens,
    domain::{
        access::{OWN_TENANT, Role, token_hash},
        ids::TokenId,
        signature::same_secret,
    },
};

/// Wrong tokens that an address may try in a minute. Tokens are too long to be guessed; this bounds what trying costs, and
/// a good token still gets in, so nobody is locked out by a neighbour behind the same address.
const WRONG_TOKENS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("not zero");
/// From so many addresses on, those that have been quiet are forgotten.
const ADDRESSES: usize = 10_000;

/// The authenticated caller of the admin API.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose data it may see.
    pub tenant: String,
    /// Who it is, for the audit.
    pub actor: String,
    /// From where it calls.
    pub address: Option<String>,
    /// What it may do.
    pub role: Role,
    /// Whether it is `ADMIN_TOKEN`, which manages tenants.
    pub is_root: bool,
}

/// Anybody who may read: admins and viewers.
pub struct Reader(pub Caller);
/// An admin of its tenant.
pub struct Admin(pub Caller);
/// Anybody who may raise events: admins and producers.
pub struct Raiser(pub Caller);
/// An admin of the tenant that the service itself belongs to: what concerns all tenants is its business.
pub struct Operator(pub Caller);
/// `ADMIN_TOKEN`.
pub struct Root(pub Caller);

impl FromRequestParts<Arc<App>> for Reader {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let needs = "reading takes a token of role admin or viewer";
        allow(parts, app, |caller| caller.role.reads(), needs).await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for Admin {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        allow(parts, app, |caller| caller.role == Role::Admin, "this takes a token of role admin").await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for Raiser {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let needs = "raising events takes a token of role producer or admin";
        allow(parts, app, |caller| caller.role.raises(), needs).await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let needs = "this concerns the whole service: it takes an admin token of the tenant default";
        allow(parts, app, Caller::is_operator, needs).await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for Root {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        allow(parts, app, |caller| caller.is_root, "tenants are managed with ADMIN_TOKEN only").await.map(Self)
    }
}

async fn allow(
    parts: &Parts,
    app: &App,
    may: impl FnOnce(&Caller) -> bool,
    needs: &'static str,
) -> Result<Caller, Problem> {
    let caller = authenticate(parts, app).await?;
    if may(&caller) { Ok(caller) } else { Err(Problem::new(ProblemKind::Forbidden, needs)) }
}

async fn authenticate(parts: &Parts, app: &App) -> Result<Caller, Problem> {
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token =
        header.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, token)) = token else {
        return Err(Problem::new(ProblemKind::Unauthorized, "send Authorization: Bearer <token>"));
    };
    identify(parts, app, token.trim()).await.map(|(caller, _)| caller)
}

/// Whose token this is, with its id if it has one: `ADMIN_TOKEN` is no row. Wrong ones are counted by address.
pub async fn identify(parts: &Parts, app: &App, token: &str) -> Result<(Caller, Option<TokenId>), Problem> {
    let address = client_address(parts, &app.config.service.trusted_proxies);
    if same_secret(token, app.admin_token.expose_secret()) {
        return Ok((Caller::root(address), None));
    }
    match tokens::use_token(&app.pool, &token_hash(token), app.clock.now()).await? {
        Some(known) => {
            Ok((Caller::with_token(known.id, known.tenant, &known.name, known.role, address), Some(known.id)))
        }
        None => Err(parts.extensions.get::<Arc<WrongTokens>>().map_or_else(unknown, |wrong| wrong.note(address))),
    }
}

impl Caller {
    /// Whoever has `ADMIN_TOKEN`.
    pub fn root(address: Option<IpAddr>) -> Self {
        Self {
            tenant: OWN_TENANT.to_owned(),
            actor: "ADMIN_TOKEN".to_owned(),
            address: address.map(|address| address.to_string()),
            role: Role::Admin,
            is_root: true,
        }
    }

    /// Whoever has a token that was made.
    pub fn with_token(id: TokenId, tenant: String, name: &str, role: Role, address: Option<IpAddr>) -> Self {
        let address = address.map(|address| address.to_string());
        Self { tenant, actor: format!("{id} ({name})"), address, role, is_root: false }
    }

    /// Whether what concerns the whole service is its business.
    pub fn is_operator(&self) -> bool {
        self.role == Role::Admin && self.tenant == OWN_TENANT
    }
}

fn unknown() -> Problem {
    Problem::new(ProblemKind::Unauthorized, "the token is not known, has ended or was revoked")
}

/// Counts wrong tokens by address, in this process.
pub struct WrongTokens(DefaultKeyedRateLimiter<Option<IpAddr>>);

impl Default for WrongTokens {
    fn default() -> Self {
        Self(RateLimiter::keyed(Quota::per_minute(WRONG_TOKENS_PER_MINUTE)))
    }
}

impl WrongTokens {
    fn note(&self, address: Option<IpAddr>) -> Problem {
        if self.0.len() > ADDRESSES {
            self.0.retain_recent();
        }
        match self.0.check_key(&address.map(network)) {
            Ok(()) => unknown(),
            Err(until) => {
                let wait = until.wait_time_from(governor::clock::DefaultClock::default().now());
                Problem::too_many("too many wrong tokens from this address", wait.as_secs() + 1)
            }
        }
    }
}

/// What one customer of a provider has: an IPv4 address, or the first half of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => std::net::Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> 64)).into(),
    }
}
