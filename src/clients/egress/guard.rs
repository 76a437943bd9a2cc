//! What may be connected to: targets as they are typed, and addresses as names lead to them.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::pki_types::ServerName;
use url::{Host, Url};

use super::addresses::is_public;
use crate::config::EgressConfig;

/// Ports of services that are no web servers and that a POST could be made to talk to.
const REFUSED_PORTS: &[u16] = &[
    0, 21, 22, 23, 25, 53, 110, 111, 119, 135, 139, 143, 389, 445, 465, 514, 515, 587, 636, 873, 993, 995, 1433, 1521,
    2049, 3306, 3389, 4190, 5060, 5061, 5432, 6000, 6379, 6667, 6697, 11211, 27017,
];

/// Finds the addresses of a name. What it answers is checked each time, and nothing else is connected to.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// Decides which targets and addresses may be connected to, and resolves names to those only.
#[derive(Clone)]
pub(super) struct Guard {
    allowed: Arc<[IpNet]>,
    allow_http: bool,
    lookup: Lookup,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the name leads to an address that is not public (ALLOWED_PRIVATE_NETWORKS can allow its network)")]
    NotPublic,
    #[error("the name cannot be resolved")]
    Unresolved,
}

impl Guard {
    pub(super) fn new(config: &EgressConfig, lookup: Lookup) -> Self {
        Self { allowed: Arc::from(config.allowed_networks.as_slice()), allow_http: config.allow_http, lookup }
    }

    pub(super) fn check(&self, target: &str) -> Result<Url, String> {
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
            Some(Host::Domain(name)) if ServerName::try_from(name).is_err() => {
                return Err("the URL's host is neither an address nor a name that can be resolved".to_owned());
            }
            Some(Host::Domain(_)) => None,
            None => return Err("the URL names no host".to_owned()),
        };
        if literal.is_some_and(|address| !self.allows(address)) {
            return Err("the address is not public (ALLOWED_PRIVATE_NETWORKS can allow its network)".to_owned());
        }
        // Some characters are fine in a URL as browsers read it and not in a request.
        http::Uri::try_from(url.as_str()).map_err(|_| "the URL cannot be requested; percent-encode it".to_owned())?;
        Ok(url)
    }

    /// A mapped address (`::ffff:0:0/96`) is the IPv4 address it stands for. Other forms with one inside are their own
    /// network: to allow `127.0.0.0/8` allows no NAT64 that leads there.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.allowed.iter().any(|network| network.contains(&address))
    }

    /// The addresses of a name that may be connected to. Others beside them are left out and harm nobody: names that
    /// lead to a private address inside a company and to a public one outside are common.
    async fn addresses(&self, name: String) -> Result<Vec<SocketAddr>, Refusal> {
        let found = (self.lookup)(name).await.map_err(|_| Refusal::Unresolved)?;
        if found.is_empty() {
            return Err(Refusal::Unresolved);
        }
        let allowed: Vec<SocketAddr> = found.into_iter().filter(|found| self.allows(found.ip())).collect();
        if allowed.is_empty() { Err(Refusal::NotPublic) } else { Ok(allowed) }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move { Ok(Box::new(guard.addresses(name.as_str().to_owned()).await?.into_iter()) as Addrs) })
    }
}

/// Asks the system, as every program does.
pub(super) fn system() -> Lookup {
    Arc::new(|name| Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) }))
}
