//! From where a request comes: the connection's other end, or what a trusted proxy says it was.

use std::net::{IpAddr, SocketAddr};

use http::request::Parts;
use ipnet::IpNet;

/// The address of the client. Each proxy appends the address it was called from to `X-Forwarded-For`, so the list is read
/// from its end, and the first address that is no trusted proxy is the client: what stands before it anybody can write.
pub fn client_address(parts: &Parts, trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut address = parts.extensions.get::<SocketAddr>()?.ip().to_canonical();
    let forwarded = parts.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let forwarded: Vec<&str> = forwarded.flat_map(|value| value.split(',')).collect();
    for claimed in forwarded.iter().rev() {
        if !is_trusted(&address) {
            break;
        }
        let Ok(claimed) = claimed.trim().parse::<IpAddr>() else { break };
        address = claimed.to_canonical();
    }
    Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut request = http::Request::builder().extension(format!("{peer}:1").parse::<SocketAddr>().unwrap());
        for value in forwarded {
            request = request.header("x-forwarded-for", *value);
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        let (parts, ()) = request.body(()).unwrap().into_parts();
        client_address(&parts, &trusted).unwrap().to_string()
    }

    #[test]
    fn without_a_trusted_proxy_the_header_says_nothing() {
        assert_eq!(address("203.0.113.7", &["198.51.100.1"], &[]), "203.0.113.7");
        assert_eq!(address("203.0.113.7", &["198.51.100.1"], &["10.0.0.0/8"]), "203.0.113.7");
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxy_is_the_client() {
        let forged = ["1.2.3.4, 198.51.100.1", "10.0.0.9"];
        assert_eq!(address("10.0.0.1", &forged, &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(address("10.0.0.1", &["nonsense"], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &[], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(address("[::ffff:10.0.0.1]", &["2001:db8::1"], &["10.0.0.0/8"]), "2001:db8::1");
    }
}
