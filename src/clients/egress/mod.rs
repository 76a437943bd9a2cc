//! The one way out to addresses that users of the API chose.
//!
//! A target is resolved, its addresses checked, and the connection made to a checked address and no other, so a name
//! that changes its answer in between gains nothing. No redirect is followed, no proxy of the environment used, reading
//! stops at a cap and the whole exchange at a deadline. Mail servers do not pass here: the operator chose those.

mod addresses;

use std::{error::Error, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::{config::EgressConfig, domain::text};

/// How much of an answer is read: enough to show an administrator what is wrong.
const ANSWER_CAP: usize = 4096;
/// How much of it is kept, in characters.
const EXCERPT_LENGTH: usize = 500;
/// How long a connection may take to come about, within the whole deadline.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Ports of services that are no web servers and that a POST could be made to talk to.
const REFUSED_PORTS: &[u16] =
    &[0, 21, 22, 23, 25, 53, 110, 143, 445, 465, 587, 993, 995, 2049, 3306, 5432, 6379, 11211];

/// Sends to targets that users of the API chose.
#[derive(Clone)]
pub struct Egress {
    client: reqwest::Client,
    guard: Guard,
    allow_http: bool,
}

/// What a target answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header as it came.
    pub retry_after: Option<String>,
    /// The beginning of the body.
    pub excerpt: String,
}

/// Why nothing was sent or no answer came. No variant carries the URL: it may be a credential.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The guard refuses the target; trying again does not help unless its address changes.
    #[error("target refused: {0}")]
    Refused(String),
    /// No whole answer within the deadline.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The name has no address.
    #[error("the name cannot be resolved")]
    Unresolved,
    /// The connection could not be made or broke.
    #[error("{0}")]
    Connection(String),
}

impl Egress {
    /// Builds the client. Fails when the system has no trust roots.
    pub fn new(config: &EgressConfig) -> anyhow::Result<Self> {
        let guard = Guard { allowed: Arc::from(config.allowed_networks.as_slice()) };
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("aftercall/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .no_gzip()
            .connect_timeout(CONNECT_TIMEOUT)
            .dns_resolver(guard.clone());
        let extra =
            config.extra_ca.iter().map(|der| reqwest::Certificate::from_der(der)).collect::<Result<Vec<_>, _>>()?;
        if !extra.is_empty() {
            builder = builder.tls_certs_merge(extra);
        }
        Ok(Self { client: builder.build()?, guard, allow_http: config.allow_http })
    }

    /// Checks what can be told of a target without resolving it; the error is fit for the one who typed it.
    pub fn check(&self, target: &str) -> Result<Url, String> {
        let url = Url::parse(target).map_err(|_| "not an absolute URL".to_owned())?;
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            "http" => return Err("http: is refused (ALLOW_HTTP_ENDPOINTS=on allows it); use https:".to_owned()),
            _ => return Err("not an https: URL".to_owned()),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a user name or password in the URL is refused; send a header instead".to_owned());
        }
        let port = url.port_or_known_default().unwrap_or(0);
        if REFUSED_PORTS.contains(&port) {
            return Err(format!("port {port} is refused: no web server listens there"));
        }
        // A literal address never reaches the resolver.
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) => None,
            None => return Err("the URL names no host".to_owned()),
        };
        if literal.is_some_and(|address| !self.guard.allows(address)) {
            return Err("the address is not public (ALLOWED_PRIVATE_NETWORKS can allow its network)".to_owned());
        }
        Ok(url)
    }

    /// Posts `body` and reads the beginning of the answer, all within `deadline`.
    pub async fn post(
        &self,
        target: &str,
        headers: HeaderMap,
        body: Bytes,
        deadline: Duration,
    ) -> Result<Answer, EgressError> {
        let url = self.check(target).map_err(EgressError::Refused)?;
        let end = tokio::time::Instant::now() + deadline;
        let sending = self.client.post(url).headers(headers).body(body).send();
        let answer = tokio::time::timeout_at(end, sending).await.map_err(|_| EgressError::TimedOut(deadline))?;
        Ok(read(answer.map_err(explain)?, end).await)
    }
}

/// Reads an answer up to the cap or the deadline. A body that breaks off or never ends does not undo a status that has
/// arrived.
async fn read(mut answer: reqwest::Response, end: tokio::time::Instant) -> Answer {
    let mut body = Vec::new();
    while body.len() < ANSWER_CAP {
        match tokio::time::timeout_at(end, answer.chunk()).await {
            Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk[..chunk.len().min(ANSWER_CAP - body.len())]),
            Ok(Ok(None) | Err(_)) | Err(_) => break,
        }
    }
    let retry_after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let excerpt = text::clean(&String::from_utf8_lossy(&body)).unwrap_or_default();
    Answer {
        status: answer.status().as_u16(),
        retry_after: retry_after.map(str::to_owned),
        excerpt: text::shorten(&excerpt, EXCERPT_LENGTH),
    }
}

/// Finds the cause that an administrator can act on.
fn explain(error: reqwest::Error) -> EgressError {
    let error = error.without_url();
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    let mut last = error.to_string();
    while let Some(current) = cause {
        if let Some(refusal) = current.downcast_ref::<Refusal>() {
            return match refusal {
                Refusal::NotPublic => EgressError::Refused(refusal.to_string()),
                Refusal::Unresolved => EgressError::Unresolved,
            };
        }
        if let Some(io) = current.downcast_ref::<io::Error>().filter(|io| io.kind() == io::ErrorKind::ConnectionRefused)
        {
            return EgressError::Connection(format!("connection refused ({})", io.kind()));
        }
        last = current.to_string();
        cause = current.source();
    }
    if error.is_timeout() {
        return EgressError::TimedOut(CONNECT_TIMEOUT);
    }
    EgressError::Connection(last)
}

/// Decides which addresses may be connected to, and resolves names to those only.
#[derive(Clone)]
struct Guard {
    allowed: Arc<[IpNet]>,
}

#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the name leads to an address that is not public (ALLOWED_PRIVATE_NETWORKS can allow its network)")]
    NotPublic,
    #[error("the name cannot be resolved")]
    Unresolved,
}

impl Guard {
    fn allows(&self, address: std::net::IpAddr) -> bool {
        let address = address.to_canonical();
        addresses::is_public(address) || self.allowed.iter().any(|network| network.contains(&address))
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|_| Refusal::Unresolved)?;
            let found: Vec<SocketAddr> = found.collect();
            let allowed: Vec<SocketAddr> = found.iter().copied().filter(|found| guard.allows(found.ip())).collect();
            match (found.is_empty(), allowed.is_empty()) {
                (true, _) => Err(Refusal::Unresolved.into()),
                (false, true) => Err(Refusal::NotPublic.into()),
                (false, false) => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

/// Puts a text into a header; what cannot stand in one becomes `None`.
#[must_use]
pub fn header_value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text).ok()
}
