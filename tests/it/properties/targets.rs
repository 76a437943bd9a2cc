//! Targets that users of the API chose, and the addresses their names lead to: one a line.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use aftercall::{
    clients::egress::{Egress, EgressError},
    config::EgressConfig,
};
use bytes::Bytes;
use http::HeaderMap;
use ipnet::IpNet;
use tokio::runtime::{Builder, Runtime};
use url::Host;

use super::{
    fields, given,
    registry::{net, should_allow},
};

/// Ports of mail servers, databases and the like: a sample of what is refused.
const REFUSED_PORTS: &[u16] = &[0, 22, 25, 53, 110, 465, 587, 3306, 5432, 6379, 11211];

struct World {
    runtime: Runtime,
    /// What every name leads to.
    found: Arc<Mutex<Vec<SocketAddr>>>,
    /// As it is unless configured otherwise.
    strict: Egress,
    /// One that takes `http:` and a private network.
    open: Egress,
    listed: Vec<IpNet>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let found: Arc<Mutex<Vec<SocketAddr>>> = Arc::default();
    let egress = |config: &EgressConfig| {
        let found = Arc::clone(&found);
        let lookup = move |_| {
            let answer = found.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Box::pin(std::future::ready(Ok(answer))) as _
        };
        Egress::with_lookup(config, Arc::new(lookup)).expect("trust roots")
    };
    let listed = vec![net("10.1.0.0/16"), net("fd00::/8")];
    let open = EgressConfig { allowed_networks: listed.clone(), allow_http: true, extra_ca: Vec::new() };
    World {
        runtime: Builder::new_current_thread().enable_all().build().expect("a runtime"),
        strict: egress(&EgressConfig::default()),
        open: egress(&open),
        found,
        listed,
    }
});

/// Whatever a target looks like, what would be connected to is public or listed; a name that leads elsewhere is refused.
pub fn hold(data: &[u8]) {
    let Some(([target, address], _)) = fields(data) else { return };
    let is_open = check(&WORLD.open, target, &WORLD.listed);
    let is_strict = check(&WORLD.strict, target, &[]);
    assert!(is_open || !is_strict, "what is allowed by itself is allowed beside more");

    let name = url::Url::parse(target).ok().and_then(|url| url.domain().map(str::to_owned));
    let inside = given(address).and_then(|address| address.parse().ok());
    let inside = inside.filter(|address: &IpAddr| !should_allow(*address, &WORLD.listed));
    if let (true, Some(_), Some(inside)) = (is_open, name, inside) {
        *WORLD.found.lock().unwrap_or_else(PoisonError::into_inner) = vec![SocketAddr::new(inside, 0)];
        let sending = WORLD.open.post(target, HeaderMap::new(), Bytes::new(), Duration::from_secs(5));
        let answer = WORLD.runtime.block_on(sending);
        assert!(matches!(answer, Err(EgressError::Refused(_))), "{target} at {inside}: {answer:?}");
    }
}

fn check(egress: &Egress, target: &str, listed: &[IpNet]) -> bool {
    let url = match egress.check(target) {
        Ok(url) => url,
        Err(why) => {
            assert!(why.len() < 120 && !why.is_empty(), "a refusal does not repeat the target: {why}");
            return false;
        }
    };
    assert!(url.scheme() == "https" || (!listed.is_empty() && url.scheme() == "http"), "{url}");
    assert!(url.username().is_empty() && url.password().is_none(), "{url}");
    assert!(!REFUSED_PORTS.contains(&url.port_or_known_default().unwrap_or(0)), "{url}");
    match url.host().expect("a host") {
        Host::Ipv4(address) => assert!(should_allow(address.into(), listed), "{url}"),
        Host::Ipv6(address) => assert!(should_allow(address.into(), listed), "{url}"),
        // A resolver reads forms of addresses too: no name may be one.
        Host::Domain(name) => assert!(!reads_as_address(name), "{url}"),
    }
    assert_eq!(egress.check(url.as_str()).as_ref(), Ok(&url), "what was checked is what is asked");
    true
}

/// Whether a resolver would take a name for an address, with less than four numbers or in another base.
fn reads_as_address(name: &str) -> bool {
    let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let hex = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hex || (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit())) || name.parse::<IpAddr>().is_ok()
}
